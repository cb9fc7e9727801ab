"""From how noisy a source an edit should start: adherence, seam and tone by kind of edit and strength."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from fetalflex.anatomy import Layout, PlacedStructure, Registry
from fetalflex.anatomy.box_pixels import inside_ellipse
from fetalflex.evaluation.adherence.layout_edits import with_one_moved
from fetalflex.evaluation.intervals import Estimate, patient_draws, sampled_mean, share_estimate
from fetalflex.evaluation.kept import KeptSyntheses
from fetalflex.evaluation.metrics.region_rulers import RegionSet, ruler_metrics, values_of_regions
from fetalflex.evaluation.samples import Sample
from fetalflex.evaluation.tables import percent, shown, table_head, table_row
from fetalflex.files.json_files import JsonObject
from fetalflex.pipeline.pipeline import FetalFlexPipeline
from fetalflex.pipeline.sampling import Sampling
from fetalflex.progress import OnProgress, tell_nobody

Image = NDArray[np.uint8]
Mask = NDArray[np.bool_]

STRENGTHS = (0.6, 0.8, 0.9, 1.0)
KINDS = ("moved", "enlarged", "shrunk", "removed")
FOLLOWS = 0.5
_LARGER, _SMALLER = 1.5, 0.6
_LEAST_CONTRAST = 15.0  # grey levels; less than that is within the speckle
_FEWEST_PIXELS = 16
_RING = 6  # pixels round a structure that are taken for its surroundings
_FORMAT = "fetalflex/strengths-report"
_SHOWN = (
    ("seam_ratio", "step across the rim over the real one", 2),
    ("tone_error", "mean grey, absolute difference", 1),
    ("texture", "power 0.21-0.38, dB", 1),
)

EXPLANATION = (
    "One structure of each image, that which differs most in grey from its surroundings, is moved by half its size, "
    f"enlarged {_LARGER:g} times, shrunk to {_SMALLER:g}, or removed, and only what changes is synthesised, from the "
    "source's own latents noised so far as the strength says. Way is how far the grey of what the structure newly "
    "covers goes to the structure's own, and of what it leaves to its surroundings'; 1 is all of it, the edit is "
    f"followed from {FOLLOWS:g} on. Seam, tone and texture are those of the region that was synthesised, against the "
    "source, which shows the structure where it was."
)


@dataclass(frozen=True)
class StrengthEdit:
    """One edit of one image.

    Args:
        sample: The image.
        kind: One of `KINDS`.
        edited: Its layout afterwards.
        covered: Pixels that the structure covers afterwards alone, (H, W) bool.
        left: Pixels that it covered before alone, (H, W) bool.
        own: Mean grey of the structure in the source.
        around: Mean grey of its surroundings in the source.
    """

    sample: Sample
    kind: str
    edited: Layout
    covered: Mask
    left: Mask
    own: float
    around: float

    def way(self, image: Image) -> float:
        """Return how far the edit goes in a synthesis, (H, W) uint8: 1 all the way, 0 not at all."""
        source, found = self.sample.image(), []
        for pixels, wanted in ((self.covered, self.own), (self.left, self.around)):
            if np.count_nonzero(pixels) >= _FEWEST_PIXELS:
                was = float(source[pixels].mean())
                if abs(wanted - was) >= _LEAST_CONTRAST:
                    found.append((float(image[pixels].mean()) - was) / (wanted - was))
        return float(np.mean(found)) if found else float("nan")

    def name(self, strength: float) -> str:
        """Return what the synthesis of that strength is called."""
        return f"{self.sample.name}.{self.kind}.{round(100 * strength):03d}"


@dataclass(frozen=True)
class StrengthResult:
    """What edits of one kind become at one strength.

    Args:
        kind: One of `KINDS`.
        strength: Share of the sampling steps that was gone.
        follows: Share of the images that follow.
        way: Mean of how far they go.
        rulers: Texture, seam and tone of the regions, by the names of `RULERS`.
    """

    kind: str
    strength: float
    follows: Estimate
    way: Estimate
    rulers: Mapping[str, Estimate]


def plan_strength_edits(samples: Sequence[Sample], registry: Registry) -> list[StrengthEdit]:
    """Return the edits of each image that holds a structure that differs from its surroundings by 15 grey levels."""
    edits: list[StrengthEdit] = []
    for sample in samples:
        chosen = _most_different(sample, registry)
        if chosen is not None:
            edits.extend(_edits_of(sample, registry, *chosen))
    return edits


def synthesise_strengths(
    pipeline: FetalFlexPipeline,
    edits: Sequence[StrengthEdit],
    kept: KeptSyntheses,
    sampling: Sampling,
    strengths: Sequence[float] = STRENGTHS,
    seed: int = 0,
    on_progress: OnProgress = tell_nobody,
) -> None:
    """Synthesise what is not finished yet, each edit in every strength with the same seed.

    Args:
        pipeline: The model.
        edits: What to make.
        kept: Where finished images lie.
        sampling: How to sample; its own strength does not count.
        strengths: In (0, 1].
        seed: The image at position i has the seed `seed` + i.
        on_progress: Called with the number of syntheses that are done.
    """
    for done, (edit, strength) in enumerate(((edit, strength) for edit in edits for strength in strengths), 1):
        name = edit.name(strength)
        if not kept.has(name):
            kept.add(
                name,
                pipeline.edit(
                    edit.sample.image(),
                    edit.sample.layout,
                    edit.edited,
                    seed=seed + edit.sample.position,
                    sampling=sampling.replace(strength=strength),
                ),
            )
        on_progress(done)


def judge_strengths(
    pipeline: FetalFlexPipeline,
    edits: Sequence[StrengthEdit],
    kept: KeptSyntheses,
    strengths: Sequence[float] = STRENGTHS,
) -> list[StrengthResult]:
    """Measure finished syntheses, by kind of edit and strength."""
    grouped: dict[str, list[StrengthEdit]] = defaultdict(list)
    for edit in edits:
        grouped[edit.kind].append(edit)
    return [
        result
        for kind in KINDS
        for strength in strengths
        if (result := _judged(pipeline, kind, strength, grouped[kind], kept)) is not None
    ]


def strengths_values(results: Sequence[StrengthResult]) -> JsonObject:
    """Return the results as JSON values."""
    return {
        "format": _FORMAT,
        "version": 1,
        "results": [
            {
                "kind": one.kind,
                "strength": one.strength,
                "follows": one.follows.to_dict(),
                "way": one.way.to_dict(),
                "rulers": {name: estimate.to_dict() for name, estimate in one.rulers.items()},
            }
            for one in results
        ],
    }


def strengths_markdown(results: Sequence[StrengthResult]) -> list[str]:
    """Return the lines of the report."""
    titles = [title for _, title, _ in _SHOWN]
    lines = [EXPLANATION, "", *table_head(["edit", "strength", "follows ↑", "way", *titles])]
    for one in results:
        rulers = [shown(one.rulers.get(name), digits=digits) for name, _, digits in _SHOWN]
        cells = [one.kind, f"{one.strength:g}", percent(one.follows), shown(one.way, digits=2), *rulers]
        lines.append(table_row(cells))
    return lines


def _judged(
    pipeline: FetalFlexPipeline, kind: str, strength: float, edits: Sequence[StrengthEdit], kept: KeptSyntheses
) -> StrengthResult | None:
    def image_of(edit: StrengthEdit) -> Image:
        return kept.image(edit.name(strength), (edit.sample.layout.height, edit.sample.layout.width))

    def regions() -> Iterator[tuple[Image, Image, Mask]]:
        for edit in edits:
            source = edit.sample.image()
            yield source, image_of(edit), pipeline.edit_region(source, edit.sample.layout, edit.edited)

    ways = np.array([edit.way(image_of(edit)) for edit in edits])
    known = ~np.isnan(ways)
    if not known.any():
        return None
    patients = tuple(edit.sample.patient for edit in edits)
    draws = patient_draws(patients)
    of_known = patient_draws([patient for patient, is_known in zip(patients, known, strict=True) if is_known])
    metrics = ruler_metrics(values_of_regions(regions()), RegionSet(regions, patients, draws))
    return StrengthResult(
        kind,
        strength,
        share_estimate(int((ways[known] >= FOLLOWS).sum()), int(known.sum())),
        sampled_mean(ways[known], of_known).estimate,
        {name: metrics[name].estimate for name, _, _ in _SHOWN if name in metrics},
    )


def _most_different(sample: Sample, registry: Registry) -> tuple[PlacedStructure, float, float] | None:
    """Return the inner structure that differs most from its surroundings, with its grey and theirs."""
    layout, image = sample.layout, sample.image()
    outline = layout.outline(registry)
    inner = [one for one in layout.structures if one is not outline]
    boxes = {id(one): inside_ellipse(one.box, image.shape) for one in inner}
    found = []
    for one in inner:
        mask = boxes[id(one)]
        others = np.logical_or.reduce([boxes[id(other)] for other in inner])
        ring = ndimage.binary_dilation(mask, iterations=_RING) & ~others
        if min(np.count_nonzero(mask), np.count_nonzero(ring)) >= _FEWEST_PIXELS:
            found.append((one, float(image[mask].mean()), float(image[ring].mean())))
    best = max(found, key=lambda item: abs(item[1] - item[2]), default=None)
    return best if best is not None and abs(best[1] - best[2]) >= _LEAST_CONTRAST else None


def _edits_of(
    sample: Sample, registry: Registry, chosen: PlacedStructure, own: float, around: float
) -> Iterator[StrengthEdit]:
    layout = sample.layout
    place = next(index for index, one in enumerate(layout.structures) if one is chosen)
    outline = layout.outline(registry)
    inner = [index for index, one in enumerate(layout.structures) if one is not outline]

    def with_box_scaled(factor: float) -> Layout:
        structures = list(layout.structures)
        structures[place] = replace(chosen, box=chosen.box.scaled(factor))
        return layout.with_structures(structures)

    edited = {
        "moved": with_one_moved(layout, outline, inner.index(place)),
        "enlarged": with_box_scaled(_LARGER),
        "shrunk": with_box_scaled(_SMALLER),
        "removed": layout.with_structures(one for one in layout.structures if one is not chosen),
    }
    shape = (layout.height, layout.width)
    before = inside_ellipse(chosen.box, shape)
    for kind, after in edited.items():
        if after is None:
            continue
        now = np.zeros(shape, bool) if kind == "removed" else inside_ellipse(after.structures[place].box, shape)
        yield StrengthEdit(sample, kind, after, now & ~before, before & ~now, own, around)

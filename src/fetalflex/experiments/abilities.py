"""Measure what a model can draw: anomalies by their demands, structures by their signs, and whether prompts matter."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fetalflex.abilities import NO_HITS, Abilities, Hits, PromptAbility, StructureAbility
from fetalflex.anatomy import Box, Layout
from fetalflex.anatomy.anomalies import Anomaly, AnomalyLibrary, Demand, Test, Variant
from fetalflex.anatomy.prompts import global_prompt
from fetalflex.errors import FetalFlexError
from fetalflex.evaluation.adherence.demands import judge_demands, shows_anomaly, sign_strength
from fetalflex.evaluation.kept import KeptSyntheses
from fetalflex.evaluation.samples import Sample, Selection
from fetalflex.files.json_files import JsonObject
from fetalflex.pipeline.pipeline import FetalFlexPipeline
from fetalflex.pipeline.sampling import Sampling
from fetalflex.progress import Show, show_nothing
from fetalflex.spreading import spread

Image = NDArray[np.uint8]

_TRIES = 200
_INNER = 0.8
_PROMPT_IMAGES = 2


@dataclass(frozen=True)
class Case:
    """One variant of an anomaly to synthesise.

    Args:
        sample: Real image.
        variant: The anomaly on its layout.
        name: What its synthesis is called.
    """

    sample: Sample
    variant: Variant
    name: str


def plan_cases(
    selection: Selection, library: AnomalyLibrary, pipeline: FetalFlexPipeline, variants: int, seed: int = 0
) -> list[Case]:
    """Draw variants of every grade of every anomaly that can be tested, each on another image where there are enough.

    Args:
        selection: Held-out images.
        library: Anomalies.
        pipeline: Gives the registry.
        variants: Of each grade.
        seed: Of the order of the images and of the variants.
    """
    order = np.random.default_rng(seed).permutation(len(selection.evaluated))
    samples = [selection.evaluated[index] for index in order]
    cases: list[Case] = []
    for anomaly in library:
        for grade in anomaly.severities:
            for number, (sample, variant) in enumerate(
                _drawn(anomaly, grade.name, samples, library, pipeline, variants, seed)
            ):
                cases.append(Case(sample, variant, f"{anomaly.name}.{grade.name}.{number}"))
    return cases


def _drawn(
    anomaly: Anomaly,
    severity: str,
    samples: Sequence[Sample],
    library: AnomalyLibrary,
    pipeline: FetalFlexPipeline,
    count: int,
    seed: int,
) -> list[tuple[Sample, Variant]]:
    if not anomaly.demands:
        return []
    found: list[tuple[Sample, Variant]] = []
    planes: Counter[str] = Counter()
    # Anomalies of any structure take all planes, so that the first does not stand for all.
    most = -(-count // len({sample.plane for sample in samples})) if anomaly.for_any else count
    for attempt, sample in enumerate(_in_turn(samples)):
        if len(found) == count or attempt == _TRIES:
            break
        structure = _structure(sample.layout, library, attempt) if anomaly.for_any else None
        suits = anomaly.suits(sample.layout) and planes[sample.plane] < most
        if not suits or (anomaly.for_any and structure is None):
            continue
        try:
            variant = anomaly.sample(sample.layout, severity, seed + attempt, structure, pipeline.registry)
        except FetalFlexError:
            continue
        found.append((sample, variant))
        planes[sample.plane] += 1
    return found


def _in_turn(samples: Sequence[Sample]) -> Iterator[Sample]:
    while samples:
        yield from samples


def _structure(layout: Layout, library: AnomalyLibrary, turn: int) -> str | None:
    """Return a structure of the layout that has a sign, ring aside, which an outline has."""
    names = [name for name in layout.names() if name in library.signs and library.signs[name].look != "ring"]
    return names[turn % len(names)] if names else None


def measure_abilities(
    pipeline: FetalFlexPipeline,
    selection: Selection,
    library: AnomalyLibrary,
    kept: KeptSyntheses,
    sampling: Sampling,
    facts: JsonObject,
    variants: int = 5,
    images: int = 8,
    seed: int = 0,
    show: Show = show_nothing,
) -> Abilities:
    """Synthesise variants and unedited layouts of held-out images, and test what is seen in them.

    Variants are synthesised as `augment` does: the prompt names the anomaly, and the pipeline is told of the edit.

    Args:
        pipeline: The model.
        selection: Held-out images, and those of the split train.
        library: Anomalies, with their demands, and signs of structures.
        kept: Where syntheses lie.
        sampling: How to sample.
        facts: What is written with the numbers.
        variants: Of each grade of each anomaly.
        images: Of each plane, for the structures.
        seed: Of everything.
        show: Shows progress.
    """
    cases = plan_cases(selection, library, pipeline, variants, seed)
    unedited = _spread_by_plane(selection, images)
    prompted = _spread_by_plane(selection, _PROMPT_IMAGES)
    maker = _Maker(pipeline, kept, sampling, seed)
    with show("synthesising", len(cases) + len(unedited) + 2 * len(prompted)) as tell:
        done = 0
        for case in cases:
            maker.variant(case)
            tell(done := done + 1)
        for sample in unedited:
            maker.unedited(sample)
            tell(done := done + 1)
        prompt = _prompt_ability(maker, prompted)
    return Abilities(
        pipeline.identity,
        facts,
        _anomalies(cases, maker),
        tuple(_structures(selection, unedited, library, maker)),
        prompt,
    )


@dataclass(frozen=True)
class _Maker:
    """Make syntheses, or read those that are finished."""

    pipeline: FetalFlexPipeline
    kept: KeptSyntheses
    sampling: Sampling
    seed: int

    def variant(self, case: Case) -> Image:
        if not self.kept.has(case.name):
            made = self.pipeline.edit(
                case.sample.image(),
                case.variant.before,
                case.variant.after,
                prompt=case.variant.prompt(self.pipeline.registry),
                seed=self.seed + case.sample.position,
                sampling=self.sampling,
            )
            self.kept.add(case.name, made)
        return self.read(case.name, case.sample)

    def unedited(self, sample: Sample, kind: str = "", prompt: str | None = None, other_seed: int = 0) -> Image:
        name = f"{sample.name}.unedited{kind}"
        if not self.kept.has(name):
            made = self.pipeline(
                sample.layout,
                image=sample.image(),
                prompt=prompt,
                seed=self.seed + sample.position + other_seed,
                sampling=self.sampling,
            )
            self.kept.add(name, made)
        return self.read(name, sample)

    def read(self, name: str, sample: Sample) -> Image:
        return self.kept.image(name, (sample.layout.height, sample.layout.width))


def _anomalies(cases: Sequence[Case], maker: _Maker) -> dict[str, dict[str, Hits]]:
    found: dict[str, dict[str, Hits]] = {}
    for case in cases:
        shown = shows_anomaly(judge_demands(maker.variant(case), case.variant, maker.pipeline.registry))
        grades = found.setdefault(case.variant.anomaly, {})
        hits = grades.get(case.variant.severity, NO_HITS)
        grades[case.variant.severity] = hits if shown is None else hits + Hits(int(shown), 1)
    return found


def _structures(
    selection: Selection, unedited: Sequence[Sample], library: AnomalyLibrary, maker: _Maker
) -> Iterator[StructureAbility]:
    registry = maker.pipeline.registry
    trained = Counter((one.plane, name) for one in selection.training for name in one.layout.names())
    dice = np.random.default_rng(maker.seed)
    for plane in selection.planes:
        counts = {"drawn": Counter[str](), "real": Counter[str](), "elsewhere": Counter[str]()}
        told = {name: Counter[str]() for name in counts}
        for sample in (one for one in unedited if one.plane == plane):
            outline = sample.layout.outline(registry)
            body = None if outline is None else outline.box
            real, drawn = sample.image(), maker.unedited(sample)
            for placed in sample.layout.structures:
                if placed.name not in library.signs:
                    continue
                test = Test(Demand("see", placed.name), library.signs[placed.name])
                other = _elsewhere(placed.box, sample.layout, body, dice)
                looks = {"real": (real, placed.box), "drawn": (drawn, placed.box), "elsewhere": (real, other)}
                for kind, (image, box) in looks.items():
                    value = np.nan if box is None else sign_strength(image, test, box, body)
                    if not np.isnan(value):
                        told[kind][placed.name] += 1
                        counts[kind][placed.name] += int(value >= test.limit)
        for name in registry.plane(plane).structures:
            hits = {kind: Hits(counts[kind][name], told[kind][name]) for kind in counts}
            yield StructureAbility(plane, name, trained[plane, name], **hits)


def _elsewhere(box: Box, layout: Layout, body: Box | None, dice: np.random.Generator) -> Box | None:
    """Return a box of the same size where no structure lies, inside the body; for the body itself beside it.

    None if there is no room.
    """
    if box == body:
        return box.translated(0.15 * box.width, 0)
    others = [placed.box for placed in layout.structures if placed.box != body]
    corners = np.array([one.corners() for one in ([body] if body is not None else others)])
    (x0, y0), (x1, y1) = corners[:, :2].min(axis=0), corners[:, 2:].max(axis=0)
    for _ in range(_TRIES):
        moved = Box(dice.uniform(x0, x1), dice.uniform(y0, y1), box.width, box.height, box.angle)
        if moved.inside_fraction(layout.width, layout.height) < 1 or (body is not None and not _lies_in(moved, body)):
            continue
        if all(moved.iou(other) < 0.02 for other in others):
            return moved
    return None


def _lies_in(box: Box, body: Box) -> bool:
    x, y = (box.cx - body.cx) / (_INNER * body.width / 2), (box.cy - body.cy) / (_INNER * body.height / 2)
    return x * x + y * y <= 1


def _prompt_ability(maker: _Maker, samples: Sequence[Sample]) -> PromptAbility | None:
    registry, planes = maker.pipeline.registry, [sample.plane for sample in samples]
    changes, seed_changes = [], []
    for sample in samples:
        other = next((plane for plane in planes if plane != sample.plane), None)
        if other is None:
            continue
        own = maker.unedited(sample).astype(np.float64)
        prompted = maker.unedited(sample, ".other-prompt", global_prompt(other, registry))
        seeded = maker.unedited(sample, ".other-seed", other_seed=1_000_003)
        changed = (own != seeded) | (own != prompted)
        if changed.any():
            changes.append(float(np.sqrt(((prompted - own)[changed] ** 2).mean())))
            seed_changes.append(float(np.sqrt(((seeded - own)[changed] ** 2).mean())))
    if not changes:
        return None
    return PromptAbility(round(float(np.mean(changes)), 3), round(float(np.mean(seed_changes)), 3), len(changes))


def _spread_by_plane(selection: Selection, count: int) -> list[Sample]:
    chosen: list[Sample] = []
    for plane in selection.planes:
        chosen += spread([sample for sample in selection.evaluated if sample.plane == plane], count)
    return chosen

"""Is the plane drawn that the prompt names, when words alone decide?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from fetalflex.anatomy import Layout
from fetalflex.anatomy.prompts import global_prompt
from fetalflex.detection import Detector
from fetalflex.evaluation.intervals import Estimate, share_estimate
from fetalflex.evaluation.kept import KeptSyntheses
from fetalflex.evaluation.prompts.finding import detect_all
from fetalflex.evaluation.samples import Sample
from fetalflex.pipeline.pipeline import FetalFlexPipeline
from fetalflex.pipeline.requests import Request
from fetalflex.pipeline.sampling import Sampling
from fetalflex.progress import OnProgress, tell_nobody
from fetalflex.spreading import spread


@dataclass(frozen=True)
class PlaneResults:
    """Which planes the detector sees.

    Args:
        found: In the syntheses, by the plane that the prompt named; the k-th of each has the same noise.
        real: In real images, by their own plane.
        side: Of the syntheses, pixels.
    """

    found: Mapping[str, tuple[str, ...]]
    real: Mapping[str, tuple[str, ...]]
    side: int

    def followed(self, plane: str | None = None) -> Estimate:
        """Return the share of syntheses that show the named plane, of one plane or all."""
        return _share(self.found, plane)

    def recognised(self, plane: str | None = None) -> Estimate:
        """Return the share of real images whose plane the detector sees, of one plane or all."""
        return _share(self.real, plane)


def synthesise_planes(
    pipeline: FetalFlexPipeline,
    planes: Sequence[str],
    images: int,
    kept: KeptSyntheses,
    sampling: Sampling,
    seed: int = 0,
    batch_size: int = 4,
    on_progress: OnProgress = tell_nobody,
) -> None:
    """Synthesise whole images without background, the layout hidden from the model, under a prompt of each plane.

    Args:
        pipeline: The model.
        planes: Planes to name.
        images: Of each plane.
        kept: Where finished images lie.
        sampling: How to sample; guidance on the layout is taken out.
        seed: The k-th image of each plane has the seed `seed` + k.
        batch_size: Images that are computed together.
        on_progress: Told how many images are done.
    """
    sampling = sampling.replace(guidance=replace(sampling.guidance, layout=0.0))
    side = pipeline.components.config.image_size
    requests = {
        plane_image(plane, number): Request(
            Layout(plane, side, side), None, "full", global_prompt(plane, pipeline.registry), seed + number
        )
        for number in range(images)
        for plane in planes
    }
    missing = [name for name in requests if not kept.has(name)]
    for start in range(0, len(missing), batch_size):
        names = missing[start : start + batch_size]
        made = pipeline.batch([requests[name] for name in names], sampling, batch_size=batch_size)
        for name, synthesis in zip(names, made, strict=True):
            kept.add(name, synthesis)
        on_progress(len(requests) - len(missing) + start + len(names))


def judge_planes(
    detector: Detector,
    planes: Sequence[str],
    images: int,
    kept: KeptSyntheses,
    samples: Sequence[Sample],
    side: int,
    batch_size: int = 16,
) -> PlaneResults:
    """Ask the detector for the planes of finished syntheses, and of as many real images.

    Args:
        detector: The detector.
        planes: Planes that were named.
        images: Of each plane, at least one.
        kept: Where the syntheses lie.
        samples: Real images, of which as many of each plane are looked at, spread over them.
        side: Of the syntheses, pixels.
        batch_size: Images that are computed together.
    """
    made = [
        (plane, partial(kept.image, plane_image(plane, n), (side, side))) for plane in planes for n in range(images)
    ]
    chosen = {plane: spread([one for one in samples if one.plane == plane], images) for plane in planes}
    real = [(plane, sample.image) for plane, some in chosen.items() for sample in some]
    found = []
    for kind in (made, real):
        seen = detect_all(detector, [read for _, read in kind], [None] * len(kind), batch_size)
        pairs = [(plane, one.layout.plane) for (plane, _), one in zip(kind, seen, strict=True)]
        found.append({plane: tuple(is_ for named, is_ in pairs if named == plane) for plane in planes})
    return PlaneResults(found[0], found[1], side)


def plane_image(plane: str, number: int) -> str:
    """Return what the synthesis of a plane, the number-th, is called."""
    return f"plane.{plane}.{number:03d}"


def _share(found: Mapping[str, tuple[str, ...]], plane: str | None) -> Estimate:
    pairs = [(named, is_) for named, some in found.items() if plane in (None, named) for is_ in some]
    return share_estimate(sum(named == is_ for named, is_ in pairs), len(pairs))

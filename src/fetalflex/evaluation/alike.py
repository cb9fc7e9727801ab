"""Several syntheses of one real image that differ in what is asked alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from fetalflex.anatomy import CloseUp, Layout, draw_roi_mask
from fetalflex.evaluation.kept import KeptSyntheses
from fetalflex.evaluation.samples import Sample
from fetalflex.pipeline.pipeline import FetalFlexPipeline
from fetalflex.pipeline.requests import Request
from fetalflex.pipeline.sampling import Sampling


@dataclass(frozen=True)
class Asked:
    """What is asked of one synthesis: what the model is shown of the layout, and its prompt."""

    layout: Layout
    prompt: str


def synthesise_alike(
    pipeline: FetalFlexPipeline,
    sample: Sample,
    asked: Mapping[str, Asked],
    kept: KeptSyntheses,
    sampling: Sampling,
    roi: str,
    seed: int,
    batch_size: int,
) -> None:
    """Synthesise what is not finished yet of one image.

    All syntheses have the region, close-up, background and noise of the image's own layout, whatever theirs leaves
    out; nothing is told of an edit, so that no guidance strengthens it.

    Args:
        pipeline: The model.
        sample: The real image whose background is kept.
        asked: What to make, by the names under which it is kept.
        kept: Where finished images lie.
        sampling: How to sample.
        roi: Mode of the region to synthesise.
        seed: The image at position i has the seed `seed` + i.
        batch_size: Images that are computed together.
    """
    names = [name for name in asked if not kept.has(name)]
    if not names:
        return
    mask, image = draw_roi_mask(sample.layout, pipeline.registry, roi), sample.image()
    if sampling.close_up is True:
        sampling = replace(sampling, close_up=CloseUp.around_all([sample.layout], pipeline.registry, mask))
    for start in range(0, len(names), batch_size):
        batch = names[start : start + batch_size]
        parts = [asked[name] for name in batch]
        requests = [Request(one.layout, image, mask, one.prompt, seed + sample.position) for one in parts]
        made = pipeline.batch(requests, sampling, batch_size=batch_size)
        for name, synthesis in zip(batch, made, strict=True):
            kept.add(name, synthesis)

"""Synthesis of samples: a first pass over a batch and, where asked for, organs once more."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fetalflex.augment.plan import Plan
from fetalflex.augment.samples import Sample
from fetalflex.augment.seeds import seed_at
from fetalflex.data import Dataset
from fetalflex.pipeline.pipeline import FetalFlexPipeline
from fetalflex.pipeline.synthesis import Synthesis

Tell = Callable[[float], None]
"""Takes how many images are done, parts of them included."""


def after(done: int, tell: Tell) -> Tell:
    """Return what tells of images that begin when so many others are done."""
    return lambda part: tell(done + part)


@dataclass(frozen=True)
class Draft:
    """Hold a synthesis, not checked yet, and the image that its background comes from, (H, W) uint8."""

    synthesis: Synthesis
    source: NDArray[np.uint8]


@dataclass(frozen=True)
class Synthesiser:
    """Synthesise samples with a model.

    Args:
        pipeline: The model.
        dataset: Where the source images are.
        plan: Says how images are sampled.
        batch_size: Images that are computed together.
    """

    pipeline: FetalFlexPipeline
    dataset: Dataset
    plan: Plan
    batch_size: int

    def roi_mask(self, sample: Sample, source: NDArray[np.uint8] | None = None) -> NDArray[np.bool_]:
        """Return the region to synthesise, (H, W) bool: what the entry's `roi` says, and organs to be worked out.

        Args:
            sample: What is made.
            source: The image that its background comes from, (H, W) uint8; read if it is not given.
        """
        entry = self.plan.entries[sample.entry]
        image = self.dataset.image(sample.record) if source is None else source
        region = self.pipeline.edit_region(image, sample.before, [sample.after], entry.roi)
        if entry.refine is not None:
            region |= sample.organ_mask(self.pipeline.registry, entry.refine.margin)
        return region

    def drafts(self, batch: Sequence[tuple[Sample, int]], tell: Tell) -> list[Draft]:
        """Synthesise samples of one entry together.

        Args:
            batch: Samples, each with the number of the attempt, from 1; the noise of every attempt has another seed.
            tell: Told of progress.
        """
        entry = self.plan.entries[batch[0][0].entry]
        options = self.plan.sampling_of(entry).settings().options()
        sources = [self.dataset.image(sample.record) for sample, _ in batch]
        made = self.pipeline(
            [sample.after for sample, _ in batch],
            image=sources,
            roi=[self.roi_mask(sample, source) for (sample, _), source in zip(batch, sources, strict=True)],
            prompt=[sample.prompt(self.pipeline.registry) for sample, _ in batch],
            seed=[seed_at(self.plan.seed, "noise", sample.number, attempt) for sample, attempt in batch],
            batch_size=len(batch),
            before=[sample.before for sample, _ in batch],
            callback=lambda _, step: tell(len(batch) * (step.index + 1) / (step.count + 1)),
            **options,
        )
        drafts = zip(batch, made, sources, strict=True)
        return [Draft(self._refined(*one, synthesis, options), source) for one, synthesis, source in drafts]

    def _refined(self, sample: Sample, attempt: int, draft: Synthesis, options: dict[str, Any]) -> Synthesis:
        refine = self.plan.entries[sample.entry].refine
        if refine is None:
            return draft
        registry = self.pipeline.registry
        refined = self.pipeline.refine(
            draft.image,
            draft.layout,
            sample.organ_mask(registry, refine.margin) & draft.roi_mask,
            prompt=sample.prompt(registry),
            seed=seed_at(self.plan.seed, "refinement", sample.number, attempt),
            strength=refine.strength,
            **options,
        )
        settings = draft.settings | {"refinement": {"seed": refined.seed, **refined.settings}}
        return replace(draft, image=refined.image, settings=settings)

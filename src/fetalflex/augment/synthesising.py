"""Synthesis of candidates: a first pass over a batch and, where asked for, the refinement of organs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from fetalflex.augment.plan import Plan
from fetalflex.augment.planned import Candidate, seed_at
from fetalflex.data import Dataset
from fetalflex.pipeline.pipeline import FetalFlexPipeline
from fetalflex.pipeline.requests import Request
from fetalflex.pipeline.sampling import Sampling
from fetalflex.pipeline.synthesis import Synthesis
from fetalflex.progress import OnProgress


@dataclass(frozen=True)
class Draft:
    """A synthesis, not checked yet, and the image that its background comes from, (H, W) uint8."""

    synthesis: Synthesis
    source: NDArray[np.uint8]


@dataclass(frozen=True)
class Synthesiser:
    """Synthesises candidates with a model.

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

    def roi_mask(self, candidate: Candidate, source: NDArray[np.uint8] | None = None) -> NDArray[np.bool_]:
        """Return the region to synthesise, (H, W) bool: what the entry's `roi` says, and organs to be worked out.

        Args:
            candidate: What is made.
            source: The image that its background comes from, (H, W) uint8; read if it is not given.
        """
        entry = self.plan.entries[candidate.entry]
        image = self.dataset.image(candidate.record) if source is None else source
        region = self.pipeline.edit_region(image, candidate.before, candidate.after, entry.roi)
        if entry.refine is not None:
            region |= candidate.organ_mask(self.pipeline.registry, entry.refine.margin)
        return region

    def drafts(self, batch: Sequence[tuple[Candidate, int]], tell: OnProgress) -> list[Draft]:
        """Synthesise candidates of one entry together.

        Args:
            batch: Candidates, each with the number of the attempt, from 1; the noise of every attempt has another seed.
            tell: Told of progress.
        """
        entry = self.plan.entries[batch[0][0].entry]
        sampling = self.plan.sampling_of(entry).settings()
        sources = [self.dataset.image(candidate.record) for candidate, _ in batch]
        made = self.pipeline.batch(
            [self._request(*one, source) for one, source in zip(batch, sources, strict=True)],
            sampling,
            batch_size=len(batch),
            callback=lambda _, step: tell(len(batch) * (step.index + 1) / (step.count + 1)),
        )
        drafts = zip(batch, made, sources, strict=True)
        return [Draft(self._refined(*one, synthesis, sampling), source) for one, synthesis, source in drafts]

    def _request(self, candidate: Candidate, attempt: int, source: NDArray[np.uint8]) -> Request:
        return Request.edit(
            source,
            candidate.before,
            candidate.after,
            self.roi_mask(candidate, source),
            candidate.prompt(self.pipeline.registry),
            seed_at(self.plan.seed, "noise", candidate.number, attempt),
        )

    def _refined(self, candidate: Candidate, attempt: int, draft: Synthesis, sampling: Sampling) -> Synthesis:
        refine = self.plan.entries[candidate.entry].refine
        if refine is None:
            return draft
        registry = self.pipeline.registry
        refined = self.pipeline.refine(
            draft.image,
            draft.layout,
            candidate.organ_mask(registry, refine.margin) & draft.roi_mask,
            prompt=candidate.prompt(registry),
            seed=seed_at(self.plan.seed, "refinement", candidate.number, attempt),
            sampling=sampling.replace(strength=refine.strength),
        )
        settings = draft.settings | {"refinement": {"seed": refined.seed, **refined.settings}}
        return replace(draft, image=refined.image, settings=settings)

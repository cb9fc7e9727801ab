"""Syntheses whose layouts differ in the names of two boxes alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from fetalflex.anatomy import Layout
from fetalflex.anatomy.prompts import global_prompt
from fetalflex.anatomy.registry import Registry
from fetalflex.evaluation.alike import Asked, synthesise_alike
from fetalflex.evaluation.kept import KeptSyntheses
from fetalflex.evaluation.names.pairs import NamePair, candidates
from fetalflex.evaluation.samples import Sample
from fetalflex.pipeline.pipeline import FetalFlexPipeline
from fetalflex.pipeline.sampling import Sampling
from fetalflex.progress import OnProgress, tell_nobody


@dataclass(frozen=True)
class Exchange:
    """One image in which the names of two boxes are exchanged.

    Args:
        sample: The real image whose background is kept.
        pair: The two structures.
    """

    sample: Sample
    pair: NamePair

    @property
    def own(self) -> str:
        """What the synthesis from the image's own layout is called; all exchanges of an image share it."""
        return f"{self.sample.name}"

    @property
    def exchanged(self) -> str:
        """What the synthesis with the names exchanged is called."""
        return f"{self.sample.name}.{self.pair.first}-{self.pair.second}.exchanged"

    @property
    def without(self) -> str:
        """What the synthesis without the two boxes is called."""
        return f"{self.sample.name}.{self.pair.first}-{self.pair.second}.without"

    def layouts(self) -> dict[str, Layout]:
        """Return the three layouts by the names of their syntheses."""
        layout = self.sample.layout
        return {
            self.own: layout,
            self.exchanged: self.pair.exchanged(layout),
            self.without: self.pair.without(layout),
        }


def plan_exchanges(
    samples: Sequence[Sample],
    registry: Registry,
    images_per_pair: int = 8,
    only: Collection[NamePair] | None = None,
    seed: int = 0,
) -> list[Exchange]:
    """Choose for each pair the images on which it is exchanged, of different patients, the same for many pairs.

    Args:
        samples: Images to choose from.
        registry: Knows the planes' outlines.
        images_per_pair: The most images of a pair.
        only: Only these pairs; all that occur together by default.
        seed: Seed of the order in which images are tried.
    """
    order = np.random.default_rng(seed).permutation(len(samples))
    patients: dict[NamePair, set[str]] = defaultdict(set)
    chosen = []
    for index in order:
        sample = samples[index]
        for pair in candidates(sample.layout, registry):
            seen = patients[pair]
            is_wanted = (only is None or pair in only) and len(seen) < images_per_pair and sample.patient not in seen
            if is_wanted and pair.is_visible(sample.layout):
                seen.add(sample.patient)
                chosen.append(Exchange(sample, pair))
    return sorted(chosen, key=lambda one: (one.sample.position, one.pair))


def synthesise_exchanges(
    pipeline: FetalFlexPipeline,
    exchanges: Sequence[Exchange],
    kept: KeptSyntheses,
    sampling: Sampling,
    roi: str = "auto",
    seed: int = 0,
    batch_size: int = 4,
    on_progress: OnProgress = tell_nobody,
) -> None:
    """Synthesise what is not finished yet.

    Beside what `synthesise_alike` keeps the same, all syntheses of an image have the prompt of its own layout, also
    where the two boxes are left out. So only the names make a difference.

    Args:
        pipeline: The model.
        exchanges: What to make.
        kept: Where finished images lie; the syntheses from the images' own layouts are those of an evaluation with the
            same settings.
        sampling: How to sample.
        roi: Mode of the region to synthesise.
        seed: The image at position i has the seed `seed` + i.
        batch_size: Images that are computed together.
        on_progress: Called with how many exchanges are done.
    """
    by_sample: dict[int, list[Exchange]] = defaultdict(list)
    for exchange in exchanges:
        by_sample[exchange.sample.position].append(exchange)
    done = 0
    for of_sample in by_sample.values():
        sample = of_sample[0].sample
        prompt = global_prompt(sample.layout, pipeline.registry)
        asked = {name: Asked(layout, prompt) for one in of_sample for name, layout in one.layouts().items()}
        synthesise_alike(pipeline, sample, asked, kept, sampling, roi, seed, batch_size)
        done += len(of_sample)
        on_progress(done)

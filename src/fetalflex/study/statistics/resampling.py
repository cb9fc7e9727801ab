"""Means with 95 % intervals, by drawing readers and cases anew.

Ratings of one reader resemble each other, and so do those of one case. Readers and cases are therefore drawn with
replacement, each for itself, and a rating counts as often as its reader times as often as its case was drawn (Owen AB,
The pigeonhole bootstrap, Annals of Applied Statistics 2007;1:386-411). The interval holds for readers and cases like
these, and is somewhat wide rather than too narrow. One reader alone says nothing of others: then only cases are drawn.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from fetalflex.evaluation.intervals import Estimate

Indices = NDArray[np.intp]
Values = NDArray[np.float64]

DRAWS = 2000
FEWEST_CASES = 5
"""Fewer say little of others, and get no interval."""


@dataclass(frozen=True)
class Sample:
    """Numbers with reader and case of each.

    Args:
        values: (rows,), finite.
        reader: Index of the reader, (rows,).
        case: Index of the case, (rows,).
    """

    values: Values
    reader: Indices
    case: Indices

    @cached_property
    def shape(self) -> tuple[int, int]:
        """One more than the largest indices of readers and cases."""
        return int(self.reader.max()) + 1, int(self.case.max()) + 1


@dataclass(frozen=True)
class Draws:
    """How often readers and cases were drawn, so that numbers drawn alike can be compared.

    Args:
        readers: (draws, readers).
        cases: (draws, cases).
    """

    readers: Values
    cases: Values

    @classmethod
    def of(cls, reader: Indices, case: Indices, seed: int = 0, draws: int = DRAWS) -> Draws:
        """Draw as many readers, and as many cases, as there are among some rows; a reader alone is always drawn once.

        Args:
            reader: Index of the reader of each row.
            case: Index of the case.
            seed: Of the draws.
            draws: How many.
        """
        generator = np.random.default_rng(seed)
        return cls(_drawn(reader, draws, generator), _drawn(case, draws, generator))

    def means(self, sample: Sample) -> Values:
        """Return the mean of a sample in each draw, (draws,); NaN where none of it was drawn."""
        readers, cases = sample.shape
        sums, counts = np.zeros((2, readers, cases))
        np.add.at(sums, (sample.reader, sample.case), sample.values)
        np.add.at(counts, (sample.reader, sample.case), 1)
        weights, drawn_cases = self.readers[:, :readers], self.cases[:, :cases]
        with np.errstate(invalid="ignore"):
            return ((weights @ sums) * drawn_cases).sum(axis=1) / ((weights @ counts) * drawn_cases).sum(axis=1)


def _drawn(indices: Indices, draws: int, generator: np.random.Generator) -> Values:
    present = np.unique(indices)
    counts = np.zeros((draws, int(present.max()) + 1))
    if len(present) == 1:
        counts[:, present] = 1
        return counts
    for draw, chosen in enumerate(generator.integers(0, len(present), (draws, len(present)))):
        counts[draw, present] = np.bincount(chosen, minlength=len(present))
    return counts


def mean_estimate(sample: Sample, draws: Draws) -> Estimate:
    """Return the mean of a sample with its interval; without one if there are too few cases."""
    has_interval = len(np.unique(sample.case)) >= FEWEST_CASES
    drawn = draws.means(sample) if has_interval else np.array([])
    return estimate_of(float(sample.values.mean()), drawn, len(sample.values))


def estimate_of(value: float, drawn: Values, count: int) -> Estimate:
    """Return a number with the interval from the 2.5th to the 97.5th percentile of its draws, NaN ones left out."""
    known = drawn[~np.isnan(drawn)]
    if not len(known):
        return Estimate(value, None, None, count)
    low, high = np.quantile(known, [0.025, 0.975])
    return Estimate(value, float(low), float(high), count)

"""Whether readers can tell real images from synthetic ones.

A study rarely shows as many real images as synthetic ones, so beside the share of right answers stand the shares of
synthetic and of real images that were told, and the mean of the two: 0.5 is what guessing gives, whatever the mixture.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fetalflex.evaluation.intervals import Estimate, share_estimate
from fetalflex.files.json_files import JsonObject
from fetalflex.study.questions import REAL, SYNTHETIC, TRUTH
from fetalflex.study.ratings import Ratings
from fetalflex.study.statistics.resampling import FEWEST_CASES, Draws, Sample, estimate_of, mean_estimate


@dataclass(frozen=True)
class Discrimination:
    """How well real and synthetic images were told apart; None where there were none of a kind.

    Args:
        reader: Whose answers; None for all readers together.
        accuracy: Share of right answers.
        synthetic_told: Share of the synthetic images that were called so.
        real_told: Share of the real images that were called so.
        balanced: Mean of these two.
    """

    reader: str | None
    accuracy: Estimate
    synthetic_told: Estimate | None
    real_told: Estimate | None
    balanced: Estimate | None

    def to_dict(self) -> JsonObject:
        """Return JSON values."""
        return {
            name: value.to_dict() if isinstance(value, Estimate) else value for name, value in self.__dict__.items()
        }


def discrimination(ratings: Ratings) -> list[Discrimination]:
    """Return how well all readers together, and each of them, told real from synthetic.

    Intervals of all readers come from drawing readers and cases anew, those of one reader from Wilson's formula.

    Args:
        ratings: Those of images seen for the first time.
    """
    right = (ratings.of(TRUTH) == ratings.truth).astype(np.float64)
    draws = Draws.of(ratings.reader, ratings.case)
    kinds = [ratings.truth == kind for kind in (SYNTHETIC, REAL)]
    samples = [Sample(right[kind], ratings.reader[kind], ratings.case[kind]) for kind in kinds if kind.any()]
    shares = [mean_estimate(sample, draws) for sample in samples]
    balanced = None
    if len(samples) == 2:
        has_interval = len(np.unique(ratings.case)) >= FEWEST_CASES
        drawn = np.mean([draws.means(sample) for sample in samples], axis=0) if has_interval else np.array([])
        balanced = estimate_of(float(np.mean([share.value for share in shares])), drawn, len(right))
    by_kind = iter(shares)
    synthetic, real = (next(by_kind) if kind.any() else None for kind in kinds)
    everybody = mean_estimate(Sample(right, ratings.reader, ratings.case), draws)
    found = [Discrimination(None, everybody, synthetic, real, balanced)]
    for reader in np.unique(ratings.reader):
        own = ratings.reader == reader
        told = [_share(right[own & kind]) for kind in kinds]
        both = [share.value for share in told if share is not None]
        mean = Estimate(float(np.mean(both)), None, None, int(own.sum())) if len(both) == 2 else None
        overall = _share(right[own])
        assert overall is not None
        found.append(Discrimination(ratings.readers[int(reader)], overall, told[0], told[1], mean))
    return found


def called_synthetic(ratings: Ratings) -> dict[str, Estimate]:
    """Return, for each method, the share of ratings that call its images synthetic.

    Args:
        ratings: Those of images seen for the first time.
    """
    said = (ratings.of(TRUTH) == SYNTHETIC).astype(np.float64)
    draws = Draws.of(ratings.reader, ratings.case)
    found = {}
    for index, method in enumerate(ratings.methods):
        chosen = ratings.method == index
        if chosen.any():
            found[method] = mean_estimate(Sample(said[chosen], ratings.reader[chosen], ratings.case[chosen]), draws)
    return found


def _share(right: np.ndarray) -> Estimate | None:
    return share_estimate(int(right.sum()), len(right)) if len(right) else None

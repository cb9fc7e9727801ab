"""How far readers agree with themselves, on the images that they were shown twice.

The standard deviation within readers, and the repeatability coefficient, 1.96 times the square root of 2 times it: two
ratings of one image by one reader differ by less in 95 % of cases (Bland JM, Altman DG, Stat Methods Med Res
1999;8:135-160).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from fetalflex.evaluation.intervals import Estimate, share_estimate
from fetalflex.files.json_files import JsonObject
from fetalflex.study.questions import TRUTH
from fetalflex.study.ratings import Ratings, Values
from fetalflex.study.statistics.agreement import weighted_kappa

_COEFFICIENT = 1.96 * math.sqrt(2)


@dataclass(frozen=True)
class Repeatability:
    """How answers differ between the first and the second time; None where that is not defined.

    Args:
        question: The question.
        reader: Whose; None for all readers together.
        pairs: Images rated twice.
        equal: Share of equal answers, with Wilson's interval.
        within_one: Share that differs by one point at most; None if it is no scale.
        drift: Mean of second minus first.
        within_sd: Standard deviation within readers, of a single rating.
        kappa: Cohen's kappa between the two times, quadratic weights for criteria.
    """

    question: str
    reader: str | None
    pairs: int
    equal: Estimate
    within_one: Estimate | None
    drift: float
    within_sd: float | None
    kappa: Estimate | None

    @property
    def coefficient(self) -> float | None:
        """The repeatability coefficient, in points."""
        return None if self.within_sd is None else _COEFFICIENT * self.within_sd

    def to_dict(self) -> JsonObject:
        """Return JSON values."""
        estimates = {name: getattr(self, name) for name in ("equal", "within_one", "kappa")}
        told = {name: None if one is None else one.to_dict() for name, one in estimates.items()}
        return {**self.__dict__, **told, "repeatability_coefficient": self.coefficient}


def repeatability(ratings: Ratings, question: str) -> list[Repeatability]:
    """Return how far all readers together, and each of them, agree with themselves; nothing without repeated images.

    Args:
        ratings: All ratings.
        question: A criterion, or the question whether an image is real.
    """
    values = ratings.of(question)
    first = {
        (reader, image): value
        for reader, image, value, is_repeat in zip(
            ratings.reader, ratings.image, values, ratings.is_repeat, strict=True
        )
        if not is_repeat
    }
    pairs = [
        (int(ratings.reader[row]), first[ratings.reader[row], ratings.image[row]], values[row])
        for row in np.flatnonzero(ratings.is_repeat)
        if (ratings.reader[row], ratings.image[row]) in first
    ]
    if not pairs:
        return []
    reader, before, after = (np.array(column) for column in zip(*pairs, strict=True))
    points = ratings.questions.points if question != TRUTH else None
    found = [_of(question, None, before, after, points)]
    for index in np.unique(reader):
        own = reader == index
        found.append(_of(question, ratings.readers[index], before[own], after[own], points))
    return found


def _of(question: str, reader: str | None, before: Values, after: Values, points: int | None) -> Repeatability:
    differences = after - before
    count = len(differences)
    choices = range(2) if points is None else range(1, points + 1)
    return Repeatability(
        question,
        reader,
        count,
        share_estimate(int((differences == 0).sum()), count),
        None if points is None else share_estimate(int((np.abs(differences) <= 1).sum()), count),
        float(differences.mean()),
        None if points is None else float(np.sqrt((differences**2).mean() / 2)),
        weighted_kappa(before, after, choices, points is not None),
    )

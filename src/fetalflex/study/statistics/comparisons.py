"""Which methods differ: paired tests over cases, with Holm's correction over all tests of a study.

A rater's scale has no known distances, so ranks are compared. The unit is the case: differences are averaged over the
readers who rated both images, so that many readers do not pass for many cases. Where two methods share too few cases,
images are compared as two independent groups (Mann and Whitney), and the test says so.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from fetalflex.evaluation.intervals import Estimate
from fetalflex.files.json_files import JsonObject
from fetalflex.study.ratings import Ratings
from fetalflex.study.statistics.resampling import FEWEST_CASES, Draws, Sample, mean_estimate

PAIRED, UNPAIRED = "Wilcoxon signed rank", "Mann-Whitney"


@dataclass(frozen=True)
class Comparison:
    """What a test says of two methods.

    Args:
        question: The criterion.
        one: A method.
        other: Another one.
        test: `PAIRED` or `UNPAIRED`; None if there is too little to test.
        difference: Mean of one minus other; with an interval if paired.
        units: Cases (paired) or images (unpaired) behind the test.
        p: Two-sided p value; None without a test.
        p_holm: The same, corrected for all tests of the study.
    """

    question: str
    one: str
    other: str
    test: str | None
    difference: Estimate | None
    units: int
    p: float | None
    p_holm: float | None = None

    def to_dict(self) -> JsonObject:
        """Return JSON values."""
        difference = None if self.difference is None else self.difference.to_dict()
        return {**self.__dict__, "difference": difference}


def compare_methods(ratings: Ratings) -> list[Comparison]:
    """Compare all pairs of methods by all criteria.

    Args:
        ratings: Those of images seen for the first time.
    """
    found = [
        _compared(ratings, criterion.name, one, other)
        for criterion in ratings.questions.criteria
        for one, other in itertools.combinations(range(len(ratings.methods)), 2)
    ]
    tested = [place for place, comparison in enumerate(found) if comparison.p is not None]
    corrected = holm([comparison.p for comparison in found if comparison.p is not None])
    for place, p_holm in zip(tested, corrected, strict=True):
        found[place] = replace(found[place], p_holm=p_holm)
    return found


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p values corrected by Holm's step-down method (Scand J Stat 1979;6:65-70)."""
    from statsmodels.stats.multitest import multipletests

    return [float(p) for p in multipletests(p_values, method="holm")[1]] if len(p_values) else []


def _compared(ratings: Ratings, question: str, one: int, other: int) -> Comparison:
    names = ratings.methods[one], ratings.methods[other]
    pairs = _differences(ratings, question, one, other)
    if pairs is not None and len(np.unique(pairs.case)) >= FEWEST_CASES:
        by_case = _means_by(pairs.values, pairs.case)
        difference = mean_estimate(pairs, Draws.of(pairs.reader, pairs.case))
        return Comparison(question, *names, PAIRED, difference, len(by_case), _signed_rank(by_case))
    values = ratings.of(question)
    chosen = [ratings.method == method for method in (one, other)]
    groups = [_means_by(values[rows], ratings.image[rows]) for rows in chosen]
    units = sum(map(len, groups))
    if min(map(len, groups)) < FEWEST_CASES:
        return Comparison(question, *names, None, None, units, None)
    difference = Estimate(float(groups[0].mean() - groups[1].mean()), None, None, units)
    return Comparison(question, *names, UNPAIRED, difference, units, _rank_sum(*groups))


def _differences(ratings: Ratings, question: str, one: int, other: int) -> Sample | None:
    """Return the differences by reader and case where a reader has rated both; None if there are none."""
    values = ratings.of(question)
    shape = len(ratings.readers), len(ratings.cases)
    means = []
    for method in (one, other):
        chosen = ratings.method == method
        sums, counts = np.zeros((2, *shape))
        np.add.at(sums, (ratings.reader[chosen], ratings.case[chosen]), values[chosen])
        np.add.at(counts, (ratings.reader[chosen], ratings.case[chosen]), 1)
        means.append(np.divide(sums, counts, out=np.full(shape, np.nan), where=counts > 0))
    differences = means[0] - means[1]
    reader, case = np.nonzero(~np.isnan(differences))
    return Sample(differences[reader, case], reader, case) if len(reader) else None


def _means_by(values: NDArray[np.float64], group: NDArray[np.intp]) -> NDArray[np.float64]:
    _, place = np.unique(group, return_inverse=True)
    return np.asarray(np.bincount(place, values) / np.bincount(place))


def _signed_rank(differences: NDArray[np.float64]) -> float:
    from scipy.stats import wilcoxon

    differences = np.round(differences, 9)  # equal means of other sums are ties
    if not differences.any():
        return 1.0
    return _p(wilcoxon(differences, zero_method="pratt", correction=True, method="approx").pvalue)


def _rank_sum(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    from scipy.stats import mannwhitneyu

    one, other = np.round(one, 9), np.round(other, 9)
    if len(np.unique(np.concatenate([one, other]))) == 1:
        return 1.0
    return _p(mannwhitneyu(one, other, method="asymptotic").pvalue)


def _p(value: float) -> float:
    return 1.0 if math.isnan(value) else float(value)

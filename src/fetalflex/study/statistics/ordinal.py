"""A proportional odds model of the ratings: how much more often a method is rated better, reader by reader alike.

statsmodels 0.15 has no ordinal model with random effects. Fitted instead is the cumulative logit model (McCullagh P,
Regression models for ordinal data, J R Stat Soc B 1980;42:109-142) with method, reader and plane as fixed effects, and
standard errors that allow for any dependence of the ratings of one case (clustered sandwich). Odds ratios hold for the
readers of the study, not for readers at large.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fetalflex.files.json_files import JsonObject
from fetalflex.study.ratings import Ratings

_QUANTILE = 1.959963984540054
_LARGEST = 15.0
"""Of an effect on the log scale; beyond it, a group is rated above or below all others without exception."""


@dataclass(frozen=True)
class MethodOdds:
    """The odds of a better rating of a method against the reference, with 95 % interval and p value (Wald)."""

    method: str
    odds_ratio: float
    low: float
    high: float
    p: float


@dataclass(frozen=True)
class OrdinalModel:
    """The model of a criterion.

    Args:
        question: The criterion.
        reference: The method that others are held against.
        odds: One for each other method; empty if the model could not be fitted.
        ratings: Number of ratings.
        clusters: Number of cases.
        problem: Why it could not be fitted; None if it was.
    """

    question: str
    reference: str
    odds: tuple[MethodOdds, ...]
    ratings: int
    clusters: int
    problem: str | None = None

    def to_dict(self) -> JsonObject:
        """Return JSON values."""
        return {**self.__dict__, "odds": [one.__dict__ for one in self.odds]}


def fit_ordinal(ratings: Ratings, question: str) -> OrdinalModel:
    """Fit the model of a criterion; the reference is the first method, which is real if one is.

    Args:
        ratings: Those of images seen for the first time.
        question: The criterion.
    """
    values = ratings.of(question)
    present = np.unique(ratings.method)
    reference, others = ratings.methods[int(present[0])], [int(method) for method in present[1:]]
    columns = [ratings.method == method for method in others]
    columns += [ratings.reader == reader for reader in np.unique(ratings.reader)[1:]]
    columns += [ratings.plane == plane for plane in np.unique(ratings.plane)[1:]]
    clusters = len(np.unique(ratings.case))

    def unfitted(problem: str) -> OrdinalModel:
        return OrdinalModel(question, reference, (), len(values), clusters, problem)

    if not others:
        return unfitted("only one method was rated")
    if len(np.unique(values)) < 2:
        return unfitted("all ratings are equal")
    design = np.stack(columns, axis=1).astype(np.float64)
    parameters = design.shape[1] + len(np.unique(values)) - 1
    if clusters <= parameters:
        return unfitted(f"{clusters} cases are too few for {parameters} parameters")
    fitted = cumulative_logit(values, design, ratings.case)
    if fitted is None:
        return unfitted("a method, reader or plane is rated above or below all others without exception")
    effects, errors = fitted
    odds = tuple(
        _odds(ratings.methods[method], effect, error)
        for method, effect, error in zip(others, effects, errors, strict=False)
    )
    return OrdinalModel(question, reference, odds, len(values), clusters)


def cumulative_logit(
    values: NDArray[np.float64], design: NDArray[np.float64], clusters: NDArray[np.intp]
) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Fit a cumulative logit model by maximum likelihood.

    Args:
        values: Ordered values, (rows,).
        design: Columns without an intercept, (rows, effects); larger effects make larger values likelier.
        clusters: Group of each row, (rows,); rows of different groups are independent.

    Returns:
        Effects and their clustered standard errors, (effects,) each; None if there is no finite best fit.
    """
    from statsmodels.miscmodels.ordinal_model import OrderedModel

    _, categories = np.unique(values, return_inverse=True)
    with warnings.catch_warnings():  # of fits that fail, which the result tells
        warnings.simplefilter("ignore")
        try:
            model = OrderedModel(categories, design, distr="logit")
            result = model.fit(
                method="bfgs", disp=False, maxiter=1000, cov_type="cluster", cov_kwds={"groups": clusters}
            )
        except (np.linalg.LinAlgError, ValueError):
            return None
    count = design.shape[1]
    effects, errors = np.asarray(result.params)[:count], np.asarray(result.bse)[:count]
    is_sound = np.isfinite(errors).all() and (errors > 0).all() and (np.abs(effects) < _LARGEST).all()
    return (effects, errors) if is_sound else None


def _odds(method: str, effect: float, error: float) -> MethodOdds:
    from scipy.stats import norm

    ratio, low, high = np.exp([effect, effect - _QUANTILE * error, effect + _QUANTILE * error])
    return MethodOdds(method, float(ratio), float(low), float(high), float(2 * norm.sf(abs(effect / error))))

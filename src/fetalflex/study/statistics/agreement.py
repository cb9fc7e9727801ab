"""How far readers agree with each other, criterion by criterion.

Intraclass correlations (Shrout PE, Fleiss JL, Psychol Bull 1979;86:420-428) of the images that all readers rated;
Cohen's kappa with quadratic weights (Cohen J, Psychol Bull 1968;70:213-220) of each two readers; Krippendorff's alpha,
which takes all ratings, whoever is missing (Krippendorff K, Content Analysis, 2004).
"""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from fetalflex.evaluation.intervals import Estimate
from fetalflex.files.json_files import JsonObject
from fetalflex.study.questions import TRUTH
from fetalflex.study.ratings import Ratings

FEWEST_IMAGES = 5

Level = Literal["nominal", "ordinal", "interval", "ratio"]

ICC_FORMS: Mapping[str, str] = {
    "ICC(1,1)": "ICC(1,1)",
    "ICC(2,1)": "ICC(A,1)",
    "ICC(3,1)": "ICC(C,1)",
    "ICC(1,k)": "ICC(1,k)",
    "ICC(2,k)": "ICC(A,k)",
    "ICC(3,k)": "ICC(C,k)",
}
"""Names of Shrout and Fleiss to those of McGraw and Wong, which pingouin uses."""


@dataclass(frozen=True)
class Agreement:
    """How far readers agree in their answers to a question; None where that is not defined.

    Args:
        question: The question.
        icc: Form to estimate; empty for the question whether an image is real, and without enough common images.
        common_images: Images that all readers rated.
        kappas: Two readers to their kappa, quadratic weights for criteria.
        alpha: Krippendorff's, ordinal for criteria, nominal for the question whether an image is real.
    """

    question: str
    icc: Mapping[str, Estimate]
    common_images: int
    kappas: Mapping[tuple[str, str], Estimate]
    alpha: float | None

    @property
    def mean_kappa(self) -> float | None:
        """Mean over all pairs of readers."""
        values = [kappa.value for kappa in self.kappas.values()]
        return float(np.mean(values)) if values else None

    def to_dict(self) -> JsonObject:
        """Return JSON values."""
        return {
            "question": self.question,
            "icc": {form: estimate.to_dict() for form, estimate in self.icc.items()},
            "common_images": self.common_images,
            "weighted_kappa": [{"readers": pair, **kappa.to_dict()} for pair, kappa in self.kappas.items()],
            "mean_kappa": self.mean_kappa,
            "krippendorff_alpha": self.alpha,
        }


def agreement(ratings: Ratings, question: str) -> Agreement:
    """Return how far readers agree.

    Args:
        ratings: Those of images seen for the first time.
        question: A criterion, or the question whether an image is real.
    """
    table = np.full((len(ratings.readers), len(ratings.images)), np.nan)
    table[ratings.reader, ratings.image] = ratings.of(question)
    active = [reader for reader in range(len(table)) if not np.isnan(table[reader]).all()]
    table = table[active]
    common = ~np.isnan(table).any(axis=0)
    is_scale = question != TRUTH
    choices = range(1, ratings.questions.points + 1) if is_scale else range(2)
    kappas = {}
    for one, other in itertools.combinations(range(len(active)), 2):
        kappa = weighted_kappa(table[one], table[other], choices, is_scale)
        if kappa is not None:
            kappas[ratings.readers[active[one]], ratings.readers[active[other]]] = kappa
    icc = intraclass_correlations(table[:, common]) if is_scale else {}
    alpha = krippendorff_alpha(table, choices, "ordinal" if is_scale else "nominal")
    return Agreement(question, icc, int(common.sum()), kappas, alpha)


def intraclass_correlations(table: NDArray[np.float64]) -> dict[str, Estimate]:
    """Return all six forms with their 95 % intervals; none if there are too few readers or images, or no differences.

    Args:
        table: (readers, images), without gaps.
    """
    readers, images = table.shape
    if readers < 2 or images < FEWEST_IMAGES or np.ptp(table) == 0:
        return {}
    import pandas
    import pingouin

    long = pandas.DataFrame(
        {
            "image": np.tile(np.arange(images), readers),
            "reader": np.repeat(np.arange(readers), images),
            "rating": table.reshape(-1),
        }
    )
    with warnings.catch_warnings(), np.errstate(all="ignore"):  # where agreement is perfect, F is infinite
        warnings.simplefilter("ignore")
        found = pingouin.intraclass_corr(long, "image", "reader", "rating").set_index("Type")
    ends = next(name for name in found.columns if name.startswith("CI95"))
    estimates = {}
    for form, theirs in ICC_FORMS.items():
        value, (low, high) = found.at[theirs, "ICC"], found.at[theirs, ends]
        if np.isfinite(value):
            estimates[form] = Estimate(float(value), _finite(low), _finite(high), images)
    return estimates


def weighted_kappa(
    one: NDArray[np.float64], other: NDArray[np.float64], choices: range, is_scale: bool = True
) -> Estimate | None:
    """Return Cohen's kappa of two readers with its 95 % interval (Fleiss, Cohen and Everitt 1969).

    Args:
        one: Answers of one reader, (images,), NaN where there is none.
        other: Those of the other.
        choices: What may be answered.
        is_scale: Whether choices are ordered; disagreements then count by the square of their distance.

    Returns:
        None if fewer than `FEWEST_IMAGES` were rated by both, or both always gave the same answer.
    """
    from statsmodels.stats.inter_rater import cohens_kappa

    both = ~np.isnan(one) & ~np.isnan(other)
    if both.sum() < FEWEST_IMAGES:
        return None
    table = np.zeros((len(choices), len(choices)))
    np.add.at(table, (one[both].astype(int) - choices.start, other[both].astype(int) - choices.start), 1)
    with np.errstate(all="ignore"):
        found = cohens_kappa(table, wt="quadratic" if is_scale else None)
    if not np.isfinite(found.kappa):
        return None
    return Estimate(float(found.kappa), _finite(found.kappa_low), _finite(found.kappa_upp), int(both.sum()))


def krippendorff_alpha(table: NDArray[np.float64], choices: range, level: Level) -> float | None:
    """Return Krippendorff's alpha; None if fewer than two readers rated an image, or all answers are equal.

    Args:
        table: (readers, images), NaN where a reader has not rated an image.
        choices: What may be answered.
        level: "nominal", "ordinal", "interval" or "ratio".
    """
    import krippendorff

    comparable = table[:, (~np.isnan(table)).sum(axis=0) >= 2]
    if not comparable.size or len(np.unique(comparable[~np.isnan(comparable)])) < 2:
        return None
    return float(
        krippendorff.alpha(
            reliability_data=comparable, value_domain=[float(choice) for choice in choices], level_of_measurement=level
        )
    )


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None

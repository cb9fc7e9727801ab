"""Two samples: can a classifier tell real from synthetic regions of patients whom it has not seen?

Lopez-Paz and Oquab 2017: if two sets come from one distribution, no classifier does better than chance on images that
it was not trained on. The classifier is a logistic regression, so that what gives a synthesis away can be named.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fetalflex.errors import FetalFlexError
from fetalflex.evaluation.intervals import FEWEST_PATIENTS, Sampled
from fetalflex.evaluation.metrics.logistic import logistic_regression

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

FOLDS = 5
REPEATS = 4
DRAWS = 200
_INNER_FOLDS = 3
_STRENGTHS = (1e-3, 1e-2, 1e-1, 1.0)
"""Inverse penalties among which each training part chooses; numbers are standardised before."""
_AXES_OF_DRAWS = 20
"""Enough to say how far the result scatters."""


@dataclass(frozen=True)
class PairedNumbers:
    """What was measured on N real regions and on N syntheses of their layouts.

    Args:
        names: Of the D numbers, for people.
        real: (N, D); NaN where a number cannot be told.
        synthetic: Likewise; row i belongs to row i of the real ones.
        patients: Patient of each pair.
    """

    names: tuple[str, ...]
    real: Array
    synthetic: Array
    patients: tuple[str, ...]

    def __post_init__(self) -> None:
        shape = len(self.patients), len(self.names)
        if self.real.shape != shape or self.synthetic.shape != shape:
            raise FetalFlexError(
                f"numbers of {shape[0]} pairs, {shape[1]} each, must be arrays of shape {shape}, "
                f"got {self.real.shape} and {self.synthetic.shape}"
            )

    @property
    def rows(self) -> Array:
        """Real and, below them, synthetic rows, (2N, D)."""
        return np.concatenate([self.real, self.synthetic])


@dataclass(frozen=True)
class TwoSamples:
    """How well synthetic regions can be told from real ones.

    Args:
        names: Of the D numbers that the classifier went by.
        auc: Probability that a synthetic region looks more synthetic than a real one of another patient: 0.5 if they
            cannot be told apart, 1 if they always can.
        real: Score of each real region by classifiers that have not seen its patient, (N,): above 0 it looks synthetic.
        synthetic: Likewise of each synthetic one.
        real_parts: What each number adds to the score, (N, D); they sum to it but for a constant.
        synthetic_parts: Likewise.
    """

    names: tuple[str, ...]
    auc: Sampled
    real: Array
    synthetic: Array
    real_parts: Array
    synthetic_parts: Array


def tell_apart(numbers: PairedNumbers, seed: int = 0, draws: int = DRAWS) -> TwoSamples | None:
    """Let logistic regressions tell real from synthetic regions.

    Patients are divided into five folds; what is said of a fold comes from a classifier trained on the others. A real
    region and its synthesis never part. The numbers are standardised, the penalty is chosen (by the logarithmic loss,
    in three folds of patients) and the classifier is fitted on the training folds alone. Scores are divided by their
    standard deviation in training, so that those of different classifiers may be compared, and averaged over four
    divisions into folds.

    For the interval patients are drawn anew, and classifiers are trained anew on each draw, with the penalty
    that was chosen most often: how far the result scatters depends on the patients trained on as on those tested on.
    A draw holds fewer different patients, which makes classifiers worse, so the draws are centred on the result.

    Args:
        numbers: What the classifier goes by.
        seed: Of folds and draws.
        draws: How often patients are drawn anew.

    Returns:
        None with fewer than five patients.
    """
    ids, patient_of_pair = np.unique(np.asarray(numbers.patients, dtype=str), return_inverse=True)
    if len(ids) < FEWEST_PATIENTS:
        return None
    rng = np.random.default_rng(seed)
    parts, constants = np.zeros(numbers.rows.shape), np.zeros(len(numbers.rows))
    chosen = []
    for _ in range(REPEATS):
        for test in _folds(patient_of_pair, FOLDS, rng):
            fitted, strength = _fit(numbers.rows, patient_of_pair, ~test, rng)
            chosen.append(strength)
            tested = np.concatenate([test, test])
            parts[tested] += fitted.parts(numbers.rows[tested]) / REPEATS
            constants[tested] += fitted.constant / REPEATS
    scores = parts.sum(axis=1) + constants
    value = _auc(scores, patient_of_pair, np.ones(len(patient_of_pair)))
    usual = max(set(chosen), key=chosen.count)
    drawn = np.array(list(_drawn(numbers.rows, patient_of_pair, usual, draws, rng)))
    centred = np.clip(drawn + value - np.nanmean(drawn), 0, 1)
    (real, synthetic), (real_parts, synthetic_parts) = np.split(scores, 2), np.split(parts, 2)
    auc = Sampled(value, centred, len(numbers.patients))
    return TwoSamples(numbers.names, auc, real, synthetic, real_parts, synthetic_parts)


@dataclass(frozen=True)
class _Classifier:
    """Score rows by their standardised numbers."""

    mean: Array
    deviation: Array
    weights: Array
    constant: float

    def parts(self, rows: Array) -> Array:
        return _standardised(rows, self.mean, self.deviation) * self.weights

    def scores(self, rows: Array) -> Array:
        return np.asarray(_standardised(rows, self.mean, self.deviation) @ self.weights + self.constant)

    def to_scale(self, rows: Array) -> _Classifier:
        """Return the classifier whose scores of these rows have the standard deviation 1."""
        deviation = self.scores(rows).std()
        scale = 1 / deviation if deviation > 0 else 1.0
        return _Classifier(self.mean, self.deviation, self.weights * scale, self.constant * scale)


def _fit(rows: Array, patients: NDArray[np.intp], of: Mask, rng: np.random.Generator) -> tuple[_Classifier, float]:
    """Fit a classifier to some of the pairs; the inverse penalty, returned too, is chosen among them."""
    rows, patients = rows[np.concatenate([of, of])], patients[of]
    labels = _labels(len(patients))
    losses = np.zeros(len(_STRENGTHS))
    for test in _folds(patients, _INNER_FOLDS, rng):
        tested = np.concatenate([test, test])
        fits = _regressions(rows[~tested], labels[~tested], _STRENGTHS)
        losses += [_log_loss(one.scores(rows[tested]), labels[tested]) for one in fits]
    strength = _STRENGTHS[int(losses.argmin())]
    (best,) = _regressions(rows, labels, [strength])
    return best.to_scale(rows), strength


def _regressions(rows: Array, labels: Array, strengths: Sequence[float]) -> Iterator[_Classifier]:
    """Yield the logistic regression of each inverse penalty.

    Rows are first expressed in the axes that they span, by a singular value decomposition: the penalty is the same in
    these axes, no direction that could matter is lost, and 1280 numbers of 50 images become 50.
    """
    mean, deviation = _moments(rows)
    left, sizes, axes = np.linalg.svd(_standardised(rows, mean, deviation), full_matrices=False)
    for strength in strengths:
        weights, constant = logistic_regression(left * sizes, labels, strength)
        yield _Classifier(mean, deviation, weights @ axes, constant)


def _drawn(
    rows: Array, patients: NDArray[np.intp], strength: float, draws: int, rng: np.random.Generator
) -> Iterator[float]:
    """Yield the result of each draw of as many patients as there are; NaN if too few different ones come."""
    left, sizes, _ = np.linalg.svd(_standardised(rows, *_moments(rows)), full_matrices=False)
    rows = (left * sizes)[:, :_AXES_OF_DRAWS]
    labels, count = _labels(len(patients)), patients.max() + 1
    for _ in range(draws):
        counts = np.bincount(rng.integers(0, count, count), minlength=count).astype(np.float64)[patients]
        scores = np.zeros(len(rows))
        drawn = np.flatnonzero(counts)
        for part in _folds(patients[drawn], FOLDS, rng):
            test = np.zeros(len(patients), np.bool_)
            test[drawn[part]] = True
            tested, twice = np.concatenate([test, test]), np.concatenate([counts, counts])
            trained = ~tested & (twice > 0)
            if not trained.any():
                continue
            weights, constant = logistic_regression(rows[trained], labels[trained], strength, twice[trained])
            found = rows @ weights + constant
            scores[tested] = found[tested] / max(found[trained].std(), 1e-12)
        yield _auc(scores, patients, counts)


def _moments(rows: Array) -> tuple[Array, Array]:
    """Return mean and standard deviation of each number; 0 and 1 for one that no row has or that never changes."""
    known = ~np.isnan(rows)
    count = np.maximum(known.sum(axis=0), 1)
    mean = np.where(known, rows, 0).sum(axis=0) / count
    deviation = np.sqrt(np.where(known, (rows - mean) ** 2, 0).sum(axis=0) / count)
    return mean, np.where(deviation > 1e-9 * np.abs(mean), deviation, 1.0)


def _standardised(rows: Array, mean: Array, deviation: Array) -> Array:
    """Return the numbers by their deviation from the mean; 0, which says nothing, for those that cannot be told."""
    return np.nan_to_num((rows - mean) / deviation, nan=0.0)


def _labels(pairs: int) -> Array:
    """Return 0 for each real row, 1 for each synthetic one below them."""
    return np.repeat([0.0, 1.0], pairs)


def _log_loss(scores: Array, labels: Array) -> float:
    return float(np.logaddexp(0, np.where(labels == 1, -scores, scores)).sum())


def _folds(patients: NDArray[np.intp], count: int, rng: np.random.Generator) -> Iterator[Mask]:
    """Yield which pairs belong to each part of the patients, (N,) bool; parts differ by one patient at most."""
    ids, patient_of_pair = np.unique(patients, return_inverse=True)
    part_of_patient = rng.permutation(len(ids)) % min(count, len(ids))
    for part in range(min(count, len(ids))):
        yield part_of_patient[patient_of_pair] == part


def _auc(scores: Array, patients: NDArray[np.intp], counts: Array) -> float:
    """Return the share of synthetic and real regions of different patients whose scores are in order.

    Args:
        scores: Of real and, below them, synthetic regions, (2N,).
        patients: Of each pair, (N,).
        counts: How often each pair is drawn, (N,).
    """
    real, synthetic = np.split(scores, 2)
    weights = np.not_equal.outer(patients, patients) * np.outer(counts, counts)
    if not weights.any():
        return float("nan")
    return float((weights * (np.sign(np.subtract.outer(synthetic, real)) + 1) / 2).sum() / weights.sum())

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from fetalflex.evaluation.metrics.logistic import logistic_regression


def data(shift: float) -> tuple[np.ndarray, np.ndarray]:
    rows = np.random.default_rng(0).normal(size=(40, 6))
    rows[20:, 0] += shift
    return rows, np.repeat([0.0, 1.0], 20)


@pytest.mark.parametrize("strength", [1e-3, 1.0, 100.0])
@pytest.mark.parametrize("shift", [0.0, 1.0, 10.0])
def test_it_equals_scikit_learn(strength: float, shift: float) -> None:
    """Also where the classes can be parted without error, so that only the penalty keeps weights finite."""
    rows, labels = data(shift)
    weights, constant = logistic_regression(rows, labels, strength)
    reference = LogisticRegression(C=strength, tol=1e-10, max_iter=10_000).fit(rows, labels)
    np.testing.assert_allclose(weights, reference.coef_[0], rtol=1e-3, atol=1e-4)
    assert constant == pytest.approx(reference.intercept_[0], rel=1e-3, abs=1e-4)


def test_a_strong_penalty_leaves_the_share_of_the_labels() -> None:
    rows, labels = data(1.0)
    weights, constant = logistic_regression(rows[:30], labels[:30], 1e-9)
    assert np.abs(weights).max() < 1e-6
    assert constant == pytest.approx(np.log(10 / 20), rel=1e-5)

"""Logistic regression with a quadratic penalty."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_STEPS = 100
_HALVINGS = 30
_TOLERANCE = 1e-6


def logistic_regression(
    rows: Array, labels: Array, strength: float, counts: Array | None = None
) -> tuple[Array, float]:
    """Return weights w and constant b that minimise |w|² / 2 + strength · Σ count · log(1 + exp(∓(w·row + b))).

    By Newton's method, from 0, steps halved until the sum falls. The constant bears no penalty.

    Args:
        rows: (N, D).
        labels: 0 or 1 for each, (N,); both must occur.
        strength: Inverse of the penalty, above 0.
        counts: How often each row counts, (N,); once by default.
    """
    each = strength * (np.ones(len(rows)) if counts is None else counts)
    design = np.column_stack([rows, np.ones(len(rows))])
    penalty = np.append(np.ones(rows.shape[1]), 0.0)
    found = np.zeros(design.shape[1])
    value = _objective(design, labels, penalty, each, found)
    for _ in range(_STEPS):
        shares = 1 / (1 + np.exp(-np.clip(design @ found, -500, 500)))
        gradient = penalty * found + design.T @ (each * (shares - labels))
        curvature = (design.T * (each * shares * (1 - shares))) @ design + np.diag(penalty)
        step = np.linalg.solve(curvature, gradient)
        if np.abs(step).max() < _TOLERANCE * (1 + np.abs(found).max()):
            break
        for _ in range(_HALVINGS):
            lower = _objective(design, labels, penalty, each, found - step)
            if lower < value:
                break
            step = step / 2
        else:
            break
        found, value = found - step, lower
    return found[:-1], float(found[-1])


def _objective(design: Array, labels: Array, penalty: Array, each: Array, at: Array) -> float:
    scores = design @ at
    return float(penalty @ at**2 / 2 + each @ np.logaddexp(0, np.where(labels == 1, -scores, scores)))

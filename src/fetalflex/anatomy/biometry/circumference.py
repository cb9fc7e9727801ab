"""The circumference of an ellipse."""

from __future__ import annotations

import math

from fetalflex.checks import positive_number

_CONVERGED = 1e-12


def ellipse_circumference(semi_axis_a: float, semi_axis_b: float) -> float:
    """Return the length of an ellipse's curve, in the unit of the semi-axes (> 0, in any order).

    4 a E(e) by the arithmetic-geometric mean (Abramowitz and Stegun 17.6); exact to rounding, unlike Ramanujan's series
    or π (a + b).
    """
    a = positive_number(semi_axis_a, "ellipse semi-axis a")
    b = positive_number(semi_axis_b, "ellipse semi-axis b")
    total, weight = (a * a + b * b) / 2, 0.5
    while abs(a - b) > _CONVERGED * a:
        a, b, weight = (a + b) / 2, math.sqrt(a * b), 2 * weight
        total -= weight * (a * a - b * b)
    return 2 * math.pi * total / a

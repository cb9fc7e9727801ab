"""Ellipses through points."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fetalflex.anatomy.biometry.circumference import ellipse_circumference
from fetalflex.anatomy.box import Box
from fetalflex.errors import FetalFlexError

_FEWEST_POINTS = 6


@dataclass(frozen=True)
class Ellipse:
    """An ellipse in pixels.

    Args:
        cx: Centre, pixels to the right of the image's left edge.
        cy: Centre, pixels below the image's top edge.
        semi_axis_a: Longer half axis, pixels.
        semi_axis_b: Shorter half axis, pixels.
        angle: Degrees clockwise on the screen from +x to the longer axis.
    """

    cx: float
    cy: float
    semi_axis_a: float
    semi_axis_b: float
    angle: float

    def box(self) -> Box:
        """Return the rotated box that touches the ellipse at the ends of its axes."""
        return Box.from_ellipse(self.cx, self.cy, self.semi_axis_a, self.semi_axis_b, self.angle)

    def circumference(self) -> float:
        """Return the length of the curve in pixels, exact to rounding."""
        return ellipse_circumference(self.semi_axis_a, self.semi_axis_b)

    def mean_offset(self, points: NDArray[np.float64]) -> float:
        """Return how far points lie from the curve on average, in pixels, to first order.

        Args:
            points: `(N, 2)` x and y.
        """
        cos, sin = math.cos(math.radians(self.angle)), math.sin(math.radians(self.angle))
        x, y = points[:, 0] - self.cx, points[:, 1] - self.cy
        along, across = (x * cos + y * sin) / self.semi_axis_a, (y * cos - x * sin) / self.semi_axis_b
        value = along**2 + across**2 - 1
        slope = 2 * np.hypot(along / self.semi_axis_a, across / self.semi_axis_b)
        return float(np.mean(np.abs(value) / np.maximum(slope, 1e-12)))


def fit_ellipse(points: NDArray[np.float64]) -> Ellipse:
    """Fit an ellipse to points by least squares of its equation, under the constraint 4AC - B² = 1.

    The equation is A x² + B x y + C y² + D x + E y + F = 0 in coordinates centred on the points and scaled to their
    spread. The constraint allows no other conic (Fitzgibbon 1999; solved in two blocks as by Halir and Flusser 1998).

    Args:
        points: `(N, 2)` x and y in pixels, N >= 6; they need not cover the whole ellipse.

    Raises:
        FetalFlexError: If there are too few points, or they lie on one line.
    """
    if len(points) < _FEWEST_POINTS:
        raise FetalFlexError(f"an ellipse needs at least {_FEWEST_POINTS} points, got {len(points)}")
    middle = points.mean(axis=0)
    spread = float(np.sqrt(((points - middle) ** 2).sum(axis=1).mean()))
    x, y = ((points - middle) / (spread or 1.0)).T
    quadratic = np.stack([x * x, x * y, y * y], axis=1)
    linear = np.stack([x, y, np.ones_like(x)], axis=1)
    try:
        to_linear = -np.linalg.solve(linear.T @ linear, linear.T @ quadratic)
        reduced = quadratic.T @ quadratic + quadratic.T @ linear @ to_linear
        _, vectors = np.linalg.eig(reduced[[2, 1, 0]] * np.array([[0.5], [-1.0], [0.5]]))
    except np.linalg.LinAlgError as error:
        raise FetalFlexError("the points lie on one line, so no ellipse passes through them") from error
    vectors = vectors.real
    discriminants = 4 * vectors[0] * vectors[2] - vectors[1] ** 2
    best = int(discriminants.argmax())
    if not discriminants[best] > 1e-9:
        raise FetalFlexError("the points lie on one line, so no ellipse passes through them")
    conic = np.concatenate([vectors[:, best], to_linear @ vectors[:, best]])
    return _from_conic(conic, middle, spread)


def _from_conic(conic: NDArray[np.float64], middle: NDArray[np.float64], spread: float) -> Ellipse:
    """Return the ellipse of a conic (A, B, C, D, E, F) in normalised coordinates."""
    a, b, c, d, e, f = conic * np.sign(conic[0])
    form = np.array([[a, b / 2], [b / 2, c]])
    centre = np.linalg.solve(form, np.array([d, e]) / -2)
    level = centre @ form @ centre - f
    curvatures, axes = np.linalg.eigh(form)
    if level <= 0 or curvatures[0] <= 0:
        raise FetalFlexError("no ellipse passes through the points")
    semi_axes = np.sqrt(level / curvatures) * spread
    cx, cy = centre * spread + middle
    angle = math.degrees(math.atan2(axes[1, 0], axes[0, 0]))
    return Ellipse(float(cx), float(cy), float(semi_axes[0]), float(semi_axes[1]), angle)

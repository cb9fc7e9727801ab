"""Structures as the ellipses that touch their boxes: how far they reach, how much they share, where they touch."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from fetalflex.anatomy.box import Box

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Points = NDArray[np.float64]

Vector = tuple[float, float]

_TURNS = np.arange(96) * (2 * math.pi / 96)
_RING = np.stack([np.cos(_TURNS), np.sin(_TURNS)], axis=1)
_LINES = ((np.arange(96) + 0.5) / 96 - 0.5) * math.pi  # angles; their sines are where lines cross an ellipse
_NORMAL_ANGLES = np.arange(1440) * (2 * math.pi / 1440)
_NORMALS = np.stack([np.cos(_NORMAL_ANGLES), np.sin(_NORMAL_ANGLES)], axis=1)


def reach_in_ellipse(box: Box, around: Box) -> float:
    """Return how far the ellipse in `box` reaches in the one in `around`: 0 is its centre, 1 its edge."""
    return float(_radii(_points(box, _RING), around).max())


def reach_in_image(box: Box, width: float, height: float) -> float:
    """Return how far a box reaches in an image: 0 is the image's centre, 1 its edge."""
    x0, y0, x1, y1 = box.corners()
    return max(abs(2 * x0 / width - 1), abs(2 * x1 / width - 1), abs(2 * y0 / height - 1), abs(2 * y1 / height - 1))


def overlap(a: Box, b: Box) -> float:
    """Return the share, 0 to 1, of the smaller ellipse that lies in the larger one, to about 0.002."""
    smaller, larger = sorted((a, b), key=lambda box: (box.area, box.width, box.height, box.angle, box.cx, box.cy))
    # Where the smaller ellipse is the unit disc, the larger one is |m u + t| < 1, or u · q u + 2 p · u + rest < 0.
    frame, inner = _frame(larger), _frame(smaller)
    m = np.linalg.solve(frame, inner)
    t = np.linalg.solve(frame, (smaller.cx - larger.cx, smaller.cy - larger.cy))
    q, p, rest = m.T @ m, m.T @ t, t @ t - 1
    inverse = np.linalg.inv(q)
    middle, reach = -(inverse @ p)[1], math.sqrt(inverse[1, 1])
    low, high = max(-1.0, middle - reach), min(1.0, middle + reach)
    if high <= low:
        return 0.0
    # Both are cut along lines; the lines are dense where an ellipse ends, so that the sum over a whole one is exact.
    half = (high - low) / 2
    y = low + half + half * np.sin(_LINES)
    centre = -(q[0, 1] * y + p[0]) / q[0, 0]
    chord = np.sqrt(np.maximum(centre**2 - (q[1, 1] * y**2 + 2 * p[1] * y + rest) / q[0, 0], 0))
    disc = np.sqrt(np.maximum(1 - y**2, 0))
    shared = np.maximum(np.minimum(disc, centre + chord) - np.maximum(-disc, centre - chord), 0)
    area = half * math.pi / len(_LINES) * float(shared @ np.cos(_LINES))
    return min(1.0, area / math.pi)


def touching_distance(a: Box, b: Box, direction: Vector) -> float:
    """Return the distance of centres, px, at which the ellipse of `b`, moved to that side of `a`, touches that of `a`.

    Two convex bodies touch where the centre of one lies on the edge of their Minkowski sum: with the sum h of their
    support functions, at min over normals n of h(n) / (n · direction).

    Args:
        a: stays where it is.
        b: its centre does not matter.
        direction: unit vector from the centre of `a` to that of `b`.
    """
    facing = _NORMALS @ np.array(direction)
    seen = facing > 1e-3
    supports = _support(a, _NORMALS[seen]) + _support(b, _NORMALS[seen])
    return float((supports / facing[seen]).min())


def holds(outer: Box, inner: Box) -> bool:
    """Return whether a box lies within another one, up to rounding."""
    along, across = outer.local(*inner.polygon().T)
    return bool((np.abs(along) <= outer.width / 2 + 1e-6).all() and (np.abs(across) <= outer.height / 2 + 1e-6).all())


def _frame(box: Box) -> NDArray[np.float64]:
    """Return the matrix, (2, 2), that carries the unit disc into the ellipse of a box at the origin."""
    cos, sin = box.cos_sin()
    return np.array([[cos * box.width / 2, -sin * box.height / 2], [sin * box.width / 2, cos * box.height / 2]])


def _points(box: Box, unit: Points) -> Points:
    """Return points of the unit disc, (N, 2), carried into the ellipse of a box."""
    return np.stack(box.point(unit[:, 0] * box.width / 2, unit[:, 1] * box.height / 2), axis=1)


def _radii(points: Points, box: Box) -> NDArray[np.float64]:
    """Return where points lie in the ellipse of a box: 0 at its centre, 1 on its edge."""
    along, across = box.local(points[:, 0], points[:, 1])
    return np.hypot(along / (box.width / 2), across / (box.height / 2))


def _support(box: Box, normals: Points) -> NDArray[np.float64]:
    cos, sin = box.cos_sin()
    along, across = normals[:, 0] * cos + normals[:, 1] * sin, normals[:, 1] * cos - normals[:, 0] * sin
    return np.hypot(along * box.width / 2, across * box.height / 2)

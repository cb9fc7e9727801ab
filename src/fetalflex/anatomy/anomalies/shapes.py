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
_RADII = np.sqrt((np.arange(8) + 0.5) / 8)  # the middles of 8 rings of one area
_SPOKES = (np.arange(32) + 0.5) * (2 * math.pi / 32)  # none on an axis, so the disc is its own mirror image
_DISC = np.stack([np.outer(_RADII, np.cos(_SPOKES)).ravel(), np.outer(_RADII, np.sin(_SPOKES)).ravel()], axis=1)
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
    """Return the share, 0 to 1, of the smaller ellipse that lies in the larger one, to about 1/256."""
    smaller, larger = sorted((a, b), key=lambda box: (box.area, box.cx, box.cy))
    return float(np.mean(_radii(_points(smaller, _DISC), larger) < 1))


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
    cos, sin = outer.cos_sin()
    x, y = (inner.polygon() - (outer.cx, outer.cy)).T
    along, across = np.abs(x * cos + y * sin), np.abs(y * cos - x * sin)
    return bool((along <= outer.width / 2 + 1e-6).all() and (across <= outer.height / 2 + 1e-6).all())


def _points(box: Box, unit: Points) -> Points:
    """Return points of the unit disc, (N, 2), carried into the ellipse of a box."""
    cos, sin = box.cos_sin()
    x, y = unit[:, 0] * box.width / 2, unit[:, 1] * box.height / 2
    return np.stack([box.cx + x * cos - y * sin, box.cy + x * sin + y * cos], axis=1)


def _radii(points: Points, box: Box) -> NDArray[np.float64]:
    """Return where points lie in the ellipse of a box: 0 at its centre, 1 on its edge."""
    cos, sin = box.cos_sin()
    x, y = points[:, 0] - box.cx, points[:, 1] - box.cy
    return np.hypot((x * cos + y * sin) / (box.width / 2), (y * cos - x * sin) / (box.height / 2))


def _support(box: Box, normals: Points) -> NDArray[np.float64]:
    cos, sin = box.cos_sin()
    along, across = normals[:, 0] * cos + normals[:, 1] * sin, normals[:, 1] * cos - normals[:, 0] * sin
    return np.hypot(along * box.width / 2, across * box.height / 2)

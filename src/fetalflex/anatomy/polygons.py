"""Convex polygons as lists of (x, y) points: area, intersection, hull, smallest rectangle."""

from __future__ import annotations

import math
from collections.abc import Sequence

Point = tuple[float, float]


def signed_area(polygon: Sequence[Point]) -> float:
    """Return the shoelace area; positive when the corners run clockwise on the screen (y down)."""
    if len(polygon) < 3:
        return 0.0
    x0, y0 = polygon[0]
    total = 0.0
    for (ax, ay), (bx, by) in zip(polygon, [*polygon[1:], polygon[0]], strict=True):
        total += (ax - x0) * (by - y0) - (bx - x0) * (ay - y0)
    return total / 2


def convex_intersection(subject: Sequence[Point], window: Sequence[Point]) -> list[Point]:
    """Cut the polygon `subject` by every edge of the convex `window`; both run clockwise on the screen."""
    kept = list(subject)
    for start, end in zip(window, [*window[1:], window[0]], strict=True):
        if not kept:
            break
        kept = _cut_by_half_plane(kept, start, end)
    return kept


def _cut_by_half_plane(polygon: list[Point], start: Point, end: Point) -> list[Point]:
    edge_x, edge_y = end[0] - start[0], end[1] - start[1]
    sides = [edge_x * (y - start[1]) - edge_y * (x - start[0]) for x, y in polygon]
    kept: list[Point] = []
    for i, (point, side) in enumerate(zip(polygon, sides, strict=True)):
        before, before_side = polygon[i - 1], sides[i - 1]
        if (side >= 0) != (before_side >= 0):
            t = before_side / (before_side - side)
            kept.append((before[0] + t * (point[0] - before[0]), before[1] + t * (point[1] - before[1])))
        if side >= 0:
            kept.append(point)
    return kept


def convex_hull(points: Sequence[Point]) -> list[Point]:
    """Return the corners of the convex hull, clockwise on the screen (monotone chain)."""
    ordered = sorted(set(points))
    if len(ordered) < 3:
        return ordered
    return _half_hull(ordered)[:-1] + _half_hull(ordered[::-1])[:-1]


def _half_hull(ordered: list[Point]) -> list[Point]:
    chain: list[Point] = []
    for x, y in ordered:
        while len(chain) >= 2:
            (ax, ay), (bx, by) = chain[-2], chain[-1]
            if (bx - ax) * (y - ay) - (by - ay) * (x - ax) > 0:
                break
            chain.pop()
        chain.append((x, y))
    return chain


def smallest_rectangle(points: Sequence[Point]) -> tuple[float, float, float, float, float]:
    """Return (cx, cy, width, height, degrees in [-45, 45]) of the smallest rectangle that holds the points.

    One side of the smallest rectangle lies on an edge of the convex hull, so every hull edge is tried.
    """
    hull = convex_hull(points)
    best: tuple[float, float, float, float, float] | None = None
    best_area = math.inf
    for (ax, ay), (bx, by) in zip(hull, [*hull[1:], hull[0]], strict=True):
        radians = math.atan2(by - ay, bx - ax)
        radians -= round(radians / (math.pi / 2)) * (math.pi / 2)
        cos, sin = math.cos(radians), math.sin(radians)
        along = [x * cos + y * sin for x, y in hull]
        across = [y * cos - x * sin for x, y in hull]
        width, height = max(along) - min(along), max(across) - min(across)
        if width * height < best_area:
            best_area = width * height
            u, v = (max(along) + min(along)) / 2, (max(across) + min(across)) / 2
            best = (u * cos - v * sin, u * sin + v * cos, width, height, math.degrees(radians))
    if best is None:
        raise ValueError("no points")
    return best

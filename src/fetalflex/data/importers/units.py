"""What the numbers of a box mean: pixels, fractions or per cent; corners, sizes or centre.

Files rarely say so. Where the numbers contradict what their format promises, the importer asks; it never guesses.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fetalflex.anatomy.box import Box
from fetalflex.anatomy.polygons import convex_hull
from fetalflex.data.limits import MAX_COORDINATE, MAX_CORNERS
from fetalflex.errors import FetalFlexError

Unit = Literal["pixels", "fractions", "percent"]
Form = Literal["corners", "size", "centre"]

UNITS: tuple[Unit, ...] = ("pixels", "fractions", "percent")
FORMS: tuple[Form, ...] = ("corners", "size", "centre")

_MAKERS = {"corners": Box.from_corners, "size": Box.from_xywh, "centre": Box.from_centre}
_SLACK = 0.05  # of the image's side; what careful people draw over the border
_SAME_AREA = 0.01
_SMALLEST_TELLING = 8  # pixels; boxes within one pixel of a larger image are fractions
_PLAIN_HULL = 400


def scale_of(unit: Unit, size: tuple[int, int]) -> tuple[float, float]:
    """Return what x and y are multiplied by to become pixels of an image of `size` (width, height)."""
    if unit == "pixels":
        return 1, 1
    return size if unit == "fractions" else (size[0] / 100, size[1] / 100)


def scaled(points: NDArray[np.float64], scale: tuple[float, float]) -> NDArray[np.float64]:
    """Return points, `(N, 2)`, as pixels; what becomes infinite is refused by whoever makes a box of it."""
    if scale == (1, 1):
        return points
    with np.errstate(over="ignore"):
        return points * scale


def quad_box(values: Sequence[float], form: Form) -> Box:
    """Return the upright box of four numbers: two corners, corner and size, or centre and size."""
    return _MAKERS[form](*values)


def check_unit(box: Box, size: tuple[int, int], unit: Unit) -> None:
    """Check that a box can be in the unit that its format has.

    Args:
        box: Box in pixels of the image.
        size: Width and height of the image.
        unit: What its numbers were taken for.

    Raises:
        FetalFlexError: If a box of pixels lies within the first one, or one of fractions far outside.
    """
    x0, y0, x1, y1 = box.corners()
    if unit == "pixels":
        if min(size) >= _SMALLEST_TELLING and min(x0, y0) >= -0.01 and max(x1, y1) <= 1.01:
            raise FetalFlexError(
                f"the box from ({x0:.4g}, {y0:.4g}) to ({x1:.4g}, {y1:.4g}) lies within one pixel, so these seem to be "
                "fractions of the image; say so with --box-unit fractions, or --box-unit pixels if it is right"
            )
        return
    scale = scale_of(unit, size)
    most = max(x1 / scale[0], y1 / scale[1], box.width / scale[0], box.height / scale[1])
    if unit == "fractions" and most > 2:
        raise FetalFlexError(
            f"the numbers reach {most:.4g}, but fractions of the image reach 1; say what they are with "
            "--box-unit pixels or --box-unit percent"
        )


def doubt_about_form(quads: Iterable[tuple[Sequence[float], tuple[float, float]]], form: Form) -> str | None:
    """Return what to say if the boxes of a file contradict their form and would fit as corners.

    Args:
        quads: Four numbers of each box, and width and height of its image in the same unit.
        form: What the format promises, "size" or "centre".
    """
    example: Sequence[float] | None = None
    for (a, b, c, d), (width, height) in quads:
        x0, y0 = (a, b) if form == "size" else (a - c / 2, b - d / 2)
        over_x, over_y = _SLACK * width, _SLACK * height
        fits = x0 >= -over_x and y0 >= -over_y and x0 + c <= width + over_x and y0 + d <= height + over_y
        as_corners = 0 <= a < c <= width + over_x and 0 <= b < d <= height + over_y
        if fits or not as_corners:
            return None
        example = example or (a, b, c, d)
    if example is None:
        return None
    shown = ", ".join(f"{value:g}" for value in example)
    other = "corner and size" if form == "size" else "centre and size"
    return (
        f"the boxes, such as ({shown}), reach out of their images as {other} but fit as two corners; say which with "
        f"--box-form corners or --box-form {form}"
    )


def form_by_area(entries: Iterable[tuple[Sequence[float], float]]) -> Form | None:
    """Return "corners" or "size" if the stated areas of boxes tell, None if they do not.

    Args:
        entries: Four numbers of each box, and its area.

    Raises:
        FetalFlexError: If some boxes are corners and others sizes.
    """
    sizes = corners = count = 0
    for (a, b, c, d), area in entries:
        count += 1
        is_size = abs(c * d - area) <= _SAME_AREA * area
        is_corners = c > a and d > b and abs((c - a) * (d - b) - area) <= _SAME_AREA * area
        sizes += is_size and not is_corners
        corners += is_corners and not is_size
    if sizes + corners < count:
        return None  # areas of masks, not of boxes
    if sizes and corners:
        raise FetalFlexError(
            f"by their areas {corners} boxes are two corners and {sizes} are corner and size; say which with "
            "--box-form corners or --box-form size"
        )
    return "corners" if corners else "size" if sizes else None


def polygon_box(points: ArrayLike, rotated: bool = False) -> Box:
    """Return the box around a polygon, in time linear in its corners but for sorting; see `Box.from_polygon`.

    Raises:
        FetalFlexError: If it has too many corners, or values beyond ±1e9, or no area.
    """
    array = np.asarray(points, dtype=np.float64)
    if len(array) > MAX_CORNERS:
        raise FetalFlexError(f"the polygon has {len(array):,} corners; at most {MAX_CORNERS:,} are read")
    if array.size and not np.abs(array).max() <= MAX_COORDINATE:
        raise FetalFlexError(f"the polygon has coordinates beyond ±{MAX_COORDINATE:g}")
    if rotated and array.ndim == 2 and len(array) > _PLAIN_HULL:
        hull = convex_hull([(float(x), float(y)) for x, y in array])
        if len(hull) > _PLAIN_HULL:
            return _smallest_around(np.array(hull))
    return Box.from_polygon(array, rotated=rotated)


def _smallest_around(hull: np.ndarray) -> Box:
    """Return the smallest rectangle around a convex polygon `(N, 2)` that runs clockwise on the screen.

    The corner farthest in a direction is where the edges turn past it, so it is found by bisection for all edges.
    """
    edges = np.roll(hull, -1, axis=0) - hull
    turns = np.unwrap(np.arctan2(edges[:, 1], edges[:, 0]))
    angle = np.arctan2(edges[:, 1], edges[:, 0])

    def reach(direction: np.ndarray) -> np.ndarray:
        """Return how far the polygon reaches in each direction (radians)."""
        wanted = turns[0] + np.mod(direction + np.pi / 2 - turns[0], 2 * np.pi)
        corner = np.searchsorted(turns, wanted) % len(hull)
        near = (corner[:, None] + np.array([-1, 0, 1])) % len(hull)
        along = hull[near, 0] * np.cos(direction)[:, None] + hull[near, 1] * np.sin(direction)[:, None]
        return np.asarray(along.max(axis=1))

    ahead, behind = reach(angle), -reach(angle + np.pi)
    right, left = reach(angle + np.pi / 2), -reach(angle - np.pi / 2)
    width, height = ahead - behind, right - left
    best = int(np.argmin(width * height))
    cos, sin = np.cos(angle[best]), np.sin(angle[best])
    u, v = (ahead[best] + behind[best]) / 2, (right[best] + left[best]) / 2
    degrees = float(np.degrees(angle[best]))
    quarter = round(degrees / 90)
    sides = (width[best], height[best]) if quarter % 2 == 0 else (height[best], width[best])
    if min(sides) <= 1e-9 * max(sides):
        raise FetalFlexError(f"the {len(hull)} points of the polygon lie on one line, so no box holds an area")
    return Box(u * cos - v * sin, u * sin + v * cos, float(sides[0]), float(sides[1]), degrees - 90 * quarter)

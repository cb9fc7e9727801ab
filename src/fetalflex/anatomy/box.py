"""Box: a rectangle in pixels of its image, upright or rotated.

Coordinates are pixel edges: an image of width W spans x in [0, W], and pixel (i, j) covers [i, i+1] x [j, j+1];
x runs to the right, y runs down. Other conventions are named functions.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from fetalflex.anatomy.polygons import Point, convex_intersection, signed_area, smallest_rectangle
from fetalflex.checks import finite_number, mapping_with_keys, positive_number
from fetalflex.errors import FetalFlexError
from fetalflex.files.json_files import JsonMapping

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

CoordinateT = TypeVar("CoordinateT", float, "NDArray[np.float64]")
"""One number, or an array of them."""

_LARGEST_VALUE = 1e9
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle, by its centre, side lengths and angle.

    Args:
        cx: centre, pixels to the right of the image's left edge.
        cy: centre, pixels below the image's top edge.
        width: side along the box's own x axis, pixels, > 0.
        height: side along the box's own y axis, pixels, > 0.
        angle: degrees, positive = clockwise on the screen (from +x towards +y). Stored in [-90, 90), since a
            rectangle turned by 180 degrees is the same rectangle.

    Raises:
        FetalFlexError: a value is no finite number, beyond 1e9, or a side is not greater than 0.

    Example:
        >>> Box.from_xywh(10, 20, 40, 30).corners()
        (10.0, 20.0, 50.0, 50.0)
    """

    cx: float
    cy: float
    width: float
    height: float
    angle: float = 0.0

    def __post_init__(self) -> None:
        if self._is_plain():
            return
        values = {
            "cx": finite_number(self.cx, "box cx"),
            "cy": finite_number(self.cy, "box cy"),
            "width": positive_number(self.width, "box width"),
            "height": positive_number(self.height, "box height"),
            "angle": finite_number(self.angle, "box angle"),
        }
        for field, value in values.items():
            if abs(value) > _LARGEST_VALUE:
                raise FetalFlexError(f"box {field} must lie within ±1e9, got {value:g}")
        if values["width"] * values["height"] == 0:
            raise FetalFlexError(f"box of {values['width']:g} x {values['height']:g} px has no area")
        values["angle"] = _half_turn(values["angle"])
        for field, value in values.items():
            object.__setattr__(self, field, value)

    def _is_plain(self) -> bool:
        """Say whether there is nothing to refuse or convert: so it is for nearly all boxes, and quickly seen."""
        cx, cy, width, height, angle = self.cx, self.cy, self.width, self.height, self.angle
        return (
            type(cx) is type(cy) is type(width) is type(height) is type(angle) is float
            and -_LARGEST_VALUE <= cx <= _LARGEST_VALUE
            and -_LARGEST_VALUE <= cy <= _LARGEST_VALUE
            and 0 < width <= _LARGEST_VALUE
            and 0 < height <= _LARGEST_VALUE
            and width * height > 0
            and (-90 <= angle < 0 or 0 < angle < 90 or (angle == 0 and math.copysign(1.0, angle) > 0))
        )

    # Named constructors

    @classmethod
    def from_corners(cls, x0: float, y0: float, x1: float, y1: float) -> Box:
        """Build from the left, top, right and bottom edges; x0 < x1 and y0 < y1."""
        x0, y0 = finite_number(x0, "box x0"), finite_number(y0, "box y0")
        x1, y1 = finite_number(x1, "box x1"), finite_number(y1, "box y1")
        if x1 <= x0 or y1 <= y0:
            raise FetalFlexError(f"box corners ({x0:g}, {y0:g}, {x1:g}, {y1:g}) must satisfy x0 < x1 and y0 < y1")
        return cls((x0 + x1) / 2, (y0 + y1) / 2, x1 - x0, y1 - y0)

    @classmethod
    def from_xywh(cls, x: float, y: float, width: float, height: float) -> Box:
        """Build from the top left corner and the size (COCO)."""
        x, y = finite_number(x, "box x"), finite_number(y, "box y")
        width, height = positive_number(width, "box width"), positive_number(height, "box height")
        return cls(x + width / 2, y + height / 2, width, height)

    @classmethod
    def from_centre(cls, cx: float, cy: float, width: float, height: float, angle: float = 0.0) -> Box:
        """Build from the centre, the size and an angle in degrees clockwise."""
        return cls(cx, cy, width, height, angle)

    @classmethod
    def from_fractional_centre(
        cls, cx: float, cy: float, width: float, height: float, image_width: float, image_height: float
    ) -> Box:
        """Build from the centre and size as fractions of the image's width and height (YOLO)."""
        image_width, image_height = _image_size(image_width, image_height)
        return cls(
            finite_number(cx, "box cx") * image_width,
            finite_number(cy, "box cy") * image_height,
            positive_number(width, "box width") * image_width,
            positive_number(height, "box height") * image_height,
        )

    @classmethod
    def from_row_column(cls, row0: float, column0: float, row1: float, column1: float) -> Box:
        """Build from the first row and column and the row and column past the last (NumPy slices)."""
        return cls.from_corners(column0, row0, column1, row1)

    @classmethod
    def from_polygon(cls, points: ArrayLike, rotated: bool = False) -> Box:
        """Build the box around a polygon.

        Args:
            points: (N, 2) x and y in pixels, N >= 3.
            rotated: False gives the upright bounding box; True the rectangle of smallest area, with the angle in
                [-45, 45].

        Raises:
            FetalFlexError: wrong shape, values that are not finite, or points on one line.
        """
        corners = _polygon_points(points)
        if not rotated:
            xs, ys = [x for x, _ in corners], [y for _, y in corners]
            return cls.from_corners(min(xs), min(ys), max(xs), max(ys))
        cx, cy, width, height, angle = smallest_rectangle(corners)
        if min(width, height) <= _ROUNDING * max(width, height):
            raise FetalFlexError(f"the {len(corners)} points of the polygon lie on one line, so no box holds an area")
        return cls(cx, cy, width, height, angle)

    @classmethod
    def from_ellipse(cls, cx: float, cy: float, semi_axis_a: float, semi_axis_b: float, angle: float = 0.0) -> Box:
        """Build the box that touches an ellipse at the ends of its axes; `angle` turns semi-axis a from +x."""
        semi_axis_a = positive_number(semi_axis_a, "ellipse semi-axis a")
        semi_axis_b = positive_number(semi_axis_b, "ellipse semi-axis b")
        return cls(cx, cy, 2 * semi_axis_a, 2 * semi_axis_b, angle)

    @classmethod
    def from_dict(cls, data: JsonMapping) -> Box:
        """Build from what `to_dict` gives; `angle` may be left out, unknown keys are refused."""
        return cls(**mapping_with_keys(data, "box", ("cx", "cy", "width", "height"), ("angle",)))

    # Conversions

    @property
    def is_rotated(self) -> bool:
        """Whether the angle differs from 0."""
        return self.angle != 0.0

    @property
    def area(self) -> float:
        """Width times height, square pixels."""
        return self.width * self.height

    def corners(self) -> tuple[float, float, float, float]:
        """Return (x0, y0, x1, y1) of the upright bounding box."""
        cos, sin = self.cos_sin()
        half_x = (abs(cos) * self.width + abs(sin) * self.height) / 2
        half_y = (abs(sin) * self.width + abs(cos) * self.height) / 2
        return self.cx - half_x, self.cy - half_y, self.cx + half_x, self.cy + half_y

    def xywh(self) -> tuple[float, float, float, float]:
        """Return (x, y, width, height) of the upright bounding box (COCO)."""
        x0, y0, x1, y1 = self.corners()
        return x0, y0, x1 - x0, y1 - y0

    def fractional_centre(self, image_width: float, image_height: float) -> tuple[float, float, float, float]:
        """Return (cx, cy, width, height) of the upright bounding box as fractions of the image (YOLO)."""
        image_width, image_height = _image_size(image_width, image_height)
        _, _, width, height = self.xywh()
        return self.cx / image_width, self.cy / image_height, width / image_width, height / image_height

    def row_column(self) -> tuple[float, float, float, float]:
        """Return (row0, column0, row1, column1) of the upright bounding box."""
        x0, y0, x1, y1 = self.corners()
        return y0, x0, y1, x1

    def polygon(self) -> NDArray[np.float64]:
        """Return the corners, (4, 2) float64, clockwise from the top left of the unrotated box."""
        return np.array(self._polygon(), dtype=np.float64)

    def to_dict(self) -> dict[str, float]:
        """Return the five fields as plain numbers."""
        return {"cx": self.cx, "cy": self.cy, "width": self.width, "height": self.height, "angle": self.angle}

    def cos_sin(self) -> tuple[float, float]:
        """Return cosine and sine of the angle, exact at -90 degrees."""
        if self.angle == -90:
            return 0.0, -1.0
        return math.cos(math.radians(self.angle)), math.sin(math.radians(self.angle))

    # Coordinates

    def local(self, x: CoordinateT, y: CoordinateT) -> tuple[CoordinateT, CoordinateT]:
        """Return where a point (x, y) of the image lies along and across the box, pixels from the box's centre.

        "Along" is the direction of the width, "across" that of the height. Arrays give arrays.
        """
        cos, sin = self.cos_sin()
        dx, dy = x - self.cx, y - self.cy
        return dx * cos + dy * sin, dy * cos - dx * sin

    def point(self, along: CoordinateT, across: CoordinateT) -> tuple[CoordinateT, CoordinateT]:
        """Return the point (x, y) of the image that lies so far along and across the box; the inverse of `local`."""
        cos, sin = self.cos_sin()
        return self.cx + along * cos - across * sin, self.cy + along * sin + across * cos

    # Operations

    def translated(self, dx: float, dy: float) -> Box:
        """Return the box moved by dx to the right and dy down, pixels."""
        cx, cy = self.cx + finite_number(dx, "dx"), self.cy + finite_number(dy, "dy")
        return Box(cx, cy, self.width, self.height, self.angle)

    def scaled(self, fx: float, fy: float | None = None) -> Box:
        """Return the box with width times fx and height times fy (fy = fx if None), centre kept; factors > 0."""
        fx = positive_number(fx, "scale factor fx")
        fy = fx if fy is None else positive_number(fy, "scale factor fy")
        return replace(self, width=self.width * fx, height=self.height * fy)

    def resized(self, width: float, height: float) -> Box:
        """Return the box with other sides, centre and angle kept."""
        return Box(self.cx, self.cy, width, height, self.angle)

    def rotated(self, degrees: float) -> Box:
        """Return the box turned clockwise about its own centre."""
        return replace(self, angle=self.angle + finite_number(degrees, "rotation"))

    def rotated_about(self, x: float, y: float, degrees: float) -> Box:
        """Return the box turned clockwise about the point (x, y)."""
        degrees = finite_number(degrees, "rotation")
        cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
        dx, dy = self.cx - finite_number(x, "x"), self.cy - finite_number(y, "y")
        cx, cy = x + dx * cos - dy * sin, y + dx * sin + dy * cos
        return Box(cx, cy, self.width, self.height, self.angle + degrees)

    def mirrored_horizontally(self, image_width: float) -> Box:
        """Return the box with left and right of the image exchanged."""
        return replace(self, cx=positive_number(image_width, "image width") - self.cx, angle=-self.angle)

    def mirrored_vertically(self, image_height: float) -> Box:
        """Return the box with top and bottom of the image exchanged."""
        return replace(self, cy=positive_number(image_height, "image height") - self.cy, angle=-self.angle)

    def transformed(self, scale: float, dx: float = 0.0, dy: float = 0.0) -> Box:
        """Return the box under (x, y) -> (x * scale + dx, y * scale + dy), scale > 0."""
        scale = positive_number(scale, "scale")
        cx, cy = self.cx * scale + finite_number(dx, "dx"), self.cy * scale + finite_number(dy, "dy")
        return Box(cx, cy, self.width * scale, self.height * scale, self.angle)

    def clipped(self, image_width: float, image_height: float) -> Box | None:
        """Return the part within the image, or None when nothing is left.

        A box that lies within the image comes back as it is. A rotated box that sticks out becomes the upright box
        around what is left of it.
        """
        image_width, image_height = _image_size(image_width, image_height)
        x0, y0, x1, y1 = self.corners()
        if x0 >= 0 and y0 >= 0 and x1 <= image_width and y1 <= image_height:
            return self
        if self.is_rotated:
            rest = convex_intersection(self._polygon(), _rectangle(0, 0, image_width, image_height))
            if signed_area(rest) <= 0:
                return None
            xs, ys = [x for x, _ in rest], [y for _, y in rest]
            x0, y0, x1, y1 = min(xs), min(ys), max(xs), max(ys)
        x0, y0, x1, y1 = max(x0, 0.0), max(y0, 0.0), min(x1, image_width), min(y1, image_height)
        if x1 <= x0 or y1 <= y0:
            return None
        return Box.from_corners(x0, y0, x1, y1)

    def inside_fraction(self, image_width: float, image_height: float) -> float:
        """Return the share of the area that lies within the image, 0 to 1."""
        image_width, image_height = _image_size(image_width, image_height)
        x0, y0, x1, y1 = self.corners()
        if x0 >= 0 and y0 >= 0 and x1 <= image_width and y1 <= image_height:
            return 1.0  # as most boxes do, and most are asked
        return min(1.0, self._overlap(Box.from_corners(0, 0, image_width, image_height)) / self.area)

    def contains(self, x: float, y: float) -> bool:
        """Say whether a point (x, y), pixels, lies in the box or on its edge."""
        along, across = self.local(finite_number(x, "x"), finite_number(y, "y"))
        return abs(along) <= self.width / 2 and abs(across) <= self.height / 2

    def iou(self, other: Box) -> float:
        """Return intersection over union, 0 to 1, exact for rotated boxes too."""
        if self == other:
            return 1.0
        overlap = self._overlap(other)
        return min(1.0, overlap / (self.area + other.area - overlap))

    def _overlap(self, other: Box) -> float:
        ax0, ay0, ax1, ay1 = self.corners()
        bx0, by0, bx1, by1 = other.corners()
        width, height = min(ax1, bx1) - max(ax0, bx0), min(ay1, by1) - max(ay0, by0)
        if width <= 0 or height <= 0:
            return 0.0
        if not (self.is_rotated or other.is_rotated):
            return width * height
        first, second = sorted((self, other), key=_sort_key)  # makes the rounding, and so the IoU, symmetric
        return max(0.0, signed_area(convex_intersection(first._polygon(), second._polygon())))

    def _polygon(self) -> list[Point]:
        w, h = self.width / 2, self.height / 2
        return [self.point(u, v) for u, v in ((-w, -h), (w, -h), (w, h), (-w, h))]


def _half_turn(degrees: float) -> float:
    """Bring an angle to [-90, 90)."""
    if -90 <= degrees < 90:
        return degrees + 0.0  # turns -0.0 into 0.0
    turned = (degrees + 90) % 180 - 90
    return turned - 180 if turned >= 90 else turned


def _sort_key(box: Box) -> tuple[float, ...]:
    return box.cx, box.cy, box.width, box.height, box.angle


def _rectangle(x0: float, y0: float, x1: float, y1: float) -> list[Point]:
    return [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]


def _image_size(width: float, height: float) -> tuple[float, float]:
    return positive_number(width, "image width"), positive_number(height, "image height")


def _polygon_points(points: ArrayLike) -> Sequence[Point]:
    try:
        array = np.asarray(points, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise FetalFlexError("polygon must be a list of (x, y) pairs of numbers") from error
    if array.ndim != 2 or array.shape[1] != 2 or len(array) < 3:
        raise FetalFlexError(f"polygon must have the shape (N, 2) with N >= 3, got {array.shape}")
    if not np.isfinite(array).all():
        raise FetalFlexError("polygon must hold finite coordinates only, got NaN or infinity")
    return [(float(x), float(y)) for x, y in array]

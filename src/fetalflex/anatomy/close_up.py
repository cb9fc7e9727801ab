"""Close-up: the part of an image that a model works on, so that small anatomy fills its canvas."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from fetalflex.anatomy.box import Box
from fetalflex.anatomy.layout import Layout, PlacedStructure
from fetalflex.anatomy.registry import Registry
from fetalflex.errors import FetalFlexError

if TYPE_CHECKING:
    from numpy.typing import NDArray

Pixel = TypeVar("Pixel", bound=np.generic)

CONTEXT = 1.4
"""Side of a close-up relative to the longer side of what it is taken of."""

LEAST_INSIDE = 0.3
"""A box is not part of a picture's layout if the picture shows less than this of it."""

_LEAST_SHARE = 0.25


@dataclass(frozen=True, slots=True)
class CloseUp:
    """A rectangle of whole pixels in an image.

    Args:
        x: First column.
        y: First row.
        width: Columns.
        height: Rows.
    """

    x: int
    y: int
    width: int
    height: int

    @classmethod
    def whole(cls, layout: Layout) -> CloseUp:
        """Return the whole image of a layout."""
        return cls(0, 0, layout.width, layout.height)

    @classmethod
    def around(
        cls, region: Box, layout: Layout, context: float = CONTEXT, off_centre: tuple[float, float] = (0.0, 0.0)
    ) -> CloseUp:
        """Return the square round a region, moved into the image and cut at its sides.

        Args:
            region: What to show, in image pixels.
            layout: Gives the size of the image.
            context: Side of the square relative to the region's longer side, at least 1. The square is never smaller
                than a quarter of the image's longer side, where enlarging would show nothing but blur.
            off_centre: Where the region lies in the room that the context leaves, -0.5 (left, top) to 0.5.
        """
        x0, y0, x1, y1 = region.corners()
        longer = max(layout.width, layout.height)
        side = min(max(round(context * max(x1 - x0, y1 - y0)), round(_LEAST_SHARE * longer), 1), longer)
        width, height = min(side, layout.width), min(side, layout.height)
        x = (x0 + x1 - width) / 2 - off_centre[0] * (width - (x1 - x0))
        y = (y0 + y1 - height) / 2 - off_centre[1] * (height - (y1 - y0))
        x, y = min(max(round(x), 0), layout.width - width), min(max(round(y), 0), layout.height - height)
        return cls(x, y, width, height)

    @classmethod
    def around_all(
        cls, layouts: Sequence[Layout], registry: Registry, roi_mask: NDArray[np.bool_] | None = None
    ) -> CloseUp:
        """Return the one close-up that shows what each of several layouts of an image shows, and the ROI.

        It is the whole image if the ROI is, or if there is nothing to show.

        Args:
            layouts: Layouts of one image, at least one.
            registry: Knows the outline.
            roi_mask: (H, W) bool.
        """
        if roi_mask is not None and roi_mask.all():
            return cls.whole(layouts[0])
        found = [region_of(layout, registry, roi_mask) for layout in layouts]
        region = _hull([box.corners() for box in found if box is not None])
        return cls.whole(layouts[0]) if region is None else cls.around(region, layouts[0])

    def lies_in(self, layout: Layout) -> bool:
        """Return whether it is a part of a layout's image, of at least one pixel."""
        return (
            min(self.x, self.y) >= 0
            and min(self.width, self.height) >= 1
            and self.x + self.width <= layout.width
            and self.y + self.height <= layout.height
        )

    def holds(self, mask: NDArray[np.bool_]) -> bool:
        """Return whether every pixel that a mask, (H, W), marks lies in the close-up."""
        return int(np.count_nonzero(self.image(mask))) == int(np.count_nonzero(mask))

    def image(self, image: NDArray[Pixel]) -> NDArray[Pixel]:
        """Return the part of an image or mask, (H, W), as a view."""
        return image[self.y : self.y + self.height, self.x : self.x + self.width]

    def layout(self, layout: Layout) -> Layout:
        """Return a layout in pixels of the close-up, without the boxes of which the image shows far more."""
        if self == CloseUp.whole(layout):
            return layout
        structures = []
        for structure in layout.structures:
            box = structure.box.translated(-self.x, -self.y)
            seen = box.inside_fraction(self.width, self.height)
            if seen > 0 and seen >= LEAST_INSIDE * structure.box.inside_fraction(layout.width, layout.height):
                structures.append(PlacedStructure(structure.name, box))
        return Layout(layout.plane, self.width, self.height, tuple(structures), layout.pixel_spacing_mm)

    def put_back(self, part: NDArray[Pixel], whole: NDArray[Pixel]) -> NDArray[Pixel]:
        """Return a copy of an image, (H, W), with this part of it replaced."""
        if part.shape != (self.height, self.width):
            raise FetalFlexError(f"the part must have shape ({self.height}, {self.width}), got {part.shape}")
        result = whole.copy()
        result[self.y : self.y + self.height, self.x : self.x + self.width] = part
        return result


def region_of(layout: Layout, registry: Registry, roi_mask: NDArray[np.bool_] | None = None) -> Box | None:
    """Return the upright box that holds what a close-up has to show; None if there is nothing.

    That is the plane's outline, or all structures if the layout has no outline, and the ROI.

    Args:
        layout: Structures in image pixels.
        registry: Knows the outline.
        roi_mask: (H, W) bool.
    """
    outline = layout.outline(registry)
    shown = layout.structures if outline is None else [outline]
    boxes = [structure.box.corners() for structure in shown]
    if roi_mask is not None and roi_mask.any():
        rows, columns = (np.flatnonzero(roi_mask.any(axis=axis)) for axis in (1, 0))
        boxes.append((float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)))
    return _hull(boxes)


def _hull(boxes: Iterable[tuple[float, float, float, float]]) -> Box | None:
    sides = np.array(list(boxes), dtype=np.float64)
    if not len(sides):
        return None
    return Box.from_corners(*sides[:, :2].min(axis=0).tolist(), *sides[:, 2:].max(axis=0).tolist())

"""Draw layouts: the layout map for the model, overlays for people. Regions are drawn in `region`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from fetalflex.anatomy.box import Box
from fetalflex.anatomy.box_pixels import pixels_of_box
from fetalflex.anatomy.layout import MAX_IMAGE_SIDE, Layout, PlacedStructure
from fetalflex.anatomy.registry import Registry
from fetalflex.anatomy.titles import place_titles
from fetalflex.checks import shown, whole_number
from fetalflex.errors import FetalFlexError

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL import Image, ImageDraw, ImageFont

    Font: TypeAlias = ImageFont.FreeTypeFont | ImageFont.ImageFont

_DIMMEST_LINE = 120.0


def draw_layout_map(
    layout: Layout,
    registry: Registry,
    size: tuple[int, int] | None = None,
    colours: Mapping[str, tuple[int, int, int]] | None = None,
) -> NDArray[np.uint8]:
    """Draw filled boxes, one colour per structure, larger boxes first, on black, without antialiasing.

    A pixel takes the colour of a box that holds its centre; a box that holds no pixel centre colours the pixel at its
    own centre, so that no structure is lost while it lies in the image.

    Args:
        layout: structures to draw; the result does not depend on their order.
        registry: where the colours come from.
        size: (width, height) of the map in pixels, None = the layout's.
        colours: colours that replace the registry's, such as those of a model's `LayoutCode`.

    Returns:
        (H, W, 3) uint8, RGB.

    Raises:
        FetalFlexError: a structure is unknown to the registry, or the size is out of range.
    """
    palette = layout_palette(registry, colours)
    return np.take(palette, draw_structure_numbers(layout, registry, size), axis=0)


def draw_structure_numbers(
    layout: Layout, registry: Registry, size: tuple[int, int] | None = None
) -> NDArray[np.uint8] | NDArray[np.uint16]:
    """Draw which structure a layout map shows at each pixel; `layout_palette` has their colours.

    The arguments and errors are those of `draw_layout_map`.

    Returns:
        (H, W), 0 where there is no structure, else 1 + the structure's place in `registry.structures`; uint8 if it can
        hold that, uint16 if not.
    """
    width, height = _checked_size(size) if size is not None else (layout.width, layout.height)
    pixel = layout.width / width, layout.height / height
    numbers = {structure.name: number for number, structure in enumerate(registry.structures, 1)}
    canvas = np.zeros((height, width), np.uint8 if len(numbers) < 256 else np.uint16)
    for structure in _larger_first(layout.structures):
        rows, columns, inside = structure_pixels(structure.box, width, height, pixel)
        canvas[rows, columns][inside] = numbers[registry.structure(structure.name).name]
    return canvas


def layout_palette(registry: Registry, colours: Mapping[str, tuple[int, int, int]] | None = None) -> NDArray[np.uint8]:
    """Return the colour of each number that `draw_structure_numbers` draws, (1 + structures, 3) uint8.

    Args:
        registry: where the colours come from.
        colours: colours that replace the registry's.
    """
    rows = [(colours or {}).get(structure.name, structure.colour) for structure in registry.structures]
    return np.array([(0, 0, 0), *rows], np.uint8)


def structure_pixels(
    box: Box, width: int, height: int, pixel: tuple[float, float] = (1.0, 1.0)
) -> tuple[slice, slice, NDArray[np.bool_]]:
    """Find the pixels of a (height, width) grid whose centres a box holds, or the pixel at its centre if there is none.

    Args:
        box: in layout pixels.
        width: columns of the grid.
        height: rows of the grid.
        pixel: (width, height) of a grid pixel in layout pixels.

    Returns:
        rows and columns of a window, and which pixels of it are meant, (h, w) bool.
    """
    rows, columns, inside = pixels_of_box(box, width, height, pixel, touching=False)
    return (rows, columns, inside) if inside.any() else _pixel_at_centre(box, width, height, pixel)


def draw_overlay(image: NDArray[np.uint8], layout: Layout, registry: Registry, labels: bool = True) -> Image.Image:
    """Draw thin box outlines and small titles over an image, for people to look at.

    Args:
        image: (H, W) or (H, W, 3) uint8, of the layout's size.
        layout: structures to draw.
        registry: where colours and titles come from.
        labels: whether to write the titles.

    Returns:
        RGB picture of the same size.

    Raises:
        FetalFlexError: the image has another type, shape or size.
    """
    from PIL import Image, ImageDraw, ImageFont

    picture = Image.fromarray(_checked_image(image, layout)).convert("RGB")
    pen = ImageDraw.Draw(picture)
    longer = max(layout.width, layout.height)
    line = max(1, round(longer / 400))
    ordered = _larger_first(layout.structures)
    for structure in ordered:
        corners = [(float(x), float(y)) for x, y in structure.box.polygon() - 0.5]
        colour = bright(registry.structure(structure.name).colour)
        pen.line([*corners, corners[0]], fill=colour, width=line, joint="curve")
    if labels:
        font = ImageFont.load_default(size=max(9, round(longer / 45)))
        _write_titles(pen, font, ordered, layout, registry)
    return picture


def _larger_first(structures: Iterable[PlacedStructure]) -> list[PlacedStructure]:
    return sorted(structures, key=lambda item: (-item.box.area, item.name, *item.box.to_dict().values()))


def _pixel_at_centre(
    box: Box, width: int, height: int, pixel: tuple[float, float]
) -> tuple[slice, slice, NDArray[np.bool_]]:
    column, row = int(box.cx // pixel[0]), int(box.cy // pixel[1])
    inside = 0 <= column < width and 0 <= row < height
    column, row = min(max(column, 0), width - 1), min(max(row, 0), height - 1)
    return slice(row, row + 1), slice(column, column + 1), np.full((1, 1), inside)


def _write_titles(
    pen: ImageDraw.ImageDraw, font: Font, structures: Sequence[PlacedStructure], layout: Layout, registry: Registry
) -> None:
    entries = [registry.structure(item.name) for item in structures]
    extents = [pen.textbbox((0, 0), entry.title, font=font, stroke_width=1) for entry in entries]
    sizes = [(right - left, bottom - top) for left, top, right, bottom in extents]
    places = place_titles([item.box.corners() for item in structures], sizes, layout.width, layout.height)
    for entry, (left, top, _, _), (x, y) in zip(entries, extents, places, strict=True):
        colour = bright(entry.colour)
        pen.text((x - left, y - top), entry.title, fill=colour, font=font, stroke_width=1, stroke_fill=0)


def bright(colour: tuple[int, int, int]) -> tuple[int, int, int]:
    """Mix a dark colour with white until its luminance shows on an ultrasound image."""
    luminance = 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2]
    white = max(0.0, (_DIMMEST_LINE - luminance) / (255.5 - luminance))
    red, green, blue = (round(value + white * (255 - value)) for value in colour)
    return red, green, blue


def _checked_size(size: tuple[int, int]) -> tuple[int, int]:
    if len(size) != 2:
        raise FetalFlexError(f"size must be (width, height), got {shown(size)}")
    return (
        whole_number(size[0], "size: width", 1, MAX_IMAGE_SIDE),
        whole_number(size[1], "size: height", 1, MAX_IMAGE_SIDE),
    )


def _checked_image(image: NDArray[np.uint8], layout: Layout) -> NDArray[np.uint8]:
    expected = (layout.height, layout.width)
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8:
        raise FetalFlexError(f"image must be a uint8 array, got {getattr(image, 'dtype', type(image).__name__)}")
    if image.shape not in (expected, (*expected, 3)):
        raise FetalFlexError(f"image must have the layout's shape {expected} or {(*expected, 3)}, got {image.shape}")
    return image

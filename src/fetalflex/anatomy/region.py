"""Region: which pixels of an image may change. All regions to synthesise are drawn here."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from fetalflex.anatomy.box_pixels import pixels_of_box, pixels_of_ellipse
from fetalflex.anatomy.changed import changed_structures, check_same_image
from fetalflex.anatomy.layout import Layout, PlacedStructure
from fetalflex.anatomy.registry import Registry
from fetalflex.anatomy.round_shapes import RoundedBox, SuperEllipse, draw_round_shapes
from fetalflex.checks import finite_number, one_of
from fetalflex.errors import FetalFlexError

if TYPE_CHECKING:
    from numpy.typing import NDArray

ROI_MODES = ("auto", "outline", "box", "structures", "full")
"""Regions that follow from one layout."""

CHANGED = "changed"
"""The region that follows from an edit: what differs between the layouts before and after."""

EDIT_ROI_MODES = (CHANGED, *ROI_MODES)
"""Regions that follow from an edit."""

OUTLINE_MARGIN = 0.05
"""Space round the ellipse of an outline, on each side, as a fraction of its diameter there."""

CHANGE_MARGIN = 0.03
"""Space round what changes, as a fraction of the longer image side, where one margin is wanted for all structures."""

_WALL = 0.04
"""Thickness of skull or wall as a fraction of the outline's diameter; what changes inside leaves them as they are."""

_CORNERS = 0.25
"""Share of a box, at most, that its corners take: what an ellipse in it leaves, 1 - pi / 4, and a little."""

_OWN_SHARE = {"anechoic": 0.16, "hypoechoic": 0.12, "isoechoic": 0.12, "hyperechoic": 0.08}
"""Space round an organ as a share of its size: fluid is drawn with its wall and the echo behind it, bone is thin."""

_LEAST, _MOST = 0.025, 0.05
"""Least and most space round an organ, as a share of the body (or of all structures); a latent of a close-up on a
canvas of 256 pixels is 0.044 wide, and a region needs some tissue of the source's own kind to end in."""


def draw_roi_mask(layout: Layout, registry: Registry, mode: str = "auto", margin: float = 0.05) -> NDArray[np.bool_]:
    """Draw the region to synthesise; the complement of the paper's m in [5], which is 1 on the background.

    Args:
        layout: structures that say where the region lies. Every pixel that a box touches belongs to it.
        registry: says which structure is the plane's outline.
        mode: `outline` = the ellipse in the outline's box, and 5 % of its diameters around it on each side, because
            skull, abdomen and thorax are round in their planes and what lies in the corners of the box is background;
            `structures` = all boxes with the margin around them, corners rounded and notches between them filled by
            the margin's radius, so that no straight edge meets another; `full` = the whole image; `auto` = `outline`
            and what other boxes stick out of it, or `structures` without an outline; `box` = as in the paper: the
            outline's box and what other boxes stick out of it, or without an outline all boxes with the margin, with
            all their corners.
        margin: space around every box in mode `structures`, as a fraction of the longer image side, >= 0.

    Returns:
        (H, W) bool, True = synthesise, False = background that is kept.

    Raises:
        FetalFlexError: no structures (except in mode `full`), or no outline in mode `outline`.
    """
    one_of(mode, "ROI mode", ROI_MODES)
    space = _checked_margin(margin) * max(layout.width, layout.height)
    mask = np.zeros((layout.height, layout.width), dtype=np.bool_)
    if mode == "full":
        return ~mask
    if not layout.structures:
        raise FetalFlexError("the layout holds no structures, so no region follows from it; use ROI mode full")
    outline = layout.outline(registry)
    if outline is None and mode == "outline":
        name = registry.plane(layout.plane).outline
        reason = f"the layout holds no {name}" if name else f"the plane {layout.plane} has none"
        raise FetalFlexError(f"ROI mode outline needs an outline, but {reason}; use auto, box, structures or full")
    boxes = [structure.box for structure in layout.structures]
    if mode == "structures" or (mode == "auto" and outline is None):
        return draw_round_shapes([RoundedBox(box, space) for box in boxes], layout.width, layout.height, space)
    if mode == "box" and outline is None:
        boxes = [box.resized(box.width + 2 * space, box.height + 2 * space) for box in boxes]
    elif mode != "box" and outline is not None:
        mask = _outline_mask(outline, layout)
        boxes = [one.box for one in layout.structures if one is not outline] if mode == "auto" else []
    for box in boxes:
        rows, columns, inside = pixels_of_box(box, layout.width, layout.height, (1.0, 1.0), touching=True)
        mask[rows, columns] |= inside
    return mask


def draw_edit_mask(before: Layout, after: Layout, registry: Registry, mode: str = CHANGED) -> NDArray[np.bool_]:
    """Draw the region to synthesise for an edit, (H, W) bool.

    Args:
        before: what the image shows.
        after: what it is to show.
        registry: planes and structures.
        mode: `changed` = see `draw_change_mask`, or the same as `auto` where nothing differs; others = the union of
            both layouts' regions, see `draw_roi_mask`; a layout without structures adds nothing.

    Raises:
        FetalFlexError: the layouts are of different images, or neither gives a region.
    """
    one_of(mode, "ROI mode", EDIT_ROI_MODES)
    check_same_image(before, after)
    if mode == CHANGED:
        if changed_structures(before, after):
            return draw_change_mask(before, after, registry)
        mode = "auto"
    layouts = [layout for layout in (before, after) if layout.structures or mode == "full"]
    if not layouts:
        raise FetalFlexError("neither layout holds a structure, so no ROI can be drawn; use roi='full'")
    return np.logical_or.reduce([draw_roi_mask(layout, registry, mode) for layout in layouts])


def draw_change_mask(
    before: Layout, after: Layout, registry: Registry, margin: float | None = None
) -> NDArray[np.bool_]:
    """Draw the region of what differs between two layouts, where it was and where it is, (H, W) bool.

    Each structure has a round shape that holds its box and a margin. The region ends at the wall of an outline that
    stays, so that skull and skin remain the source's own, corners of boxes that reach over it left out; it does not if
    more of a box than its corners lies beyond. An outline that differs is redrawn with all that lies in it, before and
    after: that is its ellipse, as in mode `outline` of `draw_roi_mask`.

    Args:
        before: a layout.
        after: another layout of the same image.
        registry: planes and structures.
        margin: space around every organ, as a fraction of the longer image side, >= 0; None = as its size and kind
            need.

    Raises:
        FetalFlexError: the layouts are of different images, or nothing differs.
    """
    check_same_image(before, after)
    changed = changed_structures(before, after)
    if not changed:
        raise FetalFlexError("both layouts hold the same structures in the same places, so nothing differs")
    return _shapes_mask(changed, (before, after), registry, margin)


def draw_organ_mask(
    layout: Layout, registry: Registry, organs: Iterable[str], margin: float | None = None
) -> NDArray[np.bool_]:
    """Draw the region of some structures, such as to re-synthesise them, (H, W) bool.

    Args:
        layout: where they lie.
        registry: planes and structures.
        organs: names or synonyms; all structures of a name are meant.
        margin: as for `draw_change_mask`.

    Raises:
        FetalFlexError: the layout holds none of a name, or none is given.
    """
    names = list(dict.fromkeys(registry.structure(organ).name for organ in organs))
    for name in names:
        if not layout.find(name):
            held = ", ".join(layout.names()) or "no structures at all"
            raise FetalFlexError(f"the layout holds no {name}; it holds {held}")
    return _shapes_mask([one for one in layout.structures if one.name in names], (layout,), registry, margin)


def draw_structures_mask(
    structures: Iterable[PlacedStructure], layout: Layout, registry: Registry, margin: float | None = None
) -> NDArray[np.bool_]:
    """Draw the region of placed structures, whether the layout holds them or not, (H, W) bool.

    Args:
        structures: in pixels of the layout's image, at least one.
        layout: gives plane, image size and scale.
        registry: planes and structures.
        margin: as for `draw_change_mask`.
    """
    return _shapes_mask(tuple(structures), (layout,), registry, margin)


def _shapes_mask(
    structures: Iterable[PlacedStructure], layouts: tuple[Layout, ...], registry: Registry, margin: float | None
) -> NDArray[np.bool_]:
    """Draw an ellipse for each outline, a round shape for each other structure, and join what is near."""
    structures, layout = tuple(structures), layouts[0]
    if not structures:
        raise FetalFlexError("there are no structures to draw, so no region follows; name at least one")
    outline_name = registry.plane(layout.plane).outline
    outlines = [structure for structure in structures if structure.name == outline_name]
    organs = [structure for structure in structures if structure.name != outline_name]
    scale = _scale(layouts, registry)
    space = None if margin is None else _checked_margin(margin) * max(layout.width, layout.height)
    shapes = [
        SuperEllipse(organ.box, _own_margin(organ, registry, scale) if space is None else space) for organ in organs
    ]
    mask = draw_round_shapes(shapes, layout.width, layout.height, _LEAST * scale if space is None else space)
    if not outlines:
        mask &= _within_walls(organs, layouts[-1], registry)
    for outline in outlines:
        mask |= _outline_mask(outline, layout)
    return mask


def _within_walls(organs: Iterable[PlacedStructure], layout: Layout, registry: Registry) -> NDArray[np.bool_]:
    """Mark the inside of the outline, (H, W); everything if there is none, or an organ reaches out with its body."""
    everything = np.ones((layout.height, layout.width), dtype=np.bool_)
    outline = layout.outline(registry)
    if outline is None:
        return everything
    inside = pixels_of_ellipse(outline.box.scaled(1 - 2 * _WALL), layout.width, layout.height)
    for organ in organs:
        rows, columns, held = pixels_of_box(organ.box, layout.width, layout.height, (1.0, 1.0), touching=True)
        if (held & ~inside[rows, columns]).sum() > _CORNERS * held.sum():
            return everything
    return inside


def _own_margin(structure: PlacedStructure, registry: Registry, scale: float) -> float:
    """Return the space round an organ, pixels, as its size and kind need."""
    share = _OWN_SHARE[registry.structure(structure.name).echogenicity]
    return min(max(share * math.sqrt(structure.box.area), _LEAST * scale), _MOST * scale)


def _scale(layouts: Iterable[Layout], registry: Registry) -> float:
    """Return how large the body is in the image, pixels: the outline's longer side, or that of all structures."""
    sides = []
    for layout in layouts:
        outline = layout.outline(registry)
        if outline is not None:
            sides.append(max(outline.box.width, outline.box.height))
        elif layout.structures:
            corners = np.array([structure.box.corners() for structure in layout.structures])
            spans = corners[:, 2:].max(axis=0) - corners[:, :2].min(axis=0)
            sides.append(float(min(spans.max(), max(layout.width, layout.height))))
    return max(sides)


def _outline_mask(outline: PlacedStructure, layout: Layout) -> NDArray[np.bool_]:
    return pixels_of_ellipse(outline.box.scaled(1 + 2 * OUTLINE_MARGIN), layout.width, layout.height)


def _checked_margin(margin: float) -> float:
    margin = finite_number(margin, "ROI margin")
    if margin < 0:
        raise FetalFlexError(f"ROI margin must not be negative, got {margin:g}")
    return margin

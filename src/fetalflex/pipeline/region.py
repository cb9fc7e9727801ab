"""Which pixels may change: the one home of the regions to synthesise, whatever they are made from.

`anatomy.region` draws the shapes; here modes, masks and images are put together, and what comes is checked.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL.Image import Image as Picture

from fetalflex.anatomy import CHANGED, Layout, Registry, draw_edit_mask, draw_roi_mask
from fetalflex.anatomy.burned_in import with_whole_words
from fetalflex.checks import shown
from fetalflex.errors import FetalFlexError

Image: TypeAlias = NDArray[np.uint8]
"""(H, W) grey."""

Mask: TypeAlias = NDArray[np.bool_]
"""(H, W), True where pixels may change."""

ImageLike: TypeAlias = Image | Picture
MaskLike: TypeAlias = Mask | Picture

Roi: TypeAlias = str | MaskLike
"""A mode such as `auto`, or a mask."""


def region_to_synthesise(
    registry: Registry,
    layout: Layout,
    image: Image | None,
    roi: Roi,
    before: Layout | None = None,
) -> Mask:
    """Return the region to synthesise, (H, W) bool, of a mode or a mask; without an image it is everything.

    With the layout before an edit a mode covers what was there and what is there now; `changed` needs it.

    Raises:
        FetalFlexError: If it does not fit the layout, or marks nothing.
    """
    shape = (layout.height, layout.width)
    if image is None:
        return np.ones(shape, np.bool_)
    mask = _drawn(registry, layout, image, roi, before) if isinstance(roi, str) else mask_array(roi)
    if not isinstance(mask, np.ndarray) or mask.dtype != np.bool_ or mask.shape != shape:
        came = f"{mask.dtype} {mask.shape}" if isinstance(mask, np.ndarray) else shown(mask)
        raise FetalFlexError(f"roi is {came}; give a mode or a bool mask of shape {shape}")
    if not mask.any():
        raise FetalFlexError("roi is empty, there is nothing to synthesise; mark a region or use roi='full'")
    return mask


def edit_region(registry: Registry, image: Image | None, before: Layout, after: Layout, mode: str) -> Mask:
    """Return the region to synthesise for an edit, (H, W) bool; see `draw_edit_mask`.

    The region `changed`, and those of layouts without an outline, cut through no text that is burned into the image, if
    it is given: see `with_whole_words`. Those of an outline, and boxes as in the paper, are the same for every image.
    """
    mask = draw_edit_mask(before, after, registry, mode)
    return mask if image is None else _keeping_words(registry, image, mask, [before, after], mode)


def region_of_edits(registry: Registry, image: ImageLike, before: Layout, after: Sequence[Layout], roi: Roi) -> Mask:
    """Return the region of several edits of one image, (H, W) bool: those of a mode joined, or the mask, checked."""
    pixels = np.asarray(image)
    if isinstance(roi, str):
        return np.logical_or.reduce([edit_region(registry, pixels, before, layout, roi) for layout in after])
    return region_to_synthesise(registry, before, pixels, roi)


def counterfactual_region(
    registry: Registry,
    image: ImageLike,
    before: Layout,
    after: Sequence[Layout],
    may_differ: Mask | Sequence[Mask],
    roi: Roi,
) -> Mask:
    """Return the region that counterfactuals share, (H, W) bool: where any may differ, if the ROI is `changed`."""
    if isinstance(roi, str) and roi == CHANGED:
        whole = np.ones((before.height, before.width), np.bool_)
        roi = np.logical_or.reduce(regions_that_may_differ(may_differ, len(after), whole))
    return region_of_edits(registry, image, before, after, roi)


def regions_that_may_differ(masks: Mask | Sequence[Mask], count: int, roi_mask: Mask) -> list[Mask]:
    """Return `count` masks, (H, W) bool, without what lies outside the ROI.

    Args:
        masks: One mask, (H, W) bool, for all, or one for each.
        count: How many are needed.
        roi_mask: (H, W) bool.

    Raises:
        FetalFlexError: If a mask is of another kind or size, or marks nothing inside the ROI.
    """
    given = [masks] * count if isinstance(masks, np.ndarray) or masks is None else list(masks)
    if len(given) != count:
        raise FetalFlexError(f"may_differ has {len(given)} masks for {count} layouts; give one, or one per layout")
    regions = []
    for mask in given:
        if not isinstance(mask, np.ndarray) or mask.dtype != np.bool_ or mask.shape != roi_mask.shape:
            came = f"{mask.dtype} {mask.shape}" if isinstance(mask, np.ndarray) else shown(mask)
            raise FetalFlexError(f"may_differ is {came}; give a bool mask of shape {roi_mask.shape}")
        if not (mask & roi_mask).any():
            raise FetalFlexError("may_differ marks nothing inside the ROI, so nothing could change; mark what changes")
        regions.append(mask & roi_mask)
    return regions


def union_of_masks(masks: MaskLike | list[Mask] | tuple[Mask, ...], layout: Layout) -> Mask:
    """Return the union of one organ mask (H, W) bool, or several (N, H, W), of a layout's size.

    Raises:
        FetalFlexError: If a mask is of another kind or size, or none marks a pixel.
    """
    shape = (layout.height, layout.width)
    stack = np.asarray([*masks] if isinstance(masks, (list, tuple)) else mask_array(masks))
    if stack.dtype != np.bool_ or stack.shape[-2:] != shape or stack.ndim not in (2, 3):
        raise FetalFlexError(
            f"mask is {stack.dtype} {stack.shape}; give a bool mask of shape {shape}, or several as (N, *{shape})"
        )
    union = np.logical_or.reduce(stack) if stack.ndim == 3 else stack
    if not union.any():
        raise FetalFlexError("mask is empty, there is nothing to refine; mark the organ")
    return union


def _drawn(registry: Registry, layout: Layout, image: Image, mode: str, before: Layout | None) -> Mask:
    if before is not None:
        return edit_region(registry, image, before, layout, mode)
    if mode == CHANGED:
        raise FetalFlexError(
            "roi 'changed' is where an edit changes structures; give the layout before the edit (before), "
            "or another roi such as 'auto'"
        )
    return _keeping_words(registry, image, draw_roi_mask(layout, registry, mode), [layout], mode)


def _keeping_words(registry: Registry, image: Image, mask: Mask, layouts: Sequence[Layout], mode: str) -> Mask:
    has_outline = any(layout.outline(registry) is not None for layout in layouts)
    follows_structures = mode == CHANGED or (mode in ("auto", "structures") and not has_outline)
    if not follows_structures or image.shape != mask.shape:
        return mask
    needed = np.zeros(mask.shape, np.bool_)
    for layout in layouts:
        outline = layout.outline(registry)
        organs = layout.with_structures(one for one in layout.structures if one is not outline)
        if organs.structures:
            needed |= draw_roi_mask(organs, registry, "structures", 0.0)
    return with_whole_words(mask, image, needed & mask)


def mask_array(value: MaskLike) -> object:
    """Return a mask as (H, W) bool: PIL images of mode 1, and of mode L with two values, are True where not black.

    What is neither is returned as it is, for the caller to refuse.
    """
    if not isinstance(value, Picture):
        return value
    if value.mode not in ("1", "L"):
        raise FetalFlexError(f"the mask is a PIL image of mode {value.mode}; give one of mode 1 or L")
    marks = np.asarray(value)
    if marks.dtype != np.bool_ and len(values := np.unique(marks[marks > 0])) > 1:
        raise FetalFlexError(f"the mask holds {len(values)} grey values beside black; give black and one other value")
    return marks != 0

"""Check what a user asks of the pipeline: one request per image."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fetalflex.anatomy import CHANGED, Canvas, CloseUp, Layout, Registry, draw_edit_mask, draw_roi_mask
from fetalflex.anatomy.burned_in import with_whole_words
from fetalflex.anatomy.changed import check_same_image
from fetalflex.checks import shown, whole_number
from fetalflex.errors import FetalFlexError

_LONGEST_PROMPT = 10_000

Image = NDArray[np.uint8]
Mask = NDArray[np.bool_]
Roi = str | Mask


@dataclass(frozen=True)
class Request:
    """Hold what is asked for one image, checked; see `FetalFlexPipeline.__call__` for the fields.

    Beside them, `may_differ`, (H, W) bool, is where the image may differ from the first of its batch, which it follows
    elsewhere; None if it does not follow.
    """

    layout: Layout
    image: Image | None
    roi_mask: NDArray[np.bool_]
    prompt: str | None
    negative_prompt: str
    seed: int
    close_up: CloseUp
    may_differ: NDArray[np.bool_] | None = None
    before: Layout | None = None

    def canvas(self, size: int) -> Canvas:
        """Return where the image lies on the model's canvas of side `size`."""
        return Canvas(self.layout.width, self.layout.height, size)

    def part(self) -> Request:
        """Return the request for the close-up alone, in its pixels."""
        layout = self.close_up.layout(self.layout)
        return replace(
            self,
            layout=layout,
            image=None if self.image is None else np.ascontiguousarray(self.close_up.image(self.image)),
            roi_mask=np.ascontiguousarray(self.close_up.image(self.roi_mask)),
            close_up=CloseUp.whole(layout),
            before=None if self.before is None else self.close_up.layout(self.before),
            may_differ=None if self.may_differ is None else np.ascontiguousarray(self.close_up.image(self.may_differ)),
        )


def check_requests(
    registry: Registry,
    layouts: Sequence[Layout],
    image: Any,
    roi: Any,
    prompt: Any,
    negative_prompt: Any,
    seed: Any,
    close_up: bool | CloseUp,
    before: Any = None,
) -> list[Request]:
    """Return one request per layout; every other argument is one value for all, or one per layout.

    With `close_up`, images are worked on round their anatomy and ROI alone, or all in the close-up that is given.

    Raises:
        FetalFlexError: If layouts, images, masks, texts or seeds do not fit together; the message names which.
    """
    count = len(layouts)
    images = _per_layout(image, count, "image", np.ndarray)
    rois = _per_layout(roi, count, "roi", (str, np.ndarray))
    prompts = _per_layout(prompt, count, "prompt", str)
    negatives = _per_layout(negative_prompt, count, "negative_prompt", str)
    for name, texts in (("prompt", prompts), ("negative_prompt", negatives)):
        for text in texts:
            _check_text(text, name)
    earlier = _per_layout(before, count, "before", Layout)
    seeds = _per_layout(seed, count, "seed", Integral)
    if isinstance(seed, Integral):
        seeds = [int(seed) + i for i in range(count)]
    return [
        _request(registry, close_up, *values)
        for values in zip(layouts, images, rois, prompts, negatives, seeds, earlier, strict=True)
    ]


def _check_text(text: str | None, name: str) -> None:
    """Raise a FetalFlexError if a text holds what is no character, such as a byte that is not UTF-8, or is endless."""
    if text is None:
        return
    if len(text) > _LONGEST_PROMPT:
        raise FetalFlexError(f"{name} has {len(text)} characters; at most {_LONGEST_PROMPT} are read")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise FetalFlexError(f"{name} {shown(text)} is not UTF-8 text; type it again") from error
    if "\0" in text:
        raise FetalFlexError(f"{name} {shown(text)} holds a zero character; type it again")


def _request(
    registry: Registry,
    close_up: bool | CloseUp,
    layout: Layout,
    image: Image | None,
    roi: Roi,
    prompt: str | None,
    negative_prompt: str | None,
    seed: int,
    before: Layout | None,
) -> Request:
    layout.validate(registry)
    if before is not None:
        before.validate(registry)
        check_same_image(before, layout)
    shape = (layout.height, layout.width)
    if image is not None and (image.dtype != np.uint8 or image.shape != shape):
        raise FetalFlexError(
            f"image is {image.dtype} {image.shape}, the layout is for uint8 {shape} (height, width); "
            "give the grey image that the layout describes"
        )
    mask = roi_mask_of(registry, layout, image, roi, before)
    if before == layout:
        before = None  # nothing was edited
    return Request(
        layout,
        image,
        mask,
        prompt,
        negative_prompt or "",
        whole_number(seed, "seed", 0, 2**63 - 1),
        _close_up(registry, [layout] if before is None else [before, layout], mask, close_up),
        before=before,
    )


def _close_up(
    registry: Registry, layouts: Sequence[Layout], roi_mask: NDArray[np.bool_], close_up: bool | CloseUp
) -> CloseUp:
    layout = layouts[-1]
    if not isinstance(close_up, CloseUp):
        return CloseUp.around_all(layouts, registry, roi_mask) if close_up else CloseUp.whole(layout)
    problem = None
    if not close_up.lies_in(layout):
        problem = f"does not lie in the image of {layout.width} x {layout.height} px"
    elif not close_up.holds(roi_mask):
        problem = "leaves out part of the region to synthesise"
    if problem is not None:
        where = f"{close_up.width} x {close_up.height} px from ({close_up.x}, {close_up.y})"
        raise FetalFlexError(f"close_up, {where}, {problem}; choose one with CloseUp.around_all")
    return close_up


def roi_mask_of(
    registry: Registry, layout: Layout, image: Image | None, roi: Roi, before: Layout | None = None
) -> NDArray[np.bool_]:
    """Return the region to synthesise, (H, W) bool, of a mode or a mask; without an image it is everything.

    The mode `changed` is for an edit, and needs the layout before it.

    Raises:
        FetalFlexError: If it does not fit the layout, or marks nothing.
    """
    shape = (layout.height, layout.width)
    if image is None:
        return np.ones(shape, bool)
    mask = _drawn(registry, layout, before, image, roi) if isinstance(roi, str) else roi
    if not isinstance(mask, np.ndarray) or mask.dtype != np.bool_ or mask.shape != shape:
        came = f"{mask.dtype} {mask.shape}" if isinstance(mask, np.ndarray) else shown(mask)
        raise FetalFlexError(f"roi is {came}; give a mode or a bool mask of shape {shape}")
    if not mask.any():
        raise FetalFlexError("roi is empty, there is nothing to synthesise; mark a region or use roi='full'")
    return mask


def _drawn(registry: Registry, layout: Layout, before: Layout | None, image: Image, mode: str) -> Mask:
    if mode == CHANGED:
        if before is None:
            raise FetalFlexError(
                "roi 'changed' is where an edit changes structures; give the layout before the edit (before), "
                "or another roi such as 'auto'"
            )
        return edit_region(registry, image, before, layout, mode)
    return _keeping_words(registry, image, draw_roi_mask(layout, registry, mode), [layout], mode)


def edit_region(registry: Registry, image: Image | None, before: Layout, after: Layout, mode: str) -> Mask:
    """Return the region to synthesise for an edit, (H, W) bool; see `draw_edit_mask`.

    The region `changed`, and those of layouts without an outline, cut through no text that is burned into the image, if
    it is given: see `with_whole_words`. Those of an outline, and boxes as in the paper, are the same for every image.
    """
    mask = draw_edit_mask(before, after, registry, mode)
    return mask if image is None else _keeping_words(registry, image, mask, [before, after], mode)


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


def regions_that_may_differ(masks: Any, count: int, roi_mask: NDArray[np.bool_]) -> list[NDArray[np.bool_]]:
    """Return `count` masks, (H, W) bool, without what lies outside the ROI.

    Args:
        masks: One mask, (H, W) bool, for all, or one for each.
        count: How many are needed.
        roi_mask: (H, W) bool.

    Raises:
        FetalFlexError: If a mask is of another kind or size, or marks nothing inside the ROI.
    """
    regions = []
    for mask in _per_layout(masks, count, "may_differ", np.ndarray):
        if mask is None or mask.dtype != np.bool_ or mask.shape != roi_mask.shape:
            came = None if mask is None else f"{mask.dtype} {mask.shape}"
            raise FetalFlexError(f"may_differ is {came}; give a bool mask of shape {roi_mask.shape}")
        if not (mask & roi_mask).any():
            raise FetalFlexError("may_differ marks nothing inside the ROI, so nothing could change; mark what changes")
        regions.append(mask & roi_mask)
    return regions


def union_of_masks(masks: Any, layout: Layout) -> NDArray[np.bool_]:
    """Return the union of one organ mask (H, W) bool, or several (N, H, W), of a layout's size.

    Raises:
        FetalFlexError: If a mask is of another kind or size, or none marks a pixel.
    """
    shape = (layout.height, layout.width)
    stack = np.asarray(masks)
    if stack.dtype != np.bool_ or stack.shape[-2:] != shape or stack.ndim not in (2, 3):
        raise FetalFlexError(
            f"mask is {stack.dtype} {stack.shape}; give a bool mask of shape {shape}, or several as (N, *{shape})"
        )
    union = np.logical_or.reduce(stack) if stack.ndim == 3 else stack
    if not union.any():
        raise FetalFlexError("mask is empty, there is nothing to refine; mark the organ")
    return union


def _per_layout(value: Any, count: int, name: str, kinds: type | tuple[type, ...]) -> list[Any]:
    """Return one value per layout from a single value or a sequence."""
    if value is None or isinstance(value, kinds):
        return [value] * count
    if not isinstance(value, Iterable) or isinstance(value, str):
        raise FetalFlexError(f"{name} must not be {shown(value)} ({type(value).__name__})")
    values = list(value)
    if len(values) != count:
        raise FetalFlexError(f"{name} has {len(values)} values for {count} layouts; give one, or one per layout")
    for item in values:
        if item is not None and not isinstance(item, kinds):
            raise FetalFlexError(f"{name} must not hold {shown(item)} ({type(item).__name__})")
    return values

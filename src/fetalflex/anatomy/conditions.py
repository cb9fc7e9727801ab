"""What the model is told about one image, as arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fetalflex.anatomy.drawing import draw_layout_map
from fetalflex.anatomy.layout import Layout
from fetalflex.anatomy.layout_code import LayoutCode, draw_label_maps
from fetalflex.anatomy.prompts import global_prompt
from fetalflex.anatomy.registry import Registry


@dataclass(frozen=True)
class Conditions:
    """The four conditions of one synthesis, all on the model's square canvas of side S.

    Args:
        prompt: Global prompt.
        layout_map: (S, S, 3) uint8, one colour per structure on black.
        roi_mask: (S, S) bool, True where the image is to be synthesised. The paper's m (equation 5) is its complement.
        background: (S, S) uint8, the image with its ROI blanked to 0.
        label_maps: (K, S, S) bool, where each structure lies that has a channel of its own; see `LayoutCode`.
    """

    prompt: str
    layout_map: NDArray[np.uint8]
    roi_mask: NDArray[np.bool_]
    background: NDArray[np.uint8]
    label_maps: NDArray[np.bool_]


def build_conditions(
    layout: Layout,
    image: NDArray[np.uint8] | None,
    roi_mask: NDArray[np.bool_],
    registry: Registry,
    prompt: str | None = None,
    code: LayoutCode | None = None,
) -> Conditions:
    """Return the conditions of a layout on the canvas.

    Args:
        layout: Layout in canvas pixels.
        image: (S, S) uint8, or None if there is no background to keep.
        roi_mask: (S, S) bool, True where the image is to be synthesised.
        registry: Knows colours and titles.
        prompt: Replaces the global prompt made from the layout.
        code: How the model is shown which structure lies where; by default by the registry's colours alone.
    """
    code = code or LayoutCode()
    background = np.zeros(roi_mask.shape, np.uint8) if image is None else np.where(roi_mask, 0, image).astype(np.uint8)
    return Conditions(
        prompt=global_prompt(layout, registry) if prompt is None else prompt,
        layout_map=draw_layout_map(layout, registry, colours=code.colours),
        roi_mask=roi_mask,
        background=background,
        label_maps=draw_label_maps(layout, code.channels),
    )

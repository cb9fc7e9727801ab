"""Which region is hidden from the model in training, and which of it matters most."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fetalflex.anatomy import Box, Layout, Registry, draw_roi_mask
from fetalflex.anatomy.round_shapes import SuperEllipse, draw_round_shapes

_MARGIN = (0.02, 0.1)
_SHARES = {"auto": 0.3, "box": 0.12, "structures": 0.13, "full": 0.15, "some": 0.2, "brush": 0.1}
_MOST = 3  # structures or strokes at once
_ROOM = (0.05, 0.5)
_LEAST_ROOM = (0.01, 0.04)
_BRUSH_SIZE = (0.06, 0.3)


def draw_training_roi(layout: Layout, registry: Registry, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Draw an ROI mask (H, W) of a kind that users choose.

    | share | region |
    |---|---|
    | 30 % | the outline's ellipse, or the boxes of a plane without outline |
    | 12 % | the outline's box |
    | 13 % | all boxes with a margin of 2 % to 10 % of the image |
    | 15 % | the whole image |
    | 20 % | ellipses round one to three structures, as an edit of them takes |
    | 10 % | one to three strokes of a brush, wherever they fall |

    A layout without structures gives the whole image, or strokes.
    """
    mode = str(rng.choice(list(_SHARES), p=list(_SHARES.values())))
    margin = float(rng.uniform(*_MARGIN))
    if mode == "brush":
        return _joined(layout, [_stroke(layout, rng) for _ in range(rng.integers(1, _MOST + 1))])
    if not layout.structures:
        mode = "full"
    if mode == "some":
        count = int(rng.integers(1, _MOST + 1))
        outline = layout.outline(registry)
        inner = [structure.box for structure in layout.structures if structure is not outline]
        boxes = inner or [structure.box for structure in layout.structures]
        chosen = rng.permutation(len(boxes))[:count]
        return _joined(layout, [_loose(boxes[i], layout, rng) for i in chosen])
    return draw_roi_mask(layout, registry, mode, margin)


def _loose(box: Box, layout: Layout, rng: np.random.Generator) -> SuperEllipse:
    """Return a round shape that holds a box, with room round it in proportion to box and image."""
    share = float(rng.uniform(*_ROOM)) * min(box.width, box.height)
    return SuperEllipse(box, share + float(rng.uniform(*_LEAST_ROOM)) * max(layout.width, layout.height))


def _stroke(layout: Layout, rng: np.random.Generator) -> SuperEllipse:
    x, y = rng.uniform(0.2, 0.8, size=2) * (layout.width, layout.height)
    width, height = rng.uniform(*_BRUSH_SIZE, size=2) * max(layout.width, layout.height)
    return SuperEllipse(Box(float(x), float(y), float(width), float(height), float(rng.uniform(-90, 90))), 0.0)


def _joined(layout: Layout, shapes: list[SuperEllipse]) -> NDArray[np.bool_]:
    mask = draw_round_shapes(shapes, layout.width, layout.height, 0.0)
    return mask if mask.any() else ~mask  # a structure of which the canvas shows nothing


def draw_inner_mask(layout: Layout, registry: Registry) -> NDArray[np.bool_]:
    """Draw where structures other than the plane's outline lie, (H, W)."""
    outline = layout.outline(registry)
    inner = layout.with_structures(structure for structure in layout.structures if structure is not outline)
    if not inner.structures:
        return np.zeros((layout.height, layout.width), np.bool_)
    return draw_roi_mask(inner, registry, "structures", 0.0)

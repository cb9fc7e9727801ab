"""Which region is hidden from the model in training, and which of it matters most."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fetalflex.anatomy import Layout, Registry, draw_roi_mask

_MARGIN = (0.02, 0.1)
_SHARES = {"auto": 0.35, "box": 0.15, "structures": 0.25, "full": 0.25}


def draw_training_roi(layout: Layout, registry: Registry, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Draw an ROI mask (H, W): half the plane's outline, a quarter its structures, a quarter the whole image.

    Of the outlines three in ten are boxes, as a user may choose, the others ellipses. The margin round the structures
    is uniform in 2 % to 10 % of the image. A layout without structures gives the whole image.
    """
    mode = str(rng.choice(list(_SHARES), p=list(_SHARES.values())))
    margin = float(rng.uniform(*_MARGIN))
    if not layout.structures:
        mode = "full"
    return draw_roi_mask(layout, registry, mode, margin)


def draw_inner_mask(layout: Layout, registry: Registry) -> NDArray[np.bool_]:
    """Draw where structures other than the plane's outline lie, (H, W)."""
    outline = layout.outline(registry)
    inner = layout.with_structures(structure for structure in layout.structures if structure is not outline)
    if not inner.structures:
        return np.zeros((layout.height, layout.width), np.bool_)
    return draw_roi_mask(inner, registry, "structures", 0.0)

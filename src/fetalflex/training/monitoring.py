"""What a falling loss does not show: whether the layout is followed, and whether images are memorised."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fetalflex.anatomy import Layout

NOISE_LEVELS = 4


def levels_of(timesteps: Tensor, train_timesteps: int) -> Tensor:
    """Return the noise level of each sample, (B,) int64: 0 for the cleanest quarter of the schedule to 3."""
    return timesteps * NOISE_LEVELS // train_timesteps


def shuffled_within_planes(planes: Sequence[str]) -> NDArray[np.int64]:
    """Return for each sample the next one of its plane, cyclically, (N,); one that is alone in its plane stays itself.

    Args:
        planes: Plane of each sample.
    """
    order = np.arange(len(planes))
    for plane in set(planes):
        members = np.flatnonzero(np.array(planes) == plane)
        order[members] = np.roll(members, -1)
    return order


def shrunken(layout: Layout, scale: float = 0.75) -> Layout:
    """Return the layout with all its structures made smaller about their common centre; it stays within their ROI."""
    if not layout.structures:
        return layout
    corners = np.array([placed.box.corners() for placed in layout.structures])
    x, y = (corners[:, :2].min(axis=0) + corners[:, 2:].max(axis=0)) / 2
    dx, dy = (1 - scale) * x, (1 - scale) * y
    return layout.rescaled(scale, float(dx), float(dy), width=layout.width, height=layout.height)


def nearest_distances(latents: Tensor, roi_mask: Tensor, others: Tensor, chunk: int = 256) -> Tensor:
    """Return how far each sample is from its nearest neighbour, (B,): root mean square difference inside its ROI.

    Args:
        latents: (B, C, h, w).
        roi_mask: 1 inside the ROI, (B, 1, h, w); not empty.
        others: Latents to search, (N, C, h, w), of any float type.
        chunk: How many of them to compare at once.
    """
    weight = (roi_mask / roi_mask.sum(dim=(1, 2, 3), keepdim=True)).expand_as(latents).flatten(1).float()
    flat = latents.flatten(1).float()
    channels = latents.shape[1]
    # Σ w (x - y)² = Σ w x² - 2 Σ w x y + Σ w y²
    own = (weight * flat**2).sum(dim=1, keepdim=True)
    nearest = torch.full((len(flat),), float("inf"), device=flat.device)
    for start in range(0, len(others), chunk):
        part = others[start : start + chunk].to(flat.device).flatten(1).float()
        squared = own - 2 * (weight * flat) @ part.T + weight @ (part**2).T
        nearest = torch.minimum(nearest, squared.amin(dim=1))
    return (nearest.clamp_min(0) / channels).sqrt()


def adherence_concern(adherence: float, least: float) -> str | None:
    """Return what to tell about a model that does not follow its layout, or None if it does.

    Args:
        adherence: Loss with shuffled layouts relative to that with the true ones, minus 1.
        least: Adherence below which the model counts as ignoring its layout.
    """
    if adherence >= least:
        return None
    return (
        f"the model still ignores its layout (adherence {adherence:.2%}, expected at least {least:.0%}), although the "
        "loss may look normal. Usual causes: boxes that do not belong to their images or are in other units (look at "
        "the contact sheet of `fetalflex prepare`); layouts that hardly differ between images; a learning rate too low "
        "or too few images; a denoiser that is not trained yet; a layout_dropout near 1"
    )

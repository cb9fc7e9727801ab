"""Bring images to one size, so that it says nothing of where they come from."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fetalflex.study.candidates import Candidate

_ALIKE = 1.25
"""Ratio up to which typical shapes and sizes of the methods' images are taken for alike."""


def fitted(pixels: NDArray[np.uint8], size: tuple[int, int], crop: bool) -> NDArray[np.uint8]:
    """Return an image scaled to a size, its proportions kept.

    Args:
        pixels: `(H, W) uint8` grey.
        size: Width and height to reach.
        crop: Fill the size and cut off what sticks out on both sides; else show all, on black.

    Returns:
        `(height, width) uint8`.
    """
    width, height = size
    ratios = width / pixels.shape[1], height / pixels.shape[0]
    scale = max(ratios) if crop else min(ratios)
    scaled = max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale))
    picture = Image.fromarray(pixels)
    if scaled != picture.size:
        picture = picture.resize(scaled, Image.Resampling.LANCZOS)
    paper = Image.new("L", size, 0)
    paper.paste(picture, ((width - scaled[0]) // 2, (height - scaled[1]) // 2))
    return np.asarray(paper)


def telltale_sizes(candidates: Sequence[Candidate], crop: bool) -> list[str]:
    """Return what shape and size of the images may tell readers of the method, in sentences; often nothing.

    Args:
        candidates: Images of the study.
        crop: Whether they are cut to one shape.
    """
    sizes = defaultdict(list)
    for candidate in candidates:
        sizes[candidate.method].append(candidate.size)
    shapes = {method: float(np.median([width / height for width, height in some])) for method, some in sizes.items()}
    areas = {method: float(np.median([width * height for width, height in some])) for method, some in sizes.items()}
    told = []
    if not crop and max(shapes.values()) > _ALIKE * min(shapes.values()):
        listed = ", ".join(f"{method} {shape:.2f}" for method, shape in sorted(shapes.items()))
        told.append(
            f"the methods' images differ in shape (width by height: {listed}), which their black margins show; "
            "--fit crop cuts all to one shape"
        )
    if max(areas.values()) > _ALIKE**2 * min(areas.values()):
        listed = ", ".join(f"{method} {area**0.5:.0f}" for method, area in sorted(areas.items()))
        told.append(
            f"the methods' images differ in size (pixels along a side, typically: {listed}); those that are enlarged "
            "look softer, which may tell the method"
        )
    return told

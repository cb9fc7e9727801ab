"""How a model is shown which structure lies where: colours of its layout map, and channels of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from fetalflex.anatomy.drawing import structure_pixels
from fetalflex.anatomy.layout import Layout

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class LayoutCode:
    """How a model is shown the names of structures.

    The layout map of the paper is a picture, and what the autoencoder of a model keeps of its colours depends on the
    autoencoder. So a model may have colours of its own, and beside the map one channel per structure, which nothing can
    blur.

    Args:
        colours: (red, green, blue) of a structure in the layout map, 0 to 255; of one that is not named, the
            registry's colour, which is chosen for people.
        channels: Structures that have a channel, in the order of the channels; none as in the paper.
    """

    colours: Mapping[str, tuple[int, int, int]] = field(default_factory=dict)
    channels: tuple[str, ...] = ()


def draw_label_maps(layout: Layout, channels: Sequence[str]) -> NDArray[np.bool_]:
    """Draw one mask per structure: a pixel is marked if a box of that name holds its centre.

    Boxes do not hide one another. A box that holds no pixel centre marks the pixel at its own centre.

    Args:
        layout: Structures to draw; those that have no channel are left out.
        channels: Names of K structures.

    Returns:
        (K, H, W) bool.
    """
    maps = np.zeros((len(channels), layout.height, layout.width), np.bool_)
    numbers = {name: number for number, name in enumerate(channels)}
    for structure in layout.structures:
        if structure.name in numbers:
            rows, columns, inside = structure_pixels(structure.box, layout.width, layout.height)
            maps[numbers[structure.name], rows, columns] |= inside
    return maps

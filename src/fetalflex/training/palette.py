"""Choose the colours of layout maps so that an autoencoder keeps structures apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product

import numpy as np
import torch
from diffusers import AutoencoderKL
from numpy.typing import NDArray

from fetalflex.models.latents import encode, pixels_from_arrays

Colour = tuple[int, int, int]

OUTLINE_COLOUR: Colour = (60, 60, 60)
"""An outline is the ground on which a plane's structures lie; on a dark one they differ most."""

_LEVELS = (0, 85, 170, 255)
_LEAST_LIGHT = 120  # sum of red, green and blue; black stands for no structure
_GROUND = 0.1  # an outline's distance from each side of the canvas, as a share of it
_BOX = 0.2  # side of the box whose latents are compared, as a share of the canvas
_CORE = 0.5  # share of the box, along each side, that lies away from its edges
_PASSES = 20
_STARTS = 4


def choose_palette(
    vae: AutoencoderKL, size: int, planes: Mapping[str, Sequence[str]], outlines: Mapping[str, str | None]
) -> dict[str, Colour]:
    """Choose a colour for each structure so that the nearest two of a plane are far apart in latent space.

    Boxes of 59 colours are encoded on the ground on which they will lie. From several random choices, colours are
    exchanged one by one as long as the least distance rises, or with it unchanged the mean of each structure's least.

    Args:
        vae: Encodes layout maps.
        size: Side of the model's canvas, pixels.
        planes: Structures that are to be told apart, by plane; a structure has one colour on all planes.
        outlines: The outline of each plane; None = its structures lie on black.

    Returns:
        Colours by name. Outlines have `OUTLINE_COLOUR`.
    """
    candidates: list[Colour] = [
        (red, green, blue) for red, green, blue in product(_LEVELS, repeat=3) if red + green + blue >= _LEAST_LIGHT
    ]
    distances = {
        with_outline: latent_distances(vae, size, candidates, OUTLINE_COLOUR if with_outline else None)
        for with_outline in sorted({outline is not None for outline in outlines.values()})
    }
    groups = [
        (distances[outlines[plane] is not None], [name for name in names if name != outlines[plane]])
        for plane, names in sorted(planes.items())
    ]
    inner = list(dict.fromkeys(name for _, names in groups for name in names))
    rng = np.random.default_rng(0)
    starts = [
        dict(zip(inner, rng.integers(len(candidates), size=len(inner)).tolist(), strict=True)) for _ in range(_STARTS)
    ]
    best = max((_improved(start, groups, len(candidates)) for start in starts), key=lambda one: _score(one, groups))
    chosen: dict[str, Colour] = {name: candidates[number] for name, number in best.items()}
    return chosen | {outline: OUTLINE_COLOUR for outline in outlines.values() if outline is not None}


@torch.no_grad()
def latent_distances(
    vae: AutoencoderKL, size: int, colours: Sequence[Colour], ground: Colour | None
) -> NDArray[np.float64]:
    """Return how far boxes of N colours, and none, lie apart in latent space, (N + 1, N + 1).

    It is the root mean square difference over channels in the middle of the box, of latents as the denoiser sees them.

    Args:
        vae: Encodes.
        size: Side of the canvas, pixels.
        colours: N colours.
        ground: Colour of the outline round the box, None = black.
    """
    canvas = np.zeros((size, size, 3), np.uint8)
    if ground is not None:
        inset = round(_GROUND * size)
        canvas[inset : size - inset, inset : size - inset] = ground
    start, stop = round((0.5 - _BOX / 2) * size), round((0.5 + _BOX / 2) * size)
    maps = [canvas.copy() for _ in colours]
    for picture, colour in zip(maps, colours, strict=True):
        picture[start:stop, start:stop] = colour
    weight = next(vae.parameters())
    latents = encode(vae, pixels_from_arrays([*maps, canvas]).to(weight.device, weight.dtype))
    centre, reach = latents.shape[-1] / 2, _CORE * _BOX / 2 * latents.shape[-1]
    core = slice(int(centre - reach), max(int(np.ceil(centre + reach)), int(centre) + 1))
    vectors = latents[:, :, core, core].float().mean(dim=(2, 3)).cpu().double()
    return (torch.cdist(vectors, vectors) / vectors.shape[1] ** 0.5).numpy()


def _improved(start: dict[str, int], groups: list[tuple[NDArray[np.float64], list[str]]], count: int) -> dict[str, int]:
    """Exchange colours one by one until the score does not rise any more."""
    now, score = dict(start), _score(start, groups)
    for _ in range(_PASSES):
        before = score
        for name in now:
            for number in range(count):
                tried = now | {name: number}
                if (value := _score(tried, groups)) > score:
                    now, score = tried, value
        if score == before:
            break
    return now


def _score(colours: dict[str, int], groups: list[tuple[NDArray[np.float64], list[str]]]) -> tuple[float, float]:
    """Return the least distance of a structure from another of its plane or the ground, and each one's on average."""
    nearest = []
    for distances, names in groups:
        rows = [*(colours[name] for name in names), len(distances) - 1]
        part = distances[np.ix_(rows, rows)] + np.diag(np.full(len(rows), np.inf))
        nearest += part.min(axis=1).tolist()
    return (min(nearest), float(np.mean(nearest))) if nearest else (0.0, 0.0)

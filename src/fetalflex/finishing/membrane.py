"""Membrane: what is known along a rim, continued into a region as smoothly as can be."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, sparse
from scipy.sparse.linalg import spsolve

MOST_UNKNOWNS = 12_000
"""A larger region is solved on a coarser grid, so that it takes about 0.1 s."""

Values = NDArray[np.float64]
Mask = NDArray[np.bool_]


def membrane(rim: Values, region: Mask, fade: float = np.inf) -> Values:
    """Return values inside a region that continue those outside of it; 0 outside.

    Solves the screened Laplace equation, h'' - h / fade² = 0, with h = rim on the pixels outside that touch the
    region and no flow through the sides of the image. It has no extremes inside, so what it adds is never more than
    what differs at the rim (Pérez et al. 2003, Poisson image editing, write cloning in this way).

    Args:
        rim: (H, W) values; only those on pixels outside the region that touch it (4 neighbours) count.
        region: (H, W) bool.
        fade: Depth in pixels over which the values fall to 1/e behind a straight rim; infinite for a plain membrane.

    Returns:
        (H, W) float64. A part of the region that touches no pixel outside gets 0.
    """
    result = np.zeros(region.shape)
    box = ndimage.find_objects(region.astype(np.uint8))
    if not box or region.all():
        return result
    around = tuple(
        slice(max(part.start - 1, 0), min(part.stop + 1, side)) for part, side in zip(box[0], region.shape, strict=True)
    )
    inside, values = region[around], np.asarray(rim, np.float64)[around]
    factor = int(np.ceil(np.sqrt(np.count_nonzero(inside) / MOST_UNKNOWNS)))
    continued = _on_coarser_grid(values, inside, fade, factor) if factor > 1 else solve_membrane(values, inside, fade)
    result[around] = np.where(inside, continued, 0)
    return result


def solve_membrane(rim: Values, region: Mask, fade: float = np.inf) -> Values:
    """Return what `membrane` does, solved exactly, for small regions; outside the region the rim's values."""
    index = np.full(region.shape, -1)
    count = int(np.count_nonzero(region))
    index[region] = np.arange(count)
    diagonal = np.full(count, 0.0 if np.isinf(fade) else fade**-2)
    right, rows, columns = np.zeros(count), [], []
    for axis in (0, 1):
        for here, there in _neighbours(axis):
            own, other, value = index[here], index[there], rim[there]
            of_region = own >= 0
            np.add.at(diagonal, own[of_region], 1.0)
            both, known = of_region & (other >= 0), of_region & (other < 0)
            rows.append(own[both])
            columns.append(other[both])
            np.add.at(right, own[known], value[known])
    row, column = np.concatenate(rows), np.concatenate(columns)
    held = _touching_known(region)[region]
    diagonal[~held] += 1.0  # nothing holds such a part: it is 0 rather than undetermined
    matrix = sparse.csc_array(
        (
            np.concatenate([diagonal, np.full(len(row), -1.0)]),
            (np.concatenate([np.arange(count), row]), np.concatenate([np.arange(count), column])),
        ),
        shape=(count, count),
    )
    solved = np.array(rim, np.float64)
    solved[region] = spsolve(matrix, right, permc_spec="MMD_AT_PLUS_A")
    return solved


def _on_coarser_grid(rim: Values, region: Mask, fade: float, factor: int) -> Values:
    """Return the membrane solved on blocks of `factor` pixels; a block with a known pixel counts as known."""
    height, width = region.shape
    pad = ((0, -height % factor), (0, -width % factor))
    touched = np.pad(ndimage.binary_dilation(region) & ~region, pad)
    inside = np.pad(region, pad, mode="edge")
    values = np.pad(rim, pad, mode="edge")

    def blocks(array: NDArray[np.float64]) -> NDArray[np.float64]:
        rows, columns = array.shape[0] // factor, array.shape[1] // factor
        return array.reshape(rows, factor, columns, factor).sum(axis=(1, 3))

    known = blocks(touched.astype(float))
    coarse_rim = blocks(np.where(touched, values, 0)) / np.maximum(known, 1)
    coarse_region = (blocks(inside.astype(float)) > 0) & (known == 0)
    if not coarse_region.any():
        return solve_membrane(rim, region, fade)
    solved = solve_membrane(coarse_rim, coarse_region, fade / factor)
    # Blocks that are neither get the nearest value, which interpolation at the rim then meets.
    valid = coarse_region | (known > 0)
    nearest = ndimage.distance_transform_edt(~valid, return_distances=False, return_indices=True)
    solved = solved[tuple(nearest)]
    where = [(np.arange(side) + 0.5) / factor - 0.5 for side in (height, width)]
    return ndimage.map_coordinates(solved, np.meshgrid(*where, indexing="ij"), order=1, mode="nearest")


def _neighbours(axis: int) -> list[tuple[tuple[slice, slice], tuple[slice, slice]]]:
    whole, first, last = slice(None), slice(None, -1), slice(1, None)
    one, other = ((first, whole), (last, whole)) if axis == 0 else ((whole, first), (whole, last))
    return [(one, other), (other, one)]


def _touching_known(region: Mask) -> Mask:
    """Return the connected parts of a region that touch a pixel outside of it, (H, W)."""
    labels, count = ndimage.label(region)
    touching = np.zeros(count + 1, np.bool_)
    touching[np.unique(labels[ndimage.binary_dilation(~region)])] = True
    touching[0] = False
    return touching[labels]

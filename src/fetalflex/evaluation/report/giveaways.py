"""Picture of what gives syntheses away: those that a classifier tells most and least easily, beside the real ones."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from fetalflex.anatomy import Registry, draw_roi_mask
from fetalflex.evaluation.intervals import Sampled, mean_of
from fetalflex.evaluation.metrics.two_samples import TwoSamples
from fetalflex.evaluation.results import PlaneResult, Results
from fetalflex.evaluation.tables import shown
from fetalflex.figures.table import PictureRow, draw_picture_table

Picture = NDArray[np.uint8]
Mask = NDArray[np.bool_]

CLASSIFIER = "auc_rulers"
_EACH = 2
_NAMED = 3
_CLOSE_UP = 110, 140
_BLUR = 6.0  # px, over which differences are averaged to find where they are largest


def draw_giveaway_sheet(results: Results, registry: Registry) -> Picture | None:
    """Return, of each plane, the two syntheses that look most and the two that look least synthetic; None without any.

    Beside each stands its real image, both with a piece of the rim enlarged, where they differ most. Below stand the
    scores (standard deviations of the classifier's; above 0 it says synthetic) and the numbers that add most to that of
    the synthesis.
    """
    rows = []
    for result in results.planes.values():
        told = result.told.get(CLASSIFIER)
        if told is not None:
            rows += [_row(results, result, told, index, registry) for index in _extremes(told)]
    if not rows:
        return None
    title = f"Model {results.facts['model']}: what gives syntheses away (AUC {_auc(results)})"
    columns = ("real", "synthesis", "real, where they differ most", "synthesis, same place")
    return draw_picture_table(title, columns, rows)


def _row(results: Results, result: PlaneResult, told: TwoSamples, index: int, registry: Registry) -> PictureRow:
    sample = result.samples[index]
    real = sample.image()
    synthetic = results.kept.image(sample.name, real.shape)
    place = close_up_of_rim(real, synthetic, draw_roi_mask(sample.layout, registry, results.facts["roi"]))
    notes = (f"score {told.real[index]:+.1f}", f"score {told.synthetic[index]:+.1f}", "", "")
    caption = f"{sample.plane}, {sample.record.file_name}: {named_parts(told, index)}"
    return PictureRow((real, synthetic, real[place], synthetic[place]), notes, caption)


def named_parts(told: TwoSamples, index: int) -> str:
    """Return the numbers that add most to a synthesis's score, either way, as text."""
    parts = told.synthetic_parts[index]
    largest = np.argsort(-np.abs(parts), kind="stable")[:_NAMED]
    return ", ".join(f"{told.names[one]} {parts[one]:+.1f}" for one in largest if parts[one])


def close_up_of_rim(real: Picture, synthetic: Picture, region: Mask) -> tuple[slice, slice]:
    """Return a window of at most 110 x 140 px round the place at a region's rim where two images differ most.

    Args:
        real: (H, W) uint8.
        synthetic: (H, W) uint8.
        region: (H, W) bool, not empty.
    """
    difference = ndimage.gaussian_filter(np.abs(real.astype(np.float64) - synthetic), _BLUR)
    rim = region & ~ndimage.binary_erosion(region, border_value=1)
    among = rim if rim.any() else region
    centre = np.unravel_index(np.where(among, difference, -1).argmax(), region.shape)
    window = []
    for position, length, side in zip(centre, region.shape, _CLOSE_UP, strict=True):
        start = min(max(int(position) - side // 2, 0), max(length - side, 0))
        window.append(slice(start, min(start + side, length)))
    return window[0], window[1]


def _extremes(told: TwoSamples) -> list[int]:
    """Return the pairs with the highest and those with the lowest scores of syntheses, none twice."""
    order = np.argsort(-told.synthetic, kind="stable").tolist()
    return order[:_EACH] + order[_EACH:][-_EACH:]


def _auc(results: Results) -> str:
    parts: list[Sampled] = [one.told[CLASSIFIER].auc for one in results.planes.values() if CLASSIFIER in one.told]
    return shown(mean_of(parts).estimate, digits=2)

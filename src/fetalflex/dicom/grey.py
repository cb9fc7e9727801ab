"""From stored grey values to those that a screen shows: PS3.3 C.11. Runs in the reading process alone."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.multival import MultiValue
from pydicom.pixels import apply_modality_lut, apply_voi

from fetalflex.dicom.header import count_of
from fetalflex.dicom.refused import Refused

GREYS = ("MONOCHROME1", "MONOCHROME2")


def shown_grey(values: NDArray[Any], dataset: Dataset, is_turned: bool) -> NDArray[np.uint8] | NDArray[np.uint16]:
    """Return grey values as they are to be seen; those of more than 8 bits without window or table stay as deep.

    Args:
        values: `(H, W)` stored values of at most 16 bits.
        dataset: Its transforms, the first of each kind.
        is_turned: Whether the lowest value is white.
    """
    bits = min(count_of(dataset, "BitsStored", 8, 16), 8 * values.dtype.itemsize)
    is_signed = values.dtype.kind == "i"
    lowest, count = (-(2 ** (bits - 1)) if is_signed else 0), 2**bits
    places = (values.astype(np.int32) - lowest) & (count - 1)  # bits above those stored hold overlays
    table = _table(dataset, lowest, count)
    if table is not None:
        shown = np.round(255 * table).astype(np.uint8)
        return (255 - shown if is_turned else shown)[places]
    if is_signed and int(values.min()) < 0:
        raise Refused("has grey values below 0 and no window that says how to show them; save it with a window")
    kept = places + lowest
    if is_turned:
        kept = (count // 2 if is_signed else count) - 1 - kept
    if bits > 8:
        return kept.astype(np.uint16)
    return np.round(kept * (255 / (2**bits - 1))).astype(np.uint8)


def _table(dataset: Dataset, lowest: int, count: int) -> NDArray[np.float64] | None:
    """Return how bright each stored value is, `(count,)`, 0 to 1; None if the file does not say.

    A rescaling alone says nothing: it does not change which value is brighter, nor by how much in proportion.
    """
    has_lut = bool(dataset.get("VOILUTSequence"))
    has_window = "WindowWidth" in dataset and "WindowCenter" in dataset
    if not has_lut and not has_window and not dataset.get("ModalityLUTSequence"):
        return None
    every = np.arange(lowest, lowest + count, dtype=np.int16 if lowest < 0 else np.uint16)
    outputs = apply_modality_lut(every, dataset)
    if has_lut:
        depth = int(dataset.VOILUTSequence[0].LUTDescriptor[2])
        return np.asarray(apply_voi(outputs.astype(np.int32), dataset) / (2**depth - 1)).clip(0, 1)
    if has_window:
        return _windowed(outputs, dataset)
    return np.asarray(outputs / (2 ** int(dataset.ModalityLUTSequence[0].LUTDescriptor[2]) - 1)).clip(0, 1)


def _windowed(values: NDArray[Any], dataset: Dataset) -> NDArray[np.float64]:
    """Apply the first window: PS3.3 C.11.2.1.2 (linear), C.11.2.1.3."""
    centre, width = (_first(dataset.get(name)) for name in ("WindowCenter", "WindowWidth"))
    function = str(dataset.get("VOILUTFunction") or "LINEAR").upper()
    if function == "SIGMOID" and width > 0:
        return np.asarray(1 / (1 + np.exp(np.clip(-4 * (values - centre) / width, -700, 700))))
    if function == "LINEAR_EXACT" and width > 0:
        return np.asarray(((values - centre) / width + 0.5).clip(0, 1))
    if function != "LINEAR" or width < 1:
        raise Refused("has a window that DICOM does not allow; save it with another")
    if width == 1:
        return np.asarray((values > centre - 0.5).astype(np.float64))
    return np.asarray(((values - (centre - 0.5)) / (width - 1) + 0.5).clip(0, 1))


def _first(value: Any) -> float:
    number = float(value[0] if isinstance(value, (MultiValue, list)) else value)
    if not np.isfinite(number):
        raise Refused("has a window that is not finite; save it with another")
    return number

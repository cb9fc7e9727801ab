"""Decode a frame and bring it to what a screen would show. Runs in the reading process alone."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.pixels import apply_color_lut, get_decoder
from pydicom.pixels.utils import as_pixel_options
from pydicom.uid import UID, UID_dictionary

from fetalflex.dicom.grey import GREYS, shown_grey
from fetalflex.dicom.header import count_of
from fetalflex.dicom.refused import Refused

_PALETTE = "PALETTE COLOR"
_COLOURS = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT")
_JPEG_LOSSY, _EXTENDED = "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51"
_DECODERS = {
    _JPEG_LOSSY: "pillow",
    _EXTENDED: "pillow",
    "1.2.840.10008.1.2.4.57": "gdcm",  # JPEG lossless
    "1.2.840.10008.1.2.4.70": "gdcm",
    "1.2.840.10008.1.2.4.80": "gdcm",  # JPEG-LS
    "1.2.840.10008.1.2.4.81": "gdcm",
    "1.2.840.10008.1.2.4.90": "pylibjpeg",  # JPEG 2000
    "1.2.840.10008.1.2.4.91": "pylibjpeg",
    "1.2.840.10008.1.2.5": "pydicom",  # run lengths
}
"""One decoder for each way of compression, so that a picture does not depend on what else is installed."""


class Picture(NamedTuple):
    """A frame: its mode as Pillow names it, and its pixels."""

    mode: Literal["L", "RGB", "I;16"]
    pixels: NDArray[np.uint8] | NDArray[np.uint16]


def picture_of(dataset: Dataset, frame: int, most: int, most_in_colour: int) -> Picture:
    """Return a frame as it is to be seen.

    Args:
        dataset: As `open_dataset` gives it.
        frame: Its number, from 1.
        most: Most pixels of a grey frame of 8 bits.
        most_in_colour: Most pixels of any other.

    Raises:
        Refused: If it is of a kind that is not read, or larger.
    """
    kind = str(dataset.get("PhotometricInterpretation", "")).strip()
    if kind not in (*GREYS, _PALETTE, *_COLOURS):
        raise Refused("has pixels that are neither grey, nor RGB, YBR, or of a palette; these are read")
    _check_extent(dataset, most if kind in GREYS and dataset.get("BitsAllocated") == 8 else most_in_colour)
    values = _decoded(dataset, frame)
    if kind in GREYS and values.ndim == 2:
        grey = shown_grey(values, dataset, is_turned=kind == "MONOCHROME1")
        return Picture("L" if grey.dtype == np.uint8 else "I;16", grey)
    if kind == _PALETTE and values.ndim == 2:
        return Picture("RGB", _eight_bits(apply_color_lut(values, dataset), 16))
    if kind in _COLOURS and values.ndim == 3 and values.shape[2] == 3:
        return Picture("RGB", _eight_bits(values, count_of(dataset, "BitsStored", 8, 16)))
    raise Refused("is damaged: its pixels do not have the shape that its header says")


def _check_extent(dataset: Dataset, most: int) -> None:
    width, height = count_of(dataset, "Columns", None, 2**16), count_of(dataset, "Rows", None, 2**16)
    if width * height > most:
        raise Refused(f"has {width} x {height} pixels; at most {most:,} of its kind are allowed")
    if count_of(dataset, "BitsAllocated", None, 64) > 16:
        raise Refused("has more than 16 bits per sample; save it with 8 or 16")


def _decoded(dataset: Dataset, frame: int) -> NDArray[Any]:
    """Return the values of a frame, `(H, W)` or `(H, W, 3)`, YBR turned into RGB."""
    syntax = UID(dataset.file_meta.TransferSyntaxUID)
    try:
        decoder = get_decoder(syntax)
    except NotImplementedError:
        name = syntax.name if str(syntax) in UID_dictionary else "a way that DICOM does not know"
        raise Refused(
            f"is compressed as {name}, which is not read; save it as JPEG 2000 or without compression"
        ) from None
    if syntax == _EXTENDED and count_of(dataset, "BitsStored", None, 16) > 8:
        raise Refused("is compressed as JPEG of 12 bits, which is not read; save it without compression")
    plugin = _DECODERS.get(str(syntax), "") if syntax.is_compressed and not syntax.is_deflated else ""
    options = as_pixel_options(dataset)
    values, _ = decoder.as_array(dataset, index=frame - 1, decoding_plugin=plugin, **options)
    return values.astype(values.dtype.newbyteorder("="), copy=False)


def _eight_bits(values: NDArray[Any], bits: int) -> NDArray[np.uint8]:
    if values.dtype == np.uint8:
        return values
    if values.dtype != np.uint16:
        raise Refused("has colours that are no whole numbers of 8 or 16 bits; save it with 8")
    return np.asarray((values >> max(bits - 8, 0)).astype(np.uint8))

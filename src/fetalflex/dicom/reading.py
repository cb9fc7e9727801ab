"""Ask the process that reads DICOM files for facts and pictures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import Image

from fetalflex.dicom import child
from fetalflex.dicom.facts import DicomFacts
from fetalflex.dicom.requirements import check_installed
from fetalflex.errors import FetalFlexError

SUFFIXES = frozenset({".dcm", ".dicom"})
"""File name endings, in lower case."""

MAX_BYTES = 512 * 2**20
DIRECTORY = "DICOMDIR"
"""Name of the table of contents of a medium. It is never followed: folders are searched for the files themselves."""

_PREAMBLE, _MAGIC = 128, b"DICM"
_TYPES: dict[str, np.dtype[Any]] = {"L": np.dtype("u1"), "RGB": np.dtype("u1"), "I;16": np.dtype("<u2")}


@dataclass(frozen=True)
class DicomReading:
    """How a DICOM file is read as a picture.

    Args:
        frame: Number of the frame, from 1; None for the only one of a file that has no more.
        colour_doppler: Take frames with flow in colour, as grey; else they are refused.
    """

    frame: int | None = None
    colour_doppler: bool = False


def is_dicom(file: Path | BinaryIO, name: str = "") -> bool:
    """Say whether a file is DICOM: by its first bytes, or where these say nothing by its name's ending.

    Args:
        file: Path of a file that is there, or an open file, which is left at its beginning.
        name: What an open file is called.
    """
    if isinstance(file, Path):
        with file.open("rb") as opened:
            return is_dicom(opened, file.name)
    file.seek(_PREAMBLE)
    is_marked = file.read(len(_MAGIC)) == _MAGIC
    file.seek(0)
    return is_marked or Path(name).suffix.lower() in SUFFIXES


def may_be_dicom(path: Path) -> bool:
    """Say whether a file of a folder is DICOM by its name's ending, or, as on media, by content where it has none."""
    suffix = path.suffix.lower()
    if suffix in SUFFIXES:
        return True
    if (suffix and not suffix[1:].isdecimal()) or path.name.upper() == DIRECTORY:  # uids look like endings of digits
        return False
    try:
        return path.is_file() and is_dicom(path)
    except OSError:
        return False


def dicom_facts(file: Path | BinaryIO, name: str) -> DicomFacts:
    """Return what is known of a DICOM file.

    Args:
        file: Path, or an open file.
        name: What to call it in messages.

    Raises:
        FetalFlexError: If it cannot be read, or the extra is missing.
    """
    answer, _ = _asked(file, name, {"want": "facts"})
    return DicomFacts.of_values(answer)


def dicom_picture(
    file: Path | BinaryIO, name: str, reading: DicomReading, most: int, most_in_colour: int
) -> Image.Image:
    """Return a frame of a DICOM file as it is to be seen.

    Grey frames go through the file's modality and VOI transforms; MONOCHROME1 is turned over; palettes and YBR become
    RGB. What has more than 8 bits and no window keeps its values.

    Args:
        file: Path, or an open file.
        name: What to call it in messages.
        reading: Which frame, and what is refused.
        most: Most pixels of a grey frame of 8 bits.
        most_in_colour: Most pixels of any other.

    Returns:
        Image of the mode "L", "RGB", or "I;16".

    Raises:
        FetalFlexError: If it cannot be read, has several frames and none is named, or shows flow in colour.
    """
    wish = {"frame": reading.frame, "colour_doppler": reading.colour_doppler}
    limits = {"most": most, "most_in_colour": most_in_colour}
    answer, pixels = _asked(file, name, {"want": "picture", **wish, **limits})
    mode, width, height = answer["mode"], answer["width"], answer["height"]
    kind = _TYPES[mode]
    shape = (height, width, 3) if mode == "RGB" else (height, width)
    return Image.fromarray(np.frombuffer(pixels, kind).reshape(shape))


def _asked(file: Path | BinaryIO, name: str, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    check_installed(name)
    if isinstance(file, Path):
        size, data = file.stat().st_size, None
        request = {**request, "path": str(file.resolve())}
    else:
        data = file.read()
        size = len(data)
    if size > MAX_BYTES:
        raise FetalFlexError(f"{name} has {size:,} bytes; of a DICOM file at most {MAX_BYTES:,} are read")
    return child.ask(request, data, name)

"""What a picture holds beyond 8-bit grey: more bits, colour, transparency; and one scale for those of one device."""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from fetalflex.data.image_files import nominal_maximum, open_image
from fetalflex.dicom import DicomReading

_COLOUR = 12
"""Grey levels by which channels differ in a picture that is in colour; compression alone makes less."""

_SOME = 0.001
"""Share of the pixels that have to."""


@dataclass(frozen=True)
class PictureKind:
    """What 8-bit grey has no place for.

    Args:
        nominal: Largest value of the smallest of 8, 10, 12, 14 and 16 bits that holds the brightest pixel of a picture
            of more than 8 bits; None for one of 8.
        in_colour: Whether its channels differ.
    """

    nominal: int | None = None
    in_colour: bool = False

    @property
    def told(self) -> str | None:
        """Return what is lost as 8-bit grey, in words; None if nothing is."""
        if self.nominal is not None:
            return f"it has more than 8 bits a pixel: its {self.nominal.bit_length()} bits are brought to 8"
        return "it is in colour: only its brightness is taken" if self.in_colour else None


PLAIN = PictureKind()


def picture_kind(file: Path | bytes, name: str | None = None, dicom: DicomReading | None = None) -> PictureKind:
    """Look at an image file, or its content, `name`; of a DICOM file, as `dicom` says.

    Raises:
        FetalFlexError: As `read_image`.
    """
    source = io.BytesIO(file) if isinstance(file, bytes) else file
    with open_image(source, name or str(file), dicom) as image:
        if image.mode.startswith("I"):
            return PictureKind(nominal_maximum(np.asarray(image), name or str(file)))
        if image.mode in ("1", "L", "LA", "La", "F"):
            return PictureKind()
        return PictureKind(in_colour=_in_colour(image))


def shared_nominal(files: Iterable[Path]) -> int | None:
    """Return the scale of all pictures of more than 8 bits among some files; None if there are none.

    Pictures of one device are comparable only if they are scaled alike, not each by its own brightest pixel. Files that
    cannot be read are passed over.
    """
    found = [kind.nominal for kind in map(_deep_kind, files) if kind is not None and kind.nominal is not None]
    return max(found, default=None)


def _deep_kind(path: Path) -> PictureKind | None:
    try:
        with open_image(path, str(path)) as image:
            return PictureKind(nominal_maximum(np.asarray(image), str(path))) if image.mode.startswith("I") else None
    except ValueError:  # a FetalFlexError, told where the picture itself is read
        return None


def _in_colour(image: Image.Image) -> bool:
    rgb = np.asarray(image.convert("RGBA" if image.mode in ("P", "PA", "RGBa") else image.mode).convert("RGB"))
    spread = np.ptp(rgb, axis=2)
    return bool((spread > _COLOUR).mean() > _SOME)


def visible(path: Path) -> NDArray[np.bool_] | None:
    """Return where an image file is at least half opaque, `(H, W)` bool, turned as EXIF says; None if everywhere.

    Raises:
        FetalFlexError: As `read_image`.
    """
    with open_image(path, str(path)) as image:
        if not has_alpha(image):
            return None
        alpha = np.asarray(ImageOps.exif_transpose(image).convert("RGBA").getchannel("A"))
    return None if bool((alpha >= 128).all()) else alpha >= 128


def has_alpha(image: Image.Image) -> bool:
    """Say whether an image can be transparent."""
    return image.mode in ("LA", "PA", "RGBA", "La", "RGBa") or "transparency" in image.info

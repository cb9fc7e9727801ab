"""Image files in and out: what the user has becomes `(H, W) uint8` grey; what we write is PNG with its story in text.

Files are not trusted: only five formats and DICOM are tried, sizes are checked before pixels are decoded, DICOM is
parsed in a process of its own, and whatever is wrong with a file is told as a `FetalFlexError` that names it.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps, PngImagePlugin, TiffImagePlugin

from fetalflex.data.limits import MAX_MASK_PIXELS
from fetalflex.data.quiet_decoders import quiet_decoders
from fetalflex.dicom import DicomFacts, DicomReading, dicom_facts, dicom_picture, is_dicom
from fetalflex.dicom.reading import SUFFIXES as DICOM_SUFFIXES
from fetalflex.errors import FetalFlexError
from fetalflex.files import replacing

FORMATS = ("PNG", "JPEG", "BMP", "TIFF", "WEBP")
SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp"})
"""File name endings, in lower case, of pictures in the formats that are read."""

IMAGE_SUFFIXES = SUFFIXES | DICOM_SUFFIXES
"""The same, with those of DICOM files."""

READABLE = ", ".join((*FORMATS, "DICOM"))
"""What to give, for messages."""

_PNG_END = b"IEND\xaeB`\x82"
MAX_PIXELS = 64_000_000
MAX_COLOUR_PIXELS = 24_000_000
"""Pixels of pictures that take four bytes a pixel or more."""

MAX_TEXT_BYTES = 1_000_000
_NOMINAL_MAXIMA = (255, 1023, 4095, 16383, 65535)
_SIDEWAYS = frozenset({5, 6, 7, 8})
_ROWS_AT_ONCE = 256


def read_image(
    path: Path, nominal: int | Callable[[], int | None] | None = None, dicom: DicomReading | None = None
) -> NDArray[np.uint8]:
    """Read an image file as grey.

    Colour becomes luma, transparency is ignored, the EXIF orientation is applied. Images of more than 8 bits are scaled
    from the smallest of 8, 10, 12, 14 and 16 bits that holds their brightest pixel; DICOM with a window says itself how
    it is shown.

    Args:
        path: PNG, JPEG, BMP, TIFF, WEBP or DICOM file with one frame and at most `MAX_PIXELS` pixels.
        nominal: What counts as white in a picture of more than 8 bits, or what gives it; see `shared_nominal`.
        dicom: Which frame of a DICOM file, and what is refused; the only one by default, and no colour Doppler.

    Returns:
        Grey values, `(H, W) uint8`.

    Raises:
        FetalFlexError: If there is no such file, or it is no such image, or it is damaged.
    """
    with open_image(Path(path), str(path), dicom) as image:
        return _grey(image, str(path), nominal=nominal)


def decode_image(data: bytes, name: str, as_stored: bool = False, nominal: int | None = None) -> NDArray[np.uint8]:
    """Read an encoded image from memory, as `read_image` does from a file.

    Args:
        data: Content of an image file.
        name: What to call it in messages.
        as_stored: Do not apply the EXIF orientation.
        nominal: As for `read_image`.

    Returns:
        Grey values, `(H, W) uint8`.

    Raises:
        FetalFlexError: As `read_image`.
    """
    with open_image(io.BytesIO(data), name) as image:
        return _grey(image, name, as_stored, nominal)


def read_mask(path: Path, colour: bool, as_stored: bool = False) -> NDArray[np.uint16]:
    """Read a mask file with its values as they are.

    Args:
        path: Image file, as for `read_image`.
        colour: Return colours, with transparent pixels black; else index values, of a palette too.
        as_stored: Do not apply the EXIF orientation.

    Returns:
        `(H, W, 3)` colours from 0 to 255, or `(H, W)` values from 0 to 65535.

    Raises:
        FetalFlexError: As `read_image`, or if index values are asked of a file with colours.
    """
    with open_image(path, str(path)) as image:
        if image.width * image.height > MAX_MASK_PIXELS:
            raise FetalFlexError(
                f"{path} has {image.width} x {image.height} pixels; masks of at most {MAX_MASK_PIXELS:,} are read"
            )
        upright = image if as_stored else ImageOps.exif_transpose(image)
        if colour:
            rgba = np.asarray(upright.convert("RGBA"))
            colours = rgba[..., :3].astype(np.uint16)
            colours[rgba[..., 3] == 0] = 0
            return colours
        values = np.asarray(upright)
        if upright.mode in ("LA", "RGBA"):  # what is transparent is no part of the mask
            values = np.where(values[..., -1:] == 0, 0, values)[..., :-1]
        if values.ndim == 3 and all((values[..., 0] == values[..., part]).all() for part in range(1, values.shape[2])):
            values = values[..., 0]
        if values.ndim != 2 or values.dtype.kind not in "bui" or values.min() < 0 or values.max() > _NOMINAL_MAXIMA[-1]:
            raise FetalFlexError(f"{path} holds no index values from 0 to 65535; give the colours of its labels")
        return values.astype(np.uint16)


@dataclass(frozen=True)
class ImageHeader:
    """Width and height of a picture as stored and as shown, and whether EXIF turns or mirrors it.

    `dicom` is what else the header of a DICOM file says; None for other formats.
    """

    stored: tuple[int, int]
    upright: tuple[int, int]
    is_turned: bool
    dicom: DicomFacts | None = None


def image_header(path: Path) -> ImageHeader:
    """Return what the header of an image file says of its size, without decoding it.

    Raises:
        FetalFlexError: If there is no such file, or its header is not that of a readable image.
    """
    _check_there(path, str(path))
    if is_dicom(path):
        facts = dicom_facts(path, str(path))
        size = (facts.width, facts.height)
        return ImageHeader(size, size, False, facts)
    with open_image(path, str(path)) as image:
        width, height = image.size
        orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
        upright = (height, width) if orientation in _SIDEWAYS else (width, height)
        return ImageHeader((width, height), upright, orientation in range(2, 9))


def image_size(path: Path) -> tuple[int, int]:
    """Return width and height in pixels as `read_image` would give them, from the file's header alone.

    Raises:
        FetalFlexError: If there is no such file, or its header is not that of a readable image.
    """
    return image_header(path).upright


def is_image_file(path: Path) -> bool:
    """Tell by its name whether a file is an image that `read_image` may read."""
    return path.suffix.lower() in IMAGE_SUFFIXES


def write_png(path: Path, pixels: NDArray[np.uint8], text: Mapping[str, str], force: bool = False) -> None:
    """Write a PNG file with text fields, wholly or not at all.

    Args:
        path: File to write; must end in ".png". Its folder is made if missing.
        pixels: `(H, W)` grey or `(H, W, 3)` colour, uint8.
        text: Keyword (1 to 79 Latin-1 characters) to text of any script; at most `MAX_TEXT_BYTES` together.
        force: Replace a file that is already there.

    Raises:
        FetalFlexError: If the name, pixels or text do not fit, or the file exists and `force` is false.
    """
    check_png_place(path, force)
    is_shaped = pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[2] == 3)
    if pixels.dtype != np.uint8 or not is_shaped or pixels.size == 0:
        raise FetalFlexError(
            f"{path}: pixels are {pixels.dtype} of shape {pixels.shape}; give uint8 of shape (H, W) or (H, W, 3)"
        )
    fields = _png_fields(path, text)
    with replacing(path) as file:
        Image.fromarray(pixels).save(file, format="PNG", pnginfo=fields, optimize=False)


def check_png_place(path: Path, force: bool) -> None:
    """Raise a FetalFlexError if a path does not end in ".png", or is there and `force` is false."""
    if path.suffix.lower() != ".png":
        raise FetalFlexError(f"{path} does not end in .png")
    if path.exists() and not force:
        raise FetalFlexError(f"{path} is already there; choose another name or allow replacing it (force)")


def write_jpeg(path: Path, pixels: NDArray[np.uint8], comment: str, quality: int = 85, force: bool = False) -> None:
    """Write a JPEG file with a comment, wholly or not at all: for pictures for eyes, as it is lossy.

    Args:
        path: File to write; must end in ".jpg". Its folder is made if missing.
        pixels: `(H, W)` grey or `(H, W, 3)` colour, uint8.
        comment: ASCII text that goes into the file.
        quality: 1 to 95.
        force: Replace a file that is already there.

    Raises:
        FetalFlexError: If the name does not fit, or the file exists and `force` is false.
    """
    if path.suffix.lower() != ".jpg":
        raise FetalFlexError(f"{path} does not end in .jpg")
    if path.exists() and not force:
        raise FetalFlexError(f"{path} is already there; choose another name or allow replacing it (force)")
    with replacing(path) as file:
        Image.fromarray(pixels).save(
            file, format="JPEG", quality=quality, optimize=True, comment=comment.encode("ascii", "replace")
        )


def encode_png(pixels: NDArray[np.uint8], text: Mapping[str, str] | None = None) -> bytes:
    """Return the content of a PNG file; the same pixels and text give the same bytes.

    Args:
        pixels: `(H, W)` grey, uint8, not empty.
        text: Text fields, see `write_png`; none by default.
    """
    buffer = io.BytesIO()
    fields = _png_fields(Path("image"), text) if text else None
    Image.fromarray(pixels).save(buffer, format="PNG", pnginfo=fields, optimize=False)
    return buffer.getvalue()


def is_whole_png(path: Path) -> bool:
    """Say whether a file is there and is a PNG that reads and is complete; decoders do not miss its last bytes."""
    try:
        read_image(path)
        with path.open("rb") as file:
            file.seek(-len(_PNG_END), os.SEEK_END)
            return file.read() == _PNG_END
    except (FetalFlexError, OSError):
        return False


def read_png_text(path: Path) -> dict[str, str]:
    """Return the text fields of a PNG file.

    Raises:
        FetalFlexError: If there is no such file or it is no readable PNG.
    """
    with open_image(path, str(path)) as image:
        if not isinstance(image, PngImagePlugin.PngImageFile):
            raise FetalFlexError(f"{path} is a {image.format} file; only PNG files hold text fields")
        return {str(key): str(value) for key, value in image.text.items()}


@contextmanager
def open_image(file: Path | BinaryIO, name: str, dicom: DicomReading | None = None) -> Iterator[Image.Image]:
    """Open an image with its size checked; tell everything that goes wrong inside as a `FetalFlexError`.

    Args:
        file: Path, or an open file.
        name: What to call it in messages.
        dicom: How a DICOM file is read.
    """
    if isinstance(file, Path):
        _check_there(file, name)
    try:
        if is_dicom(file, name):
            yield dicom_picture(file, name, dicom or DicomReading(), MAX_PIXELS, MAX_COLOUR_PIXELS)
            return
        with quiet_decoders(), Image.open(file, formats=FORMATS) as image:
            _check_extent(image, name)
            with quiet_decoders(image.format == "TIFF"):
                yield image
    except FetalFlexError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise FetalFlexError(f"{name} has more than the {MAX_PIXELS:,} pixels that are allowed") from error
    except Image.UnidentifiedImageError as error:
        raise FetalFlexError(f"{name} is no readable image; give one of {READABLE}") from error
    except Exception as error:  # decoders fail in many ways on damaged files
        raise FetalFlexError(f"{name} cannot be read: {error or type(error).__name__}") from error


def _check_there(path: Path, name: str) -> None:
    if not path.is_file():
        raise FetalFlexError(f"there is no image file {name}")
    if path.stat().st_size == 0:
        raise FetalFlexError(f"{name} is an empty file")


def _check_extent(image: Image.Image, name: str) -> None:
    width, height = image.size
    most = MAX_PIXELS if image.mode in ("1", "L", "P") else MAX_COLOUR_PIXELS
    if width * height > most:
        kind = "" if most == MAX_PIXELS else " in more than one byte each"
        raise FetalFlexError(f"{name} has {width} x {height} pixels{kind}; at most {most:,} are allowed")
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        # Counting the frames takes time in proportion to the square of their number.
        following = image.tag_v2.next
        if following and following != image.tag_v2.offset:
            raise FetalFlexError(f"{name} holds several frames; save the wanted one as a single image")
        return
    frames = getattr(image, "n_frames", 1)
    if frames > 1 and image.format != "MPO":
        raise FetalFlexError(f"{name} holds {frames} frames; save the wanted one as a single image")


def _grey(
    image: Image.Image, name: str, as_stored: bool = False, nominal: int | Callable[[], int | None] | None = None
) -> NDArray[np.uint8]:
    upright = image
    if not as_stored:
        ImageOps.exif_transpose(upright, in_place=True)
    if upright.mode.startswith("I"):
        return _from_deep(np.asarray(upright), name, nominal() if callable(nominal) else nominal)
    if upright.mode == "F":
        raise FetalFlexError(f"{name} holds floating-point values; save it with 8 or 16 bits per pixel")
    if upright.mode in ("1", "L"):
        return np.array(upright.convert("L"))
    if upright.mode == "LA":
        return np.array(upright.getchannel("L"))
    # A palette with transparency and premultiplied colours take the way over RGBA, so that only alpha is lost.
    colour = upright.convert("RGBA") if upright.mode in ("P", "PA", "La", "RGBa") else upright
    return np.array(colour.convert("RGB").convert("L"))


def nominal_maximum(values: NDArray[np.generic], name: str) -> int:
    """Return the largest value of the smallest of 8, 10, 12, 14 and 16 bits that holds all of `(H, W)` integers.

    Raises:
        FetalFlexError: If some are below 0 or above 65535.
    """
    brightest = int(values.max())
    if int(values.min()) < 0 or brightest > _NOMINAL_MAXIMA[-1]:
        raise FetalFlexError(f"{name} holds values outside 0 to 65535; save it with 8 or 16 bits per pixel")
    return next(maximum for maximum in _NOMINAL_MAXIMA if brightest <= maximum)


def _from_deep(values: NDArray[np.generic], name: str, nominal: int | None) -> NDArray[np.uint8]:
    """Scale `(H, W)` integers of up to 16 bits to 8 bits."""
    nominal = max(nominal_maximum(values, name), nominal or 0)
    grey = np.empty(values.shape, np.uint8)
    for first in range(0, len(values), _ROWS_AT_ONCE):
        rows = slice(first, first + _ROWS_AT_ONCE)
        grey[rows] = np.round(values[rows].astype(np.int64) * (255.0 / nominal))
    return grey


def _png_fields(path: Path, text: Mapping[str, str]) -> PngImagePlugin.PngInfo:
    fields = PngImagePlugin.PngInfo()
    total = 0
    for keyword, value in text.items():
        try:
            is_keyword = 1 <= len(keyword.encode("latin-1")) <= 79 and keyword.isprintable()
        except UnicodeEncodeError:
            is_keyword = False
        if not is_keyword:
            raise FetalFlexError(f"{path}: text field name {keyword!r} must have 1 to 79 printable Latin-1 characters")
        if "\0" in value:
            raise FetalFlexError(f"{path}: text field {keyword!r} holds a zero character")
        total += len(value.encode("utf-8"))
        fields.add_text(keyword, value)
    if total > MAX_TEXT_BYTES:
        raise FetalFlexError(f"{path}: text fields have {total:,} bytes; at most {MAX_TEXT_BYTES:,} are allowed")
    return fields

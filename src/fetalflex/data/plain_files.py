"""Tell image files that can go into a data set as they are."""

from __future__ import annotations

import io

from PIL import Image, JpegImagePlugin

_PNG_START = b"\x89PNG\r\n\x1a\n"
_PNG_EIGHT_BIT_GREY = b"\x08\x00"
_PNG_HARMLESS = frozenset({b"IHDR", b"IDAT", b"IEND", b"pHYs", b"gAMA", b"cHRM", b"sRGB", b"sBIT", b"bKGD"})
_JPEG_START, _JPEG_END = b"\xff\xd8\xff", b"\xff\xd9"
_JPEG_HARMLESS = frozenset({"jfif", "jfif_version", "jfif_unit", "jfif_density", "dpi"})
_JFIF_WITHOUT_THUMBNAIL = 14


def plain_suffix(data: bytes) -> str | None:
    """Return the ending of an image file if it is an 8-bit grey PNG or JPEG that carries nothing beside its pixels.

    Text, times, EXIF and other metadata may tell the patient, hence a file with any is not plain; nor is one with
    transparency, a thumbnail, or bytes after its end.

    Args:
        data: Content of a file that is a readable image.

    Returns:
        ".png", ".jpg", or None.
    """
    if data.startswith(_PNG_START):
        return ".png" if _is_plain_png(data) else None
    if data.startswith(_JPEG_START):
        return ".jpg" if _is_plain_jpeg(data) else None
    return None


def _is_plain_png(data: bytes) -> bool:
    kinds = set()
    position = len(_PNG_START)
    while position < len(data):
        length, kind = int.from_bytes(data[position : position + 4], "big"), data[position + 4 : position + 8]
        kinds.add(kind)
        position += 12 + length
        if kind == b"IEND":
            break
    return position == len(data) and kinds <= _PNG_HARMLESS and data[24:26] == _PNG_EIGHT_BIT_GREY


def _is_plain_jpeg(data: bytes) -> bool:
    with Image.open(io.BytesIO(data), formats=["JPEG"]) as image:
        if not isinstance(image, JpegImagePlugin.JpegImageFile) or image.mode != "L":
            return False
        segments_are_plain = all(
            name == "APP0" and content.startswith(b"JFIF") and len(content) == _JFIF_WITHOUT_THUMBNAIL
            for name, content in image.applist
        )
        return segments_are_plain and image.info.keys() <= _JPEG_HARMLESS and data.endswith(_JPEG_END)

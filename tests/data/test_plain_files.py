from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from fetalflex.data.plain_files import plain_suffix

GREY = Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8))


def encoded(image: Image.Image = GREY, format: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format=format, **options)
    return buffer.getvalue()


def png_with_chunk(kind: bytes, content: bytes) -> bytes:
    """Return a PNG with one more chunk before its end."""
    data = encoded()
    chunk = struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
    return data[:-12] + chunk + data[-12:]


def exif() -> Image.Exif:
    exif = Image.Exif()
    exif[0x010E] = "patient name"
    return exif


def text() -> PngImagePlugin.PngInfo:
    text = PngImagePlugin.PngInfo()
    text.add_text("Patient", "name")
    return text


@pytest.mark.parametrize(
    ("data", "suffix"),
    [(encoded(), ".png"), (encoded(dpi=(72, 72)), ".png"), (encoded(format="JPEG"), ".jpg")],
    ids=["png", "png with resolution", "jpeg"],
)
def test_grey_files_without_metadata_are_plain(data, suffix):
    assert plain_suffix(data) == suffix


@pytest.mark.parametrize(
    "data",
    [
        encoded(GREY.convert("RGB")),
        encoded(GREY.convert("P")),
        encoded(GREY.convert("LA")),
        encoded(GREY.convert("1")),
        encoded(GREY.convert("I;16")),
        encoded(bits=4),
        encoded(transparency=3),
        encoded(pnginfo=text()),
        encoded(exif=exif()),
        png_with_chunk(b"tIME", b"\x07\xe2\x08\x03\x0c\t\x15"),
        png_with_chunk(b"paTi", b"name"),
        encoded() + b"name",
        encoded(GREY.convert("RGB"), "JPEG"),
        encoded(format="JPEG", comment=b"name"),
        encoded(format="JPEG", exif=exif()),
        encoded(format="JPEG") + b"name",
        encoded(format="BMP"),
        encoded(format="TIFF"),
    ],
    ids=range(18),
)
def test_others_are_not(data):
    assert plain_suffix(data) is None

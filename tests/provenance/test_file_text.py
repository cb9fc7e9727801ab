from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import ExifTags, Image, PngImagePlugin

from fetalflex.data.image_files import encode_png, write_jpeg
from fetalflex.provenance import NOTICE, SyntheticMark, mark_in_bytes, mark_in_file

PIXELS = np.arange(48 * 64, dtype=np.uint8).reshape(48, 64)
MARK = SyntheticMark({"seed": 3, "model": "mini-1"})


def encoded(kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(PIXELS).save(buffer, kind, **options)
    return buffer.getvalue()


def exif(tag: int, value: object) -> Image.Exif:
    made = Image.Exif()
    if tag == ExifTags.Base.UserComment:
        made.get_ifd(ExifTags.IFD.Exif)[tag] = value
    else:
        made[tag] = value
    return made


def test_png_text_is_read():
    assert mark_in_bytes(encode_png(PIXELS, MARK.png_text())) == MARK


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("add", ["add_text", "add_itxt"])
def test_every_kind_of_png_text_is_read(add, compressed):
    fields = PngImagePlugin.PngInfo()
    for key, value in MARK.png_text().items():
        getattr(fields, add)(key, value, zip=compressed)
    assert mark_in_bytes(encoded("PNG", pnginfo=fields)) == MARK


def test_png_text_after_the_pixels_is_read():
    data = encode_png(PIXELS, MARK.png_text())
    plain = encode_png(PIXELS)
    begin, end = data.index(b"tEXt") - 4, data.index(b"IDAT") - 4
    text = data[begin:end]
    assert mark_in_bytes(plain[:-12] + text + plain[-12:]) == MARK


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("JPEG", {"comment": NOTICE}),
        ("JPEG", {"exif": exif(ExifTags.Base.ImageDescription, NOTICE)}),
        ("JPEG", {"exif": exif(ExifTags.Base.UserComment, b"ASCII\0\0\0" + NOTICE.encode())}),
        ("JPEG", {"exif": exif(ExifTags.Base.UserComment, b"UNICODE\0" + NOTICE.encode("utf-16-be"))}),
        ("WEBP", {"exif": exif(ExifTags.Base.ImageDescription, NOTICE), "lossless": True}),
        ("WEBP", {"xmp": b"<x>digitalsourcetype/trainedAlgorithmicMedia</x>"}),
        ("TIFF", {"description": NOTICE}),
        ("PNG", {"exif": None}),
    ],
)
def test_other_formats(kind, options):
    options = {key: value for key, value in options.items() if value is not None}
    assert (mark_in_bytes(encoded(kind, **options)) is not None) == (kind != "PNG")
    assert mark_in_bytes(encoded(kind)) is None


def test_the_comment_of_our_own_jpeg_is_read(tmp_path: Path):
    write_jpeg(tmp_path / "a.jpg", PIXELS, f"{NOTICE}; a sheet")
    assert mark_in_file(tmp_path / "a.jpg") is not None


def test_what_cannot_be_read_says_nothing(tmp_path: Path):
    assert mark_in_file(tmp_path / "missing.png") is None
    assert mark_in_file(tmp_path) is None
    assert mark_in_bytes(b"") is None


@given(st.binary(max_size=300), st.integers(0, 400))
def test_damaged_files_say_nothing_or_the_truth(noise, at):
    data = encode_png(PIXELS, MARK.png_text())
    mark_in_bytes(data[:at] + noise + data[at + len(noise) :])
    mark_in_bytes(noise)
    assert mark_in_bytes(data[:-50]) == MARK


def test_a_text_that_unfolds_without_end_is_cut():
    fields = PngImagePlugin.PngInfo()
    fields.add_text("Description", NOTICE + " " * 50_000_000, zip=True)
    assert mark_in_bytes(encoded("PNG", pnginfo=fields)) is not None


def test_pictures_of_the_documents_say_what_they_show():
    pictures = [
        path for path in (Path(__file__).parents[2] / "docs").rglob("*") if path.suffix in (".png", ".jpg", ".gif")
    ]
    assert len(pictures) > 4
    assert [path.name for path in pictures if mark_in_file(path) is None] == []

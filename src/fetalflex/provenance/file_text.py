"""The text that an image file carries beside its pixels, read without decoding them."""

from __future__ import annotations

import io
import warnings
import zlib
from pathlib import Path
from typing import BinaryIO

from PIL import ExifTags, Image

from fetalflex.dicom import dicom_facts, is_dicom
from fetalflex.provenance.mark import SyntheticMark, mark_of_text

_PNG_START = b"\x89PNG\r\n\x1a\n"
_TEXT_CHUNKS = frozenset({b"tEXt", b"zTXt", b"iTXt"})
_MOST_BYTES = 1_000_000
_MOST_CHUNKS = 100_000
_OTHER_FORMATS = ("JPEG", "TIFF", "WEBP")
_EXIF_TEXTS = {
    "ImageDescription": ExifTags.Base.ImageDescription,
    "Software": ExifTags.Base.Software,
    "UserComment": ExifTags.Base.UserComment,
}
_USER_COMMENT_CODES = (b"ASCII\0\0\0", b"UNICODE\0", b"\0" * 8)


def mark_in_file(path: Path) -> SyntheticMark | None:
    """Return the mark in the metadata of an image file; None if there is none, or the file cannot be read."""
    try:
        if is_dicom(path):
            return _dicom_mark(path)
        with path.open("rb") as file:
            return mark_of_text(_text_in(file))
    except (OSError, ValueError):
        return None


def mark_in_bytes(data: bytes) -> SyntheticMark | None:
    """Return the mark in the metadata of an encoded image; None if there is none."""
    file = io.BytesIO(data)
    try:
        return _dicom_mark(file) if is_dicom(file) else mark_of_text(_text_in(file))
    except ValueError:  # a FetalFlexError, told where the pixels are read
        return None


def _dicom_mark(file: Path | BinaryIO) -> SyntheticMark | None:
    """Return the mark of a DICOM file whose header says that its content is artificial (0008,001C)."""
    return SyntheticMark() if dicom_facts(file, "image").is_synthetic else None


def _text_in(file: BinaryIO) -> dict[str, str]:
    if file.read(len(_PNG_START)) == _PNG_START:
        return _png_text(file)
    file.seek(0)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _other_text(file)
    except Exception:  # decoders fail in many ways on damaged files; whoever decodes the pixels tells
        return {}


def _png_text(file: BinaryIO) -> dict[str, str]:
    """Return the text chunks of a PNG file from after its signature on, by keyword; what is damaged is passed over."""
    found: dict[str, str] = {}
    left = _MOST_BYTES
    for _ in range(_MOST_CHUNKS):
        head = file.read(8)
        length, kind = int.from_bytes(head[:4], "big"), head[4:]
        if len(head) < 8 or kind == b"IEND":
            break
        if kind not in _TEXT_CHUNKS or length > left:
            file.seek(length + 4, io.SEEK_CUR)
            continue
        content = file.read(length)
        file.seek(4, io.SEEK_CUR)
        left -= length
        keyword, text = _chunk_text(kind, content)
        found.setdefault(keyword, text)
    return found


def _chunk_text(kind: bytes, content: bytes) -> tuple[str, str]:
    keyword, _, rest = content.partition(b"\0")
    name = keyword.decode("latin-1")
    if kind == b"tEXt":
        return name, rest.decode("latin-1")
    if kind == b"zTXt":
        return name, _inflated(rest[1:]).decode("latin-1")
    is_packed, (_, _, text) = rest[:1] == b"\1", _divided(rest[2:])
    return name, (_inflated(text) if is_packed else text).decode("utf-8", "replace")


def _divided(rest: bytes) -> tuple[bytes, bytes, bytes]:
    """Return language, translated keyword and text of an international text chunk."""
    language, _, rest = rest.partition(b"\0")
    translated, _, text = rest.partition(b"\0")
    return language, translated, text


def _inflated(data: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(data, _MOST_BYTES)
    except zlib.error:
        return b""


def _other_text(file: BinaryIO) -> dict[str, str]:
    """Return comment, EXIF texts and XMP of a JPEG, TIFF or WEBP file."""
    with Image.open(file, formats=_OTHER_FORMATS) as image:
        found: dict[str, str] = {}
        for name in ("comment", "xmp"):
            if (value := image.info.get(name)) is not None:
                found[name] = _text(value)
        if image.format == "JPEG":
            for marker, content in getattr(image, "applist", ()):
                if marker == "COM":
                    found["comment"] = f"{found.get('comment', '')}\n{_text(content)}"
        exif = image.getexif()
        tags = dict(exif) | exif.get_ifd(ExifTags.IFD.Exif)
        for name, tag in _EXIF_TEXTS.items():
            if tag in tags:
                found[name] = _text(tags[tag])
        if "xmp" not in found and 700 in tags:
            found["xmp"] = _text(tags[700])
        return found


def _text(value: object) -> str:
    if isinstance(value, bytes):
        for code in _USER_COMMENT_CODES:
            if value.startswith(code):
                value = value[len(code) :]
                return value.decode("utf-16-be" if code == _USER_COMMENT_CODES[1] else "utf-8", "replace")[:_MOST_BYTES]
        return value[:_MOST_BYTES].decode("utf-8", "replace")
    return str(value)[:_MOST_BYTES]

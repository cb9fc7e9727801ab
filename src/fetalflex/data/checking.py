"""Check imported images one by one before any goes into a data set."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from fetalflex.anatomy.registry import Registry
from fetalflex.data.image_files import decode_image
from fetalflex.data.importers.base import ImportedItem
from fetalflex.data.plain_files import plain_suffix
from fetalflex.errors import FetalFlexError

_MAX_FILE_BYTES = 512 * 2**20


@dataclass(frozen=True)
class CheckedItem:
    """Hold an imported image whose file is sound and whose layout fits it.

    Args:
        item: The image and its layout.
        file_hash: SHA-256 of the file's content.
        plain_suffix: ".png" or ".jpg" if the file can be copied as it is, None if its pixels must be written anew.
    """

    item: ImportedItem
    file_hash: bytes
    plain_suffix: str | None


class Checker:
    """Check images and remember them, so that a picture that comes twice is noticed.

    Args:
        root: Folder of the source, for messages.
        registry: Planes and structures that layouts may name.
    """

    def __init__(self, root: Path, registry: Registry) -> None:
        self._root = root
        self._registry = registry
        self._first_with: dict[bytes, str] = {}

    def check(self, item: ImportedItem) -> CheckedItem:
        """Return the item as checked: its file is decoded wholly, its layout held against registry and size.

        Raises:
            FetalFlexError: If the image is damaged, not of the layout's size, or the same picture as an earlier one,
                pixel for pixel; or if the layout does not fit the registry.
        """
        name = self.name(item.image_path)
        item.layout.validate(self._registry)
        data = read_image_bytes(item.image_path, name)
        pixels = decode_image(data, name)
        expected = (item.layout.height, item.layout.width)
        if pixels.shape != expected:
            raise FetalFlexError(
                f"the image has {pixels.shape[1]} x {pixels.shape[0]} pixels, but its layout is for "
                f"{expected[1]} x {expected[0]}"
            )
        picture = hashlib.sha256(f"{pixels.shape} ".encode() + pixels.tobytes()).digest()
        first = self._first_with.setdefault(picture, name)
        if first != name:
            raise FetalFlexError(f"the image is the same picture as {first}, pixel for pixel")
        return CheckedItem(item, hashlib.sha256(data).digest(), plain_suffix(data))

    def name(self, path: Path) -> str:
        """Return a path relative to the source, with slashes."""
        return path.relative_to(self._root).as_posix() if path.is_relative_to(self._root) else path.name


def read_image_bytes(path: Path, name: str) -> bytes:
    """Return the content of an image file of at most 512 MiB.

    Raises:
        FetalFlexError: If it is missing, unreadable or larger.
    """
    try:
        if path.stat().st_size > _MAX_FILE_BYTES:
            raise FetalFlexError(f"{name} has more than {_MAX_FILE_BYTES:,} bytes")
        return path.read_bytes()
    except OSError as error:
        raise FetalFlexError(f"{name} cannot be read: {error.strerror or error}") from error

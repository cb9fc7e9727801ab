"""Names of image files in a data set folder: portable, and each given once."""

from __future__ import annotations

import re
import unicodedata

IMAGE_FOLDER = "images"
_LONGEST_STEM = 100
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


class FileNames:
    """Give out names below `images/` that every file system takes and that differ by more than upper and lower case."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def give(self, stem: str, suffix: str) -> str:
        """Return a relative path that was not given before.

        Args:
            stem: Wanted name without ending; see `portable_stem` for what becomes of it.
            suffix: Ending with the dot.
        """
        wanted = portable_stem(stem)
        name, number = wanted, 1
        while name.casefold() in self._taken:
            number += 1
            name = f"{wanted}_{number}"
        self._taken.add(name.casefold())
        return f"{IMAGE_FOLDER}/{name}{suffix}"


def portable_stem(stem: str) -> str:
    """Return a file's name without ending, in letters, digits, dots, hyphens and underscores of ASCII.

    Accents are dropped, other characters become underscores; the name neither begins nor ends with a dot, begins with
    no hyphen, is none that Windows reserves, and has at most 100 characters.
    """
    plain = unicodedata.normalize("NFKD", stem).encode("ascii", "ignore").decode()
    plain = re.sub(r"[^A-Za-z0-9._-]+", "_", plain)[:_LONGEST_STEM].strip(".").lstrip("-")
    if not re.search(r"[A-Za-z0-9]", plain):
        return "image"
    return f"image_{plain}" if _RESERVED.fullmatch(plain) else plain

"""Write a file wholly or not at all."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Open a file for writing that takes the place of `path` only once it is complete and on disk.

    The folder is made if it is missing. If the block raises, `path` stays as it was and nothing is left behind.

    Args:
        path: File to write.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.parent / f".{uuid.uuid4().hex}.partial"
    try:
        with partial.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)

"""Keep what decoders of images print about damaged files off the terminal; what matters is told by errors."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import warnings
from collections.abc import Iterator

from PIL import Image

logging.getLogger("PIL").addHandler(logging.NullHandler())  # else Python prints its errors


@contextlib.contextmanager
def quiet_decoders(libraries: bool = False) -> Iterator[None]:
    """Silence Pillow's warnings inside the block, but for those on bombs, which are errors.

    Args:
        libraries: Silence also what libraries in C, such as libtiff, write to the process's standard error.
    """
    with warnings.catch_warnings(), _nothing_on_stderr() if libraries else contextlib.nullcontext():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield


@contextlib.contextmanager
def _nothing_on_stderr() -> Iterator[None]:
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.flush()
    try:
        kept = os.dup(2)
    except OSError:  # there is no standard error
        yield
        return
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 2)
        os.close(nowhere)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)

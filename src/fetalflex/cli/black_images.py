"""Say of images that show nothing that they do."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import typer


def tell_of_black(made: int, black: Sequence[Path]) -> None:
    """Warn on stderr of images that are black wherever they are synthetic; nothing if there is none.

    Args:
        made: How many images were made.
        black: Files of those that are black.
    """
    if not black:
        return
    count = f"all {made}" if len(black) == made else f"{len(black)} of {made}"
    subject = f"{black[0]} is" if made == 1 else f"{count} images, such as {black[0]}, are"
    typer.echo(
        f"warning: {subject} black throughout the region to synthesise: the model has drawn nothing there; "
        "try a region inside the body, other sampling settings, or another model",
        err=True,
    )

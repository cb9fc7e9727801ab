"""Keep the folder of a command's results for this process, until the command has ended."""

from __future__ import annotations

from pathlib import Path


def keep_for_this_command(folder: Path) -> None:
    """Lock a folder until the running command ends; see `fetalflex.files.locked`.

    Raises:
        FetalFlexError: If another process is writing there.
    """
    from fetalflex.files import locked

    try:
        from typer.main import get_current_context  # newer versions have contexts of their own
    except ImportError:
        from click import get_current_context  # type: ignore[no-redef]
    get_current_context().with_resource(locked(folder))

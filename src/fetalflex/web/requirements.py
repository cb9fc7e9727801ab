"""Say what to install where the libraries of the server are missing."""

from __future__ import annotations

from importlib.util import find_spec

from fetalflex.errors import FetalFlexError

_NEEDED = ("starlette", "uvicorn")


def check_installed(command: str) -> None:
    """Raise a FetalFlexError that says how to install what `command` needs, if it is not there."""
    missing = [name for name in _NEEDED if find_spec(name) is None]
    if missing:
        raise FetalFlexError(
            f"{command} needs {' and '.join(missing)}, which are not installed; run: pip install 'fetalflex[studio]'"
        )

"""The files of a page: known by name since the start, so that no request can name another."""

from __future__ import annotations

from importlib.resources import files
from importlib.resources.abc import Traversable

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from fetalflex.web.bodies import refused

_TYPES = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "png": "image/png",
    "txt": "text/plain; charset=utf-8",
}


class StaticPages:
    """Serve all files of a folder in a package, read once; `/` is its `index.html`.

    Args:
        package: The package, such as `fetalflex.studio`.
        folder: A folder in it.
    """

    def __init__(self, package: str, folder: str) -> None:
        self._files = dict(_read(files(package) / folder, ""))
        self._files["/"] = self._files["/index.html"]

    @property
    def paths(self) -> frozenset[str]:
        """The paths that are answered."""
        return frozenset(self._files)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request; mount it at `/`, after all other routes."""
        found = self._files.get(scope["path"])
        if found is None:
            answer: Response = refused(404, "there is no such page")
        elif scope["method"] not in ("GET", "HEAD"):
            answer = refused(405, "pages can only be read")
        else:
            content, kind = found
            answer = Response(content, media_type=kind)
        await answer(scope, receive, send)


def _read(folder: Traversable, prefix: str) -> list[tuple[str, tuple[bytes, str]]]:
    found: list[tuple[str, tuple[bytes, str]]] = []
    for entry in folder.iterdir():
        path = f"{prefix}/{entry.name}"
        if entry.is_dir():
            found += _read(entry, path)
        elif (kind := _TYPES.get(entry.name.rpartition(".")[2])) is not None:
            found.append((path, (entry.read_bytes(), kind)))
    return found

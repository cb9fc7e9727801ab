"""Write several files so that all of them appear, or none."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from fetalflex.files.leftovers import kept_alive, partial_name, remove
from fetalflex.files.writing import flush, naming_failures


class FilesTogether:
    """Collect files that belong together; they take their names when the block of `writing_together` has ended."""

    def __init__(self) -> None:
        self._files: dict[Path, bytes] = {}

    def add(self, path: Path | str, content: bytes | str) -> None:
        """Add a file; text becomes UTF-8."""
        self._files[Path(path)] = content.encode() if isinstance(content, str) else content

    def _write(self) -> None:
        written: dict[Path, Path] = {}
        new = [path for path in self._files if not path.exists()]
        named: list[Path] = []
        with ExitStack() as alive:
            try:
                for path, content in self._files.items():
                    with naming_failures(path):
                        path.parent.mkdir(parents=True, exist_ok=True)
                        written[path] = path.parent / partial_name()
                        with written[path].open("xb") as file:
                            alive.enter_context(kept_alive(written[path]))
                            file.write(content)
                        flush(written[path])
                for path, partial in written.items():
                    with naming_failures(path):
                        partial.replace(path)
                    named.append(path)
            except BaseException:
                for path in set(named) & set(new):
                    remove(path)
                raise
            finally:
                for partial in written.values():
                    remove(partial)
        for folder in {path.parent for path in self._files}:
            flush(folder)


@contextmanager
def writing_together() -> Iterator[FilesTogether]:
    """Hand out what takes files that are written together once the block has ended well.

    All of them are complete and on disk before the first takes its name, so a full disk leaves none of them.

    Raises:
        FetalFlexError: If one cannot be written; the message names it.

    Example:
        >>> with writing_together() as files:                                       # doctest: +SKIP
        ...     files.add("a.layout.json", layout.to_json())
        ...     files.add("a.recipe.json", recipe.to_json())
    """
    files = FilesTogether()
    yield files
    files._write()

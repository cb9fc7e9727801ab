"""Fills the page on architecture with the rooms as the tree has them: what each holds, and what it imports."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import Files
from mkdocs.structure.pages import Page

SOURCES = Path(__file__).parents[2] / "src" / "fetalflex"
_MARK = "<!-- rooms -->"


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Put the table of rooms in the place of its mark."""
    return markdown.replace(_MARK, rooms_table()) if _MARK in markdown else markdown


def rooms_table() -> str:
    """Return the rooms, each below all that it imports."""
    modules = {path: _parsed(path) for path in SOURCES.rglob("*.py") if path.name != "__main__.py"}
    texts = {room: _first_sentence(tree) for path, tree in modules.items() if (room := _own_room(path))}
    imports: dict[str, set[str]] = {room: set() for room in texts}
    for path, tree in modules.items():
        if (room := _room(path)) in texts:
            imports[room] |= {other for other in _imported(tree) if other in texts and other != room}
    rows = ["| room | what it holds | imports |", "|---|---|---|"]
    for room in order(imports):
        others = [f"`{other}`" for other in order(imports) if other in imports[room]]
        rows.append(f"| `{room}` | {texts[room]} | {', '.join(others) or '-'} |")
    return "\n".join(rows)


def order(imports: dict[str, set[str]]) -> list[str]:
    """Return rooms so that each comes after what it imports; those that import each other come by name."""
    left, found = dict(sorted(imports.items())), []
    while left:
        free = [room for room, others in left.items() if not others & left.keys()] or [next(iter(left))]
        found += free
        left = {room: others for room, others in left.items() if room not in free}
    return found


def _parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _room(path: Path) -> str:
    """Return the first part of a module's path: a package, or a module of its own."""
    return path.relative_to(SOURCES).parts[0].removesuffix(".py")


def _own_room(path: Path) -> str:
    """Return the room that a file introduces; an empty text for all other files."""
    parts = path.relative_to(SOURCES).parts
    if len(parts) == 1:
        return "" if parts[0] == "__init__.py" else _room(path)
    return parts[0] if parts[1:] == ("__init__.py",) else ""


def _first_sentence(tree: ast.Module) -> str:
    text = (ast.get_docstring(tree) or "").split("\n\n")[0]
    return " ".join(text.split()).replace("|", "\\|")


def _imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("fetalflex."):
            yield node.module.split(".")[1]
        elif isinstance(node, ast.ImportFrom) and node.module == "fetalflex":
            yield from (alias.name for alias in node.names)

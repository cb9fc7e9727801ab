"""Writes the pages of the Python reference: what `import fetalflex` offers, then one page per room."""

from __future__ import annotations

import ast
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from navigation import filled

SOURCES = Path(__file__).parents[2] / "src" / "fetalflex"
FOLDER = "api"


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Put a page per room in the place of the navigation's entry `api`."""
    pages = [f"{FOLDER}/index.md", *(f"{FOLDER}/{room}.md" for room in _rooms())]
    config.nav = filled(config.nav, FOLDER, pages)
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages."""
    files.append(File.generated(config, f"{FOLDER}/index.md", content=face_page()))
    for room, names in _rooms().items():
        module = f"fetalflex.{room}"
        text = "\n".join([f"# {module}", "", _docstring(_init(room)), "", *_blocks(module, names)])
        files.append(File.generated(config, f"{FOLDER}/{room}.md", content=text))
    return files


def face_page() -> str:
    """Return the page of what the package itself offers, as Markdown."""
    names = [name for name in _exported(SOURCES / "__init__.py") if not name.startswith("__")]
    return "\n".join(
        [
            "# Python",
            "",
            "What `import fetalflex as ff` offers. Everything else is in the rooms, one page each.",
            "",
            *_blocks("fetalflex", names),
        ]
    )


def _blocks(module: str, names: list[str]) -> list[str]:
    return [line for name in names for line in (f"::: {module}.{name}", "")]


def _rooms() -> dict[str, list[str]]:
    """Return the packages whose `__init__` hands names on, with these names."""
    found = {}
    for init in sorted(SOURCES.rglob("__init__.py")):
        if init.parent != SOURCES and (names := _exported(init)):
            found[".".join(init.parent.relative_to(SOURCES).parts)] = names
    return found


def _init(room: str) -> Path:
    return SOURCES.joinpath(*room.split("."), "__init__.py")


def _docstring(file: Path) -> str:
    return ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""


def _exported(file: Path) -> list[str]:
    """Return the names in a module's `__all__`."""
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and any(getattr(target, "id", "") == "__all__" for target in node.targets):
            return [str(name) for name in ast.literal_eval(node.value)]
    return []

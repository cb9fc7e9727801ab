"""Takes files of the repository into the site: the cards as pages, and whatever a page links to as it is.

Documents link to each other as the repository has them, so that links work there too; here such links are turned into
those of the site.
"""

from __future__ import annotations

import os
import re
from pathlib import Path, PurePosixPath

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[2]
CARDS = {
    "cards/mini.md": "weights/mini/README.md",
    "cards/mini-history.md": "weights/mini/HISTORY.md",
    "cards/detector.md": "weights/detector/README.md",
    "cards/examples.md": "examples/ATTRIBUTION.md",
    "cards/security.md": "SECURITY.md",
}
"""Page of the site, and the file that it shows."""

_PAGES = {file: page for page, file in CARDS.items()} | {"README.md": "index.md", "docs/tour.ipynb": "tour.md"}
_LINK = re.compile(r"\]\((?![a-z]+:|#)([^)#\s]+)(#[^)\s]*)?\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the cards."""
    for page, file in CARDS.items():
        files.append(File.generated(config, page, content=(ROOT / file).read_text(encoding="utf-8")))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turn links to files of the repository into links of the site."""
    shown = page.file.src_uri
    origin = PurePosixPath(CARDS.get(shown, f"docs/{shown}"))

    def replaced(match: re.Match[str]) -> str:
        target = _normal(origin.parent / match[1])
        if target in _PAGES and shown != "tour.md":
            place = _PAGES[target]
        elif target.startswith("docs/"):
            place = target.removeprefix("docs/")
        else:
            place = f"repository/{target}"
            if (ROOT / target).is_file() and files.get_file_from_path(place) is None:
                files.append(File.generated(config, place, abs_src_path=str(ROOT / target)))
        return f"]({_relative(place, shown)}{match[2] or ''})"

    return _LINK.sub(replaced, markdown)


def _normal(path: PurePosixPath) -> str:
    return os.path.normpath(path)


def _relative(place: str, shown: str) -> str:
    return os.path.relpath(place, PurePosixPath(shown).parent)

"""Turns equations between dollar signs into MathML, which browsers show without a script."""

from __future__ import annotations

import re

from latex2mathml.converter import convert
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import Files
from mkdocs.structure.pages import Page

_BLOCK = re.compile(r"^\$\$\n(.+?)\n\$\$$", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"(?<![\\$`\w])\$([^$\n`]+)\$(?![\w$])")


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Replace `$$` blocks and `$...$` in pages whose metadata ask for it with `equations: true`."""
    if not page.meta.get("equations"):
        return markdown
    markdown = _BLOCK.sub(lambda found: convert(found[1], display="block"), markdown)
    return _INLINE.sub(lambda found: convert(found[1]), markdown)

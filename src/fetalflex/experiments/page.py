"""The gallery's web page: plain HTML that shows sheets and links to files, with nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from urllib.parse import quote

_STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 1500px; margin: 0 auto; padding: 1rem 1.5rem 3rem; }
.notice { border-left: .4rem solid #d98200; padding: .4rem .9rem; background: #d982001f; font-weight: 600; }
img { width: 100%; height: auto; border-radius: .3rem; }
h2 { margin: 2.5rem 0 .5rem; }
table { border-collapse: collapse; margin: .6rem 0; }
th, td { text-align: left; padding: .2rem 1.2rem .2rem 0; border-bottom: 1px solid #8886; }
footer { margin-top: 3rem; opacity: .8; }
""".strip()


@dataclass(frozen=True)
class Row:
    """One image of the gallery: its title, and the files that belong to it as (label, relative path)."""

    title: str
    files: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Section:
    """One sheet of the gallery.

    Args:
        title: Heading.
        text: One or two sentences below the sheet.
        sheet: Relative path of the sheet.
        rows: The images that it shows.
    """

    title: str
    text: str
    sheet: str
    rows: tuple[Row, ...]


def gallery_page(title: str, notice: str, introduction: Sequence[str], sections: Sequence[Section]) -> str:
    """Return the page as HTML.

    Args:
        title: Heading and title of the page.
        notice: What nobody may miss; shown at the top and at the bottom.
        introduction: Paragraphs before the first section.
        sections: Sheets, in order.
    """
    lines = [
        "<!doctype html>",
        '<html lang="en">',
        '<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(title)}</title>",
        f"<style>\n{_STYLE}\n</style></head>",
        "<body>",
        f"<h1>{escape(title)}</h1>",
        f'<p class="notice">{escape(notice)}</p>',
        *(f"<p>{escape(paragraph)}</p>" for paragraph in introduction),
        *(line for section in sections for line in _section_lines(section)),
        f"<footer><p>{escape(notice)}</p></footer>",
        "</body>",
        "</html>",
    ]
    return "\n".join(lines) + "\n"


def _section_lines(section: Section) -> list[str]:
    sheet = escape(quote(section.sheet))
    rows = (
        f"<tr><td>{escape(row.title)}</td><td>{' · '.join(_link(*file) for file in row.files)}</td></tr>"
        for row in section.rows
    )
    return [
        "<section>",
        f"<h2>{escape(section.title)}</h2>",
        f'<a href="{sheet}"><img src="{sheet}" alt="{escape(section.title)}: layouts and syntheses"></a>',
        f"<p>{escape(section.text)}</p>",
        f"<details><summary>Files</summary><table><tbody>{''.join(rows)}</tbody></table></details>",
        "</section>",
    ]


def _link(label: str, path: str) -> str:
    return f'<a href="{escape(quote(path))}">{escape(label)}</a>'

from __future__ import annotations

from html.parser import HTMLParser

from fetalflex.experiments.page import Row, Section, gallery_page

SECTION = Section("A <plane>", "seed 0 & more", "a sheet.png", (Row("moved", (("image", "images/a b.png"),)),))


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.opened: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del attrs
        self.opened.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


def test_texts_are_shown_as_they_are() -> None:
    page = gallery_page("Title <x>", "careful", ["One & two"], [SECTION])
    tags = _Tags()
    tags.feed(page)
    assert "x" not in tags.opened
    for text in ("Title <x>", "One & two", "A <plane>", "seed 0 & more"):
        assert text in tags.text
    assert tags.text.count("careful") == 2


def test_links_are_relative_and_nothing_comes_from_elsewhere() -> None:
    page = gallery_page("Title", "careful", [], [SECTION])
    assert 'src="a%20sheet.png"' in page
    assert 'href="images/a%20b.png"' in page
    assert "//" not in page
    assert "color-scheme: light dark" in page

"""A real browser, for tests of pages."""

from __future__ import annotations

import contextlib
import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = Path("/usr/bin/chromium")

IN_CHROMIUM = [
    pytest.mark.slow,
    pytest.mark.skipif(
        importlib.util.find_spec("playwright") is None, reason="playwright is not installed: pip install playwright"
    ),
    pytest.mark.skipif(not CHROMIUM.exists(), reason="there is no /usr/bin/chromium: apt-get install chromium"),
]
"""Marks of tests that take the fixture `browser`."""


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """Start Chromium for the block."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield browser
        browser.close()


def errors_on(page: Page, link: str) -> list[str]:
    """Return a list that fills with errors of a page, and with requests for anything but the server of its link."""
    errors: list[str] = []
    own = (link.partition("#")[0], "blob:")
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("request", lambda one: one.url.startswith(own) or errors.append(f"asked for {one.url}"))
    return errors

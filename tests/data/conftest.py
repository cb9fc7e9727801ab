from __future__ import annotations

import os
from pathlib import Path

import pytest
from preparation_helpers import noise, row, write_rows

from fetalflex.data import contact_sheet


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw a small contact sheet and do not wait for the disk; both have tests of their own."""
    monkeypatch.setattr(contact_sheet, "_PICTURE", (48, 32))
    monkeypatch.setattr(os, "fsync", lambda _: None)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Twelve sound images of six patients, with a box each."""
    folder = tmp_path / "scans"
    for number in range(12):
        noise(folder / f"{number:02}.png", number)
    write_rows(folder, [row(f"{number:02}.png", patient=f"p{number // 2}") for number in range(12)])
    return folder

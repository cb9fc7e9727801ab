"""What a long session costs: nothing that grows with it but a few numbers per result."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psutil
import pytest
from page import generate, made, moved, open_first

MOST_MIB = 25


@pytest.mark.slow
def test_memory_stays_flat_over_two_hundred_edits(serve_studio: Any, tmp_path: Path) -> None:
    process = psutil.Process()
    with serve_studio(tmp_path / "work") as client:
        image = open_first(client)
        start = 0
        for number in range(200):
            made(client, generate(image, moved(image["layout"], "thalami", 1 + number % 7), seeds=[number]))
            if number == 49:
                start = process.memory_info().rss
        grown = (process.memory_info().rss - start) / 2**20
    assert grown < MOST_MIB, f"{grown:.1f} MiB more after 150 further edits"

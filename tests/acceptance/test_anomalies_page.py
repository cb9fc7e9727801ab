"""docs/anomalies.md says what the library says, and its sheets are there."""

from __future__ import annotations

import re
from pathlib import Path

from fetalflex.abilities import abilities_of
from fetalflex.anatomy import default_registry
from fetalflex.anatomy.anomalies import default_library
from fetalflex.data import DatasetFolder, image_size
from fetalflex.experiments.anomaly_page import anomaly_page
from fetalflex.experiments.anomaly_plan import SHEETS, plan_sheets

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "anomalies.md").read_text(encoding="utf-8")
_LARGEST = 2_000_000


def test_the_page_is_what_the_library_and_the_examples_give_now() -> None:
    found = re.search(r"Model `(\S+)`, seed (\d+), (\d+) steps", PAGE)
    assert found is not None
    model, seed, steps = found[1], int(found[2]), int(found[3])
    library, registry = default_library(), default_registry()
    plans = plan_sheets(library, DatasetFolder(DOCS.parent / "examples"), registry, seed)
    measured = abilities_of(DOCS.parent / "weights" / "mini")
    text = anomaly_page(library, plans, registry, model, seed, steps, measured)
    assert text == PAGE, "remake it as the page itself says"


def test_every_anomaly_of_the_library_is_listed_and_no_other() -> None:
    named = re.findall(r"^## .*\n\n`(\w+)`", PAGE, re.MULTILINE)
    assert named == [anomaly.name for anomaly in default_library()]


def test_every_sheet_is_there_and_all_together_are_small() -> None:
    shown = re.findall(r"^!\[.*\]\((.*)\)$", PAGE, re.MULTILINE)
    assert len(shown) > 12
    assert sorted(DOCS / name for name in shown) == sorted((DOCS / SHEETS).iterdir())
    assert all(image_size(DOCS / name)[0] > 600 for name in shown)
    assert sum((DOCS / name).stat().st_size for name in shown) <= _LARGEST

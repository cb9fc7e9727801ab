from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from cli_helpers import LAYOUT, RunCommand

from fetalflex.anatomy.anomalies import default_library
from fetalflex.data import DatasetFolder, Record


@pytest.fixture
def one_example(workplace: Path) -> Path:
    image = np.random.default_rng(0).integers(0, 255, (LAYOUT.height, LAYOUT.width), dtype=np.uint8)
    DatasetFolder.write(workplace / "examples", [(Record("images/a.png", LAYOUT), image)])
    return workplace


def test_sheets_of_all_anomalies_that_an_example_allows(run: RunCommand, one_example: Path, tiny_model: Path) -> None:
    arguments = ("experiment", "anomalies", "--out", "docs", "--model", tiny_model, "--steps", 1)
    result = run(*arguments)
    sheets = sorted(path.stem for path in Path("docs/images/anomalies").iterdir())
    assert result.stdout.endswith(f"on {len(sheets)} sheets; read docs/anomalies.md\n")
    assert {"absent_stomach", "dilated_stomach", "displacement"} <= set(sheets)
    text = Path("docs/anomalies.md").read_text(encoding="utf-8")
    assert all(f"\n## {anomaly.title}\n" in text for anomaly in default_library())
    assert "already there" in run(*arguments, code=2).stderr


def test_without_examples_it_says_where_to_run(run: RunCommand, workplace: Path) -> None:
    result = run("experiment", "anomalies", "--out", "docs", code=2)
    assert "there is no examples; run this in FetalFlex's source folder, or give --examples" in result.stderr
    assert not Path("docs").exists()

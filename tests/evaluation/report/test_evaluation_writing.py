from __future__ import annotations

import json
from dataclasses import replace

from fetalflex.data import read_png_text
from fetalflex.evaluation.report.contents import report_values
from fetalflex.evaluation.report.writing import write_report
from fetalflex.evaluation.results import Results
from fetalflex.pipeline.pipeline import FetalFlexPipeline

FILES = {"report.json", "report.md", "samples.csv", "sheet.png", "edits.png", "nearest.png", "giveaways.png"}


def test_all_files_are_written_and_replaced(results: Results, pipeline: FetalFlexPipeline) -> None:
    root = write_report(results, pipeline.registry)
    (root / "report.md").write_text("old")
    write_report(results, pipeline.registry)
    assert {path.name for path in root.iterdir()} == FILES | {".fetalflex-folder", "settings.json", "syntheses"}
    assert json.loads((root / "report.json").read_text()) == report_values(results)
    assert (root / "report.md").read_text().startswith("# Evaluation of")


def test_sheets_say_that_they_hold_synthetic_images(results: Results, pipeline: FetalFlexPipeline) -> None:
    root = write_report(results, pipeline.registry)
    for name in ("sheet.png", "edits.png", "nearest.png", "giveaways.png"):
        text = read_png_text(root / name)
        assert text["Synthetic"] == "true"
        assert "not for diagnosis" in text["Description"]


def test_sheets_without_content_are_not_written_and_none_stays_from_before(
    results: Results, pipeline: FetalFlexPipeline
) -> None:
    write_report(results, pipeline.registry)
    (results.kept.root / "fidelity.png").write_bytes(b"of an earlier run with a detector")
    planes = {plane: replace(result, audits={}, told={}) for plane, result in results.planes.items()}
    root = write_report(replace(results, planes=planes, adherence={}), pipeline.registry)
    assert (root / "sheet.png").is_file()
    assert not (root / "edits.png").exists()
    assert not (root / "nearest.png").exists()
    assert not (root / "fidelity.png").exists()
    assert not (root / "giveaways.png").exists()

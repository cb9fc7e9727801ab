from __future__ import annotations

import csv
import io
import json

import numpy as np
import pytest

from fetalflex.evaluation.metrics.catalogue import CONTROLLED, METRICS
from fetalflex.evaluation.report.contents import FORMAT, report_csv, report_markdown, report_values, summary
from fetalflex.evaluation.results import Results


def test_the_json_report_holds_every_number_with_interval_and_count(results: Results) -> None:
    report = json.loads(json.dumps(report_values(results), allow_nan=False))
    assert report["format"] == FORMAT
    plane = report["planes"]["thalamic_transverse"]
    assert (plane["images"], plane["patients"]) == (6, 6)
    assert plane["metrics"]["fid_roi"]["low"] is None  # images drawn twice would raise it further
    assert plane["metrics"]["fid_roi"]["high"] is None
    for name, estimate in plane["metrics"].items():
        perfect = name.startswith("auc_") and estimate["value"] == 1  # always told apart, so in each draw too
        assert name == "fid_roi" or perfect or estimate["low"] < estimate["high"], name
        assert estimate["count"] == 6
    assert report["mean_of_planes"] == plane["metrics"]
    assert report["adherence"]["skull"]["present"]["count"] == 6
    audit = report["memorisation"]["features"]["planes"]["thalamic_transverse"]
    assert audit["share_far"] == report["memorisation"]["features"]["share_far"]
    assert audit["held_out_images"] == 12


def test_values_are_means_over_the_lines_of_the_csv(results: Results) -> None:
    rows = list(csv.DictReader(io.StringIO(report_csv(results))))
    assert len(rows) == 6
    metrics = report_values(results)["planes"]["thalamic_transverse"]["metrics"]
    for name in ("psnr_roi", "ms_ssim_roi", "perceptual_roi", "reconstruction_psnr"):
        assert metrics[name]["value"] == pytest.approx(np.mean([float(row[name]) for row in rows]), rel=1e-4)
    far = [int(row["nearest_features_is_far"]) for row in rows]
    assert report_values(results)["memorisation"]["features"]["share_far"]["value"] == pytest.approx(np.mean(far))
    assert all(row["nearest_grey_image"].startswith("images/") for row in rows)
    assert all(row["skull_present"] in ("0", "1") for row in rows)


def test_the_markdown_report_has_tables_for_people(results: Results) -> None:
    text = report_markdown(results)
    assert text.startswith(f"# Evaluation of {results.facts['model']}\n")
    for title in ("## Quality", "## Texture, seam and tone", "## Obedience to the layout", "## Memorisation"):
        assert title in text
    assert "thalamic_transverse (6)" in text
    assert results.facts["extractor"] in text
    assert "null layout" not in text
    tables = [line for line in text.splitlines() if line.startswith("|")]
    assert not any("nan" in line or "None" in line for line in tables)


def test_no_number_that_a_blur_may_improve_stands_without_one(results: Results) -> None:
    lines = report_markdown(results).splitlines()
    for metric in METRICS:
        found = [index for index, line in enumerate(lines) if line.startswith(f"| {metric.title} ")]
        if metric.name in ("fid_inception_roi", "lpips_roi"):  # whose networks are not there
            assert not found, metric.name
            continue
        assert found, metric.name
        if metric.name in CONTROLLED:
            assert lines[found[0] + 1].startswith("| … blurred by 2 px |")
            assert lines[found[0] + 2].startswith("| … blurred by 4 px |")
    blurs = report_values(results)["blurs"]
    assert set(blurs) == {"blur_2", "blur_4"}
    for blur in blurs.values():
        assert set(CONTROLLED) < set(blur["mean_of_planes"])
        assert blur["mean_of_planes"] == blur["planes"]["thalamic_transverse"]["metrics"]


def test_a_hidden_layout_is_said_in_the_report(results: Results) -> None:
    hidden = Results(results.facts | {"layout": "null"}, results.kept, results.planes)
    assert "**the layout is hidden from the model** (null layout)" in report_markdown(hidden)
    assert "## Obedience" not in report_markdown(hidden)


def test_the_summary_names_the_main_numbers(results: Results) -> None:
    lines = summary(results).splitlines()
    assert lines[0].startswith("PSNR, ROI, dB: ")
    assert any(line.startswith("skull present: ") for line in lines)
    assert lines[-1].startswith("no near-copies of training images: ")

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fetalflex.errors import FetalFlexError
from fetalflex.evaluation.comparison import compare_reports, read_report
from fetalflex.evaluation.report import report_values
from fetalflex.evaluation.results import Results


@pytest.fixture
def report(results: Results) -> dict:
    return json.loads(json.dumps(report_values(results)))


def test_a_report_is_read_back(report: dict, tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text(json.dumps(report))
    assert read_report(tmp_path / "report.json")["planes"] == report["planes"]


def test_differences_are_second_minus_first(report: dict) -> None:
    better = json.loads(json.dumps(report))
    better["mean_of_planes"]["psnr_roi"]["value"] += 1.5
    better["adherence"]["skull"]["present"]["value"] = 1.0
    better |= {"model": "tiny-better", "seed": 6}
    lines = compare_reports(report, better).splitlines()
    assert any(line.startswith("| mean of planes: PSNR, ROI, dB |") and line.endswith("| +1.50 |") for line in lines)
    assert any(line.startswith("| thalamic_transverse: PSNR, ROI, dB |") and "+0.00" in line for line in lines)
    assert any(line.startswith("| skull present, % |") for line in lines)
    assert any(line.startswith("- second: tiny-better, layout given, sampler ddim") for line in lines)
    assert "- seed differs: 5 and 6" in lines


def test_reports_of_other_images_do_not_compare(report: dict) -> None:
    with pytest.raises(FetalFlexError, match=r"different images \(split test and val\)"):
        compare_reports(report | {"split": "test"}, report)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not valid JSON"),
        ("[]", "must be a JSON object"),
        ('{"format": "fetalflex/layout", "version": 1}', "expected 'fetalflex/evaluation-report'"),
        ('{"format": "fetalflex/evaluation-report", "version": 1}', "is no whole report: it lacks data_fingerprint"),
    ],
)
def test_what_is_no_report_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "report.json").write_text(text)
    with pytest.raises(FetalFlexError, match=message):
        read_report(tmp_path / "report.json")

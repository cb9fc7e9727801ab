from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fetalflex.errors import FetalFlexError
from fetalflex.evaluation.report.comparison import compare_reports, contrast_of_report, read_report
from fetalflex.evaluation.report.contents import report_values
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
    better |= {"model": "tiny-better", "seed": 6, "roi": "box"}
    lines = compare_reports(report, better).splitlines()
    assert any(line.startswith("| mean of planes: PSNR, ROI, dB |") and line.endswith("| +1.50 |") for line in lines)
    assert any(line.startswith("| thalamic_transverse: PSNR, ROI, dB |") and "+0.00" in line for line in lines)
    assert any(line.startswith("| skull present, % |") for line in lines)
    assert any(line.startswith("- second: tiny-better, layout given, sampler ddim") for line in lines)
    assert "- seed differs: 5 and 6" in lines
    assert "- roi differs: auto and box" in lines


FIDELITY: dict[str, Any] = {
    "detector": "detector-1",
    "notes": [],
    "kinds": {
        "real": {"ap50": 0.9, "ap": 0.7, "structures": {"skull": {"iou": {"value": 0.8, "low": 0.7, "high": 0.9}}}},
        "unedited": {
            "ap50": 0.6,
            "ap": 0.4,
            "structures": {
                "skull": {"iou": {"value": 0.7, "low": 0.6, "high": 0.8}},
                "thalami": {"iou": {"value": 0.3, "low": None, "high": None}},
            },
        },
    },
    "edits": {
        "skull": {
            "enlarged_iou": {"value": 0.5, "low": 0.4, "high": 0.6},
            "iou_with_box_before": {"value": 0.8, "low": 0.7, "high": 0.9},
            "found_at_all": {"removed": {"value": 0.75, "low": 0.6, "high": 0.9}},
        }
    },
}


def test_layout_fidelity_is_compared(report: dict, tmp_path: Path) -> None:
    better = json.loads(json.dumps(FIDELITY))
    better["kinds"]["unedited"] |= {"ap50": 0.7, "ap": 0.45}
    better["kinds"]["unedited"]["structures"]["thalami"]["iou"]["value"] = 0.5
    better["edits"]["skull"]["enlarged_iou"]["value"] = 0.75
    better["edits"]["skull"]["found_at_all"]["removed"]["value"] = 0.25
    (tmp_path / "report.json").write_text(json.dumps(report | {"layout_fidelity": FIDELITY}))
    lines = compare_reports(read_report(tmp_path / "report.json"), report | {"layout_fidelity": better}).splitlines()
    assert "| layout fidelity, real: mean AP | 0.700 | 0.700 | +0.000 |" in lines
    assert "| layout fidelity, unedited: mean AP50 | 0.600 | 0.700 | +0.100 |" in lines
    assert "| layout fidelity, unedited: mean AP | 0.400 | 0.450 | +0.050 |" in lines
    assert "| layout fidelity, unedited: mean IoU | 0.500 | 0.600 | +0.100 |" in lines
    assert "| layout fidelity, unedited: thalami IoU | 0.300 | 0.500 | +0.200 |" in lines
    assert "| skull enlarged, IoU with its box | 0.500 [0.400, 0.600] | 0.750 [0.400, 0.600] | +0.250 |" in lines
    assert "| skull enlarged, IoU with the box before | 0.800 [0.700, 0.900] | 0.800 [0.700, 0.900] | +0.000 |" in lines
    assert "| skull removed, still found, % | 75.0 [60.0, 90.0] | 25.0 [60.0, 90.0] | -50.0 |" in lines
    assert not any("detector differs" in line for line in lines)


def test_blurs_and_rulers_are_compared(report: dict) -> None:
    better = json.loads(json.dumps(report))
    for where in (better, better["blurs"]["blur_2"]):
        where["mean_of_planes"]["texture"]["value"] += 3
    del better["blurs"]["blur_4"]
    lines = compare_reports(report, better).splitlines()
    title = "texture: power at 0.21 to 0.38 cycles/px, dB |"
    for where in ("mean of planes", "blurred by 2 px"):
        assert any(line.startswith(f"| {where}: {title}") and line.endswith("| +3.0 |") for line in lines), where
    assert any(line.startswith("| blurred by 2 px: PSNR, ROI, dB |") for line in lines)
    assert not any("blurred by 4 px" in line for line in lines)


def test_a_report_tells_its_local_contrast(report: dict) -> None:
    of_plane = report["planes"]["thalamic_transverse"]["metrics"]["contrast"]["value"]
    assert contrast_of_report(report, "report.json") == pytest.approx(of_plane)
    for plane in report["planes"].values():
        del plane["metrics"]["contrast"]
    with pytest.raises(FetalFlexError, match=r"report\.json tells no local contrast"):
        contrast_of_report(report, "report.json")


def test_other_or_missing_detectors_are_told(report: dict) -> None:
    measured = report | {"layout_fidelity": FIDELITY}
    other = compare_reports(measured, report | {"layout_fidelity": FIDELITY | {"detector": "detector-2"}})
    assert "- detector differs: detector-1 and detector-2\n" in other
    alone = compare_reports(report, measured)
    assert "- layout fidelity stands in the second alone\n" in alone
    assert "layout fidelity, unedited" not in alone
    assert "layout fidelity" not in compare_reports(report, report)


def test_reports_of_other_images_do_not_compare(report: dict) -> None:
    with pytest.raises(FetalFlexError, match=r"different images \(split test and val\)"):
        compare_reports(report | {"split": "test"}, report)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"planes": []}, "planes: "),
        ({"planes": {"thalamic_transverse": {}}}, "planes.thalamic_transverse.metrics: "),
        ({"mean_of_planes": {"psnr": 3}}, "mean_of_planes.psnr: "),
        ({"mean_of_planes": {"psnr": {"value": "much", "low": None, "high": None}}}, "mean_of_planes.psnr.value: "),
        ({"mean_of_planes": {"psnr": {"value": 1.0}}}, "mean_of_planes.psnr.low: "),
        ({"adherence": {"skull": {"present": 1}}}, "adherence.skull.present: "),
        ({"adherence": 1}, "adherence: "),
        ({"sampling": "ddim"}, "sampling: "),
        ({"blurs": {"blur_2": {"title": "2 px"}}}, "blurs.blur_2.mean_of_planes: "),
        ({"local_edits": 3}, "local_edits: "),
        ({"layout_fidelity": {"detector": "x"}}, "layout_fidelity.kinds: "),
    ],
)
def test_a_damaged_report_is_refused_by_the_field(
    report: dict, tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    (tmp_path / "report.json").write_text(json.dumps(report | changes))
    with pytest.raises(FetalFlexError) as caught:
        read_report(tmp_path / "report.json")
    assert f"report.json: {message}" in str(caught.value)


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

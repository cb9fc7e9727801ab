from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fetalflex.anatomy import Layout
from fetalflex.data import DatasetFolder, Record, read_image
from fetalflex.detection import Detection, Detector
from fetalflex.detection.accuracy import Judged, mean_precision, precision_by_structure
from fetalflex.detection.evaluation import DetectorEvaluationSettings, DetectorResults, evaluate_detector
from fetalflex.detection.report import check_report_folder, report_markdown, report_values, summary, write_report
from fetalflex.errors import FetalFlexError
from phantoms import draw_phantom, random_layout


@pytest.fixture(scope="module")
def results(detector: Detector, phantom_folder: Path) -> DetectorResults:
    return evaluate_detector(detector, [DatasetFolder(phantom_folder)], DetectorEvaluationSettings("val", batch_size=5))


def judged(layout: Layout, *looked_for: str, shift: float = 0.0, score: float = 0.9) -> Judged:
    """Return what a detector would get that finds every box, moved to the right by a share of its width."""
    moved = layout.with_structures(
        replace(one, box=one.box.translated(shift * one.box.width, 0)) for one in layout.structures
    )
    return Judged(layout, Detection(moved, (score,) * len(layout.structures)), frozenset(looked_for or layout.names()))


LAYOUTS = [random_layout(np.random.default_rng(seed)) for seed in range(4)]


def test_exact_boxes_have_a_precision_of_1() -> None:
    values = precision_by_structure([judged(layout) for layout in LAYOUTS])
    assert mean_precision(values.values()) == (1, 1)
    shifted = precision_by_structure([judged(layout, shift=0.2) for layout in LAYOUTS])
    assert all(value.ap50 == 1 and value.ap == pytest.approx(0.4) for value in shifted.values())
    assert mean_precision([]) == (0, 0)


def test_what_nobody_looked_for_is_neither_right_nor_wrong() -> None:
    only_skull = [layout.with_structures(layout.find("skull")) for layout in LAYOUTS]
    finds_more = [
        Judged(truth, judged(layout).found, frozenset({"skull"}))
        for truth, layout in zip(only_skull, LAYOUTS, strict=True)
    ]
    assert list(precision_by_structure(finds_more)) == ["skull"]
    asked = [Judged(one.truth, one.found, frozenset({"skull", "thalami"})) for one in finds_more]
    asked.append(judged(LAYOUTS[0], score=0.5))
    assert precision_by_structure(asked)["thalami"].ap50 == pytest.approx(0.2)


def test_the_iou_of_a_find_counts_from_a_score_on() -> None:
    one = judged(LAYOUTS[0], score=0.4)
    assert one.iou_of("skull", 0.3) == pytest.approx(1)
    assert one.iou_of("skull", 0.5) == 0


def test_phantoms_are_found(results: DetectorResults) -> None:
    assert results.facts["images"] == 12
    assert results.facts["plane"] == "found"
    assert results.structures()["skull"].ap50 == 1
    assert results.structures("thalamic_transverse") == results.structures()
    assert results.means()[0] > 0.6
    assert results.notes == ()


def test_the_report_says_it_all(results: DetectorResults, detector: Detector, tmp_path: Path) -> None:
    values = report_values(results)
    assert json.loads(json.dumps(values)) == values
    assert values["plane_accuracy"] == 1
    assert values["structures"]["skull"]["boxes"] == 12
    assert "| thalamic_transverse | skull | 12 | 12 | 1.000 |" in report_markdown(results)
    assert summary(results).startswith("AP50 ")
    write_report(results, tmp_path / "out", detector.registry)
    assert json.loads((tmp_path / "out" / "report.json").read_text()) == values
    assert read_image(tmp_path / "out" / "sheet.png").size


def test_patients_that_were_trained_on_are_told(detector: Detector, phantom_folder: Path) -> None:
    seen = evaluate_detector(detector, [DatasetFolder(phantom_folder)], DetectorEvaluationSettings("train"))
    assert seen.notes[0].startswith("36 of the patients are among those")
    silent = Detector(detector.config.model_copy(update={"training": None}), detector.network)
    unknown = evaluate_detector(silent, [DatasetFolder(phantom_folder)], DetectorEvaluationSettings("val"))
    assert "does not say" in unknown.notes[0]


def test_images_without_boxes_tell_of_the_plane_alone(detector: Detector, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    layouts = [random_layout(rng), random_layout(rng)]
    items = [
        (Record("a.png", layouts[0], split="test"), draw_phantom(layouts[0], rng)),
        (Record("b.png", layouts[1].with_structures(()), split="test"), draw_phantom(layouts[1], rng)),
    ]
    results = evaluate_detector(detector, [DatasetFolder.write(tmp_path / "d", items)])
    assert results.facts["annotated_images"] == 1
    assert results.structures()["skull"].images == 1
    assert sum(results.planes()["thalamic_transverse"].values()) == 2


def test_of_a_wrong_plane_only_the_structures_count_that_both_planes_have() -> None:
    layout = LAYOUTS[0]
    ventricular = replace(layout, plane="ventricular_transverse").with_structures(layout.find("skull"))
    values = precision_by_structure([Judged(layout, Detection(ventricular, (0.9,)), frozenset(layout.names()))])
    assert values["skull"].ap50 == 1
    assert values["thalami"].ap50 == 0


def test_a_report_of_something_else_is_not_replaced(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.write_text('{"format": "fetalflex/evaluation-report", "version": 1}')
    with pytest.raises(FetalFlexError, match=r"\(report\.json\) and is not a report on a detector"):
        check_report_folder(tmp_path)
    path.write_text('{"format": "fetalflex/detector-report", "version": 1}')
    check_report_folder(tmp_path)
    check_report_folder(tmp_path / "new")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (DetectorEvaluationSettings("tset"), "split 'tset' is unknown"),
        (DetectorEvaluationSettings("test"), "no annotated image has the split test"),
        (DetectorEvaluationSettings("val", planes=("femur",)), "not trained on the plane femur"),
    ],
)
def test_what_cannot_be_measured_is_told(
    detector: Detector, phantom_folder: Path, settings: DetectorEvaluationSettings, message: str
) -> None:
    with pytest.raises(FetalFlexError, match=message):
        evaluate_detector(detector, [DatasetFolder(phantom_folder)], settings)

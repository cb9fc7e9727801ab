from __future__ import annotations

import json
from pathlib import Path

import pytest

from fetalflex.anatomy import Layout, Recipe
from fetalflex.anatomy.anomalies import Variant
from fetalflex.augment.outcomes import Made, Outcome, Rejection
from fetalflex.augment.planned import Candidate, PlannedImage
from fetalflex.augment.report import Report
from fetalflex.data import Record


def outcome(number: int, *rejected: str, is_made: bool = True, anomaly: str = "none") -> Outcome:
    layout = Layout("facial_sagittal", 100, 100)
    record = Record(f"images/{number % 2}.png", layout, "p")
    variant = None
    if anomaly != "none":
        variant = Variant(anomaly, anomaly, None, 0, {}, Recipe(), layout, layout, (), (), ())
    image = PlannedImage((Candidate(number, 0, record, Recipe(), layout, variant),))
    made = Made(len(rejected) + 1, 0, 5, "a prompt", {}, "0") if is_made else None
    return Outcome(image, tuple(Rejection(reason, "so", f"images/{reason}.png") for reason in rejected), made)


@pytest.fixture
def report() -> Report:
    outcomes = [
        outcome(1),
        outcome(2, "layout", "copy"),
        outcome(3, "layout", "layout", "copy", is_made=False, anomaly="cleft_palate"),
        outcome(4, anomaly="cleft_palate"),
    ]
    return Report(Path("out"), "tiny-0", outcomes, 12.0, 1)


def test_what_was_rejected_and_failed_is_counted(report: Report) -> None:
    assert (report.made, [one.image.number for one in report.failed]) == (3, [3])
    assert report.rejected == {"empty": 0, "flat": 0, "layout": 3, "anomaly": 0, "copy": 2, "duplicate": 0}
    values = json.loads(json.dumps(report.to_dict()))
    assert (values["requested"], values["made"], values["sources"], values["patients"]) == (4, 3, 2, 1)
    assert values["failed"] == [{"number": 3, "reasons": ["layout", "layout", "copy"]}]
    assert [(count["anomaly"], count["requested"], count["made"]) for count in values["counts"]] == [
        ("none", 2, 2),
        ("cleft_palate", 2, 1),
    ]


def test_people_are_told_what_is_missing(report: Report) -> None:
    summary = report.summary().splitlines()
    assert summary[0] == "3 of 4 images made, in 8 attempts; rejected: 3 layout, 2 copy"
    assert summary[1] == "12 s of synthesis, 1.5 s per attempt"
    assert summary[2].startswith("MISSING: 1 images failed at every attempt")
    text = report.to_markdown()
    assert "| facial_sagittal | cleft_palate | cleft_palate | 2 | 1 | 4 | 0 |" in text
    failure = "cleft_palate of images/layout.png: layout so, layout so; of images/copy.png: copy so"
    assert f"- 000003, facial_sagittal, {failure}\n" in text
    assert "not for diagnosis" in text


def test_a_set_with_all_images_misses_none() -> None:
    whole = Report(Path("out"), "tiny-0", [outcome(1)], 2.0, 0)
    assert "MISSING" not in whole.summary()
    assert "## Failed" not in whole.to_markdown()
    assert "rejected: none" in whole.summary()


def test_an_anomaly_that_is_hardly_ever_seen_is_named() -> None:
    outcomes = [
        outcome(1, "anomaly", "anomaly", anomaly="duodenal_atresia"),
        outcome(2, "anomaly"),
        outcome(3),
        outcome(4),
        outcome(5),
    ]
    report = Report(Path("out"), "tiny-0", outcomes, 2.0, 0)
    told = [one for one in report.summary().splitlines() if "was not seen" in one]
    assert len(told) == 1
    assert told[0].startswith("duodenal_atresia, duodenal_atresia (facial_sagittal) was not seen in 2 of 3 attempts")
    [count] = [one for one in report.to_dict()["counts"] if one["anomaly"] == "duodenal_atresia"]
    assert (count["attempts"], count["anomaly_not_seen"]) == (3, 2)

from __future__ import annotations

import json

from data_helpers import head_layout

from fetalflex.anatomy.layout import Layout
from fetalflex.data.importers import Finding
from fetalflex.data.records import Record
from fetalflex.data.report import PrepareReport


def report(**fields) -> PrepareReport:
    records = (
        Record("images/a.png", head_layout(), patient="1", split="train"),
        Record("images/b.png", head_layout(), patient="1", split="train"),
        Record("images/c.png", Layout("femur", 10, 10), split="test"),
    )
    return PrepareReport("coco", "scans", {"seed": 0, "plane": None, "strict": True}, records, **fields)


def test_counts():
    counted = report()
    assert counted.taken == 3
    assert counted.splits == {"train": 2, "val": 0, "test": 1}
    assert counted.patients == {"train": 1, "val": 0, "test": 1}
    assert counted.planes() == {
        "femur": {"train": 0, "val": 0, "test": 1},
        "thalamic_transverse": {"train": 2, "val": 0, "test": 0},
    }
    assert counted.structures()["thalamic_transverse"] == {
        "cavum_septi_pellucidi": {"train": 2, "val": 0, "test": 0},
        "skull": {"train": 2, "val": 0, "test": 0},
    }
    assert counted.structures()["femur"] == {}


def test_json_holds_every_refusal_and_note():
    written = report(
        refused=[Finding("a.txt line 3", "class 9 is unknown")],
        notes=[Finding("b.png", "clipped", "noted")],
        left_out_on_request={"text": 4},
        remarks=["Mind this."],
    )
    content = json.loads(written.to_json())
    assert content["format"] == "fetalflex/prepare-report"
    assert content["images"] == 3
    assert content["refused"] == [{"where": "a.txt line 3", "reason": "class 9 is unknown"}]
    assert content["notes"] == [{"where": "b.png", "reason": "clipped"}]
    assert content["left_out_on_request"] == {"text": 4}
    assert content["remarks"] == ["Mind this."]


def test_markdown_has_one_line_per_refusal_whatever_its_text():
    text = report(
        refused=[Finding("a`b\n## c", "line one\nline two"), Finding("d", "e")], remarks=["Mind this."]
    ).to_markdown()
    assert "3 images taken (2 train, 0 val, 1 test) of 2 patients; 2 refusals, 0 notes." in text
    assert "- Mind this." in text
    assert "seed 0, plane none, strict yes" in text
    assert "| skull | 2 | 0 | 0 | 2 |" in text
    assert "| patients, all planes | 1 | 0 | 1 | 2 |" in text
    assert text.endswith("## Refused (2)\n\n- `a b\\n## c`: line one line two\n- `d`: e\n")


def test_markdown_says_what_was_left_out_on_request():
    assert "- `text`: 4 boxes, as the label map says" in report(left_out_on_request={"text": 4}).to_markdown()

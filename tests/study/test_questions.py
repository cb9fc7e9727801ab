from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from fetalflex.errors import FetalFlexError
from fetalflex.study.questions import TRUTH, default_questions, read_questions


def plain() -> dict:
    return default_questions().model_dump(mode="json")


def test_the_default_asks_what_the_paper_asked() -> None:
    questions = default_questions()
    assert [one.title for one in questions.criteria] == [
        "Clarity",
        "Brightness and contrast",
        "Anatomical detail",
        "Noise and artefacts",
        "Overall quality",
    ]
    assert questions.points == 5
    assert questions.names[-1] == TRUTH


def test_questions_come_from_yaml(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(plain() | {"points": 7, "real_or_synthetic": False, "title": "Mine"}))
    questions = read_questions(path)
    assert (questions.points, questions.title, len(questions.names)) == (7, "Mine", 5)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"points": 10}, "points: .*less than or equal to 9"),
        ({"points": "5"}, "points: .*valid integer"),
        ({"criteria": []}, "criteria: .*at least 1"),
        ({"criteria": plain()["criteria"] * 2}, "two criteria have the name 'clarity'"),
        ({"criteria": [plain()["criteria"][0] | {"name": TRUTH}]}, "no criterion may be called"),
        ({"criteria": [plain()["criteria"][0] | {"name": "Clear!"}]}, "criteria.0.name"),
        ({"criteria": [plain()["criteria"][0] | {"worst": "x"}]}, "criteria.0.worst"),
        ({"real_or_synthetic": "perhaps"}, "real_or_synthetic: .*boolean"),
        ({"colour": "blue"}, "colour"),
        ({"title": " "}, "title: .*at least 1 character"),
    ],
)
def test_odd_criteria_are_told_with_file_and_field(tmp_path: Path, change: dict, told: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(plain() | change))
    with pytest.raises(FetalFlexError, match=f"mine.yaml: .*{told}|mine.yaml: {told}"):
        read_questions(path)


def test_files_that_are_no_yaml_are_named(tmp_path: Path) -> None:
    with pytest.raises(FetalFlexError, match=r"none.yaml cannot be read"):
        read_questions(tmp_path / "none.yaml")
    (tmp_path / "bad.yaml").write_text("a: [")
    with pytest.raises(FetalFlexError, match=r"bad.yaml is not valid YAML"):
        read_questions(tmp_path / "bad.yaml")


def test_answers_must_be_whole_and_within_their_scale() -> None:
    questions = default_questions()
    good = dict.fromkeys(questions.names, 1)
    assert questions.check_answers(good) == good
    for bad, told in (
        (dict.fromkeys(questions.names[1:], 1), "lacks the key 'clarity'"),
        (good | {"clarity": 6}, "clarity must be a whole number from 1 to 5, got 6"),
        (good | {"clarity": 0}, "from 1 to 5"),
        (good | {"clarity": 2.0}, "whole number"),
        (good | {"clarity": True}, "whole number"),
        (good | {TRUTH: 2}, "from 0 to 1"),
        (good | {"colour": 1}, "unknown key 'colour'"),
        ([1], "must be a mapping"),
    ):
        with pytest.raises(FetalFlexError, match=told):
            questions.check_answers(bad)

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest
from cli_helpers import RunCommand
from PIL import Image

from fetalflex.study.answers import AnswerStore
from fetalflex.study.folder import Study
from other_processes import held_elsewhere


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Six pictures each by two methods, in the working directory."""
    monkeypatch.chdir(tmp_path)
    for place, method in enumerate(("clinic", "model")):
        (tmp_path / method).mkdir()
        for number in range(6):
            Image.linear_gradient("L").rotate(10 * number + 90 * place).resize((40, 30)).save(
                tmp_path / method / f"{number}.png"
            )
    return tmp_path


def test_a_study_is_created_from_folders(run: RunCommand, folders: Path) -> None:
    result = run(
        *("study", "create", "clinic=clinic", "model=model", "--real", "clinic", "--readers", "anna,ben"),
        *("--each", 5, "--out", "study", "--json"),
    )
    facts = json.loads(result.stdout)
    assert facts["images"] == 10
    assert facts["by_plane_and_method"] == {"any": {"clinic": 5, "model": 5}}
    assert facts["readers"] == ["anna", "ben"]
    assert facts["images_per_reader"] == 11
    assert [image.synthetic for image in Study(Path("study")).key.images].count(True) == 5


def test_what_was_made_and_what_comes_next_is_told(run: RunCommand, folders: Path) -> None:
    options = ("--real", "clinic", "--readers", 3, "--size", "64x48", "--fit", "crop", "--repeats", 0)
    told = run("study", "create", "clinic=clinic", "model=model", *options, "--out", "study").stdout
    assert "12 images of 64 x 48 pixels" in told
    assert "3 readers, each sees 12 images, 0 of them twice" in told
    assert "fetalflex study run study" in told
    assert [reader.name for reader in Study(Path("study")).readers] == ["reader 1", "reader 2", "reader 3"]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--readers", "0"), "--readers must be 1 to 100"),
        (("--readers", "a,,b"), "the reader '' must be a name"),
        (("--size", "64"), "--size must be WIDTHxHEIGHT"),
        (("--planes", "kidney"), "unknown plane 'kidney'"),
        (("--planes", "abdomen"), "no image is of the planes abdominal_transverse"),
        (("--criteria", "none.yaml"), "none.yaml cannot be read"),
    ],
)
def test_odd_options_are_told_in_one_line(run: RunCommand, folders: Path, options: tuple[str, str], told: str) -> None:
    result = run("study", "create", "clinic=clinic", "--real", "clinic", *options, "--out", "study", code=2)
    assert told in result.stderr
    assert result.stderr.count("\n") == 1
    assert not Path("study").exists()


def test_a_report_is_made_even_before_anybody_answered(run: RunCommand, folders: Path) -> None:
    run("study", "create", "clinic=clinic", "model=model", "--real", "clinic", "--out", "study")
    assert "nobody has answered study yet" in run("study", "report", "study", "--out", "report", code=2).stderr
    told = run("study", "report", "study", "--random-answers", "--out", "report").stdout
    assert told.startswith("Random answers; nobody has given them.\n1 of 1 readers have rated all images\n")
    assert "wrote report/report.html" in told
    again = run("study", "report", "study", "--random-answers", "--out", "report", "--force", "--json")
    assert json.loads(again.stdout) == json.loads(Path("report/report.json").read_text())


def test_folders_that_are_no_study_are_told(run: RunCommand, folders: Path) -> None:
    for command in (("run", "clinic"), ("report", "clinic", "--out", "report")):
        assert "clinic is no reader study" in run("study", *command, code=2).stderr


def test_one_server_at_a_time_serves_a_study(run: RunCommand, folders: Path) -> None:
    run("study", "create", "clinic=clinic", "--real", "clinic", "--out", "study")
    with held_elsewhere(Study(Path("study")).answers_path):
        assert "answers.sqlite is in use by process" in run("study", "run", "study", code=2).stderr
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert "give another --port" in run("study", "run", "study", "--port", port, code=2).stderr


def test_answers_of_another_study_are_not_added_to(run: RunCommand, folders: Path) -> None:
    run("study", "create", "clinic=clinic", "--real", "clinic", "--out", "study")
    AnswerStore(Path("study/answers.sqlite"), "0" * 32).close()
    for command in (("run", "study"), ("report", "study", "--out", "report")):
        assert "holds the answers to another study" in run("study", *command, code=2).stderr

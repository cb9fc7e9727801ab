from __future__ import annotations

import csv
import io
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rating_helpers import ratings_of
from study_helpers import PLANES, candidates, make_study

from fetalflex.anatomy import default_registry
from fetalflex.errors import FetalFlexError
from fetalflex.provenance import mark_in_file
from fetalflex.study.answers import AnswerStore, Submission
from fetalflex.study.creating import Design, create_study
from fetalflex.study.folder import Study
from fetalflex.study.ratings import Ratings, random_ratings, read_ratings
from fetalflex.study.report.page import RANDOM_NOTICE, report_page
from fetalflex.study.report.results import analyse
from fetalflex.study.report.tables import answers_csv, imrmc_csv
from fetalflex.study.report.writing import write_report

GOOD = {"clarity": 4, "brightness_contrast": 3, "anatomical_detail": 5, "noise_artefacts": 2, "overall": 4}


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return make_study(tmp_path_factory.mktemp("studies") / "study", each=3)


@pytest.fixture
def study(untouched: Study, tmp_path: Path) -> Study:
    """A study that nobody has answered yet."""
    return Study(Path(shutil.copytree(untouched.root, tmp_path / "study")))


@pytest.fixture(scope="module")
def of_random_answers(untouched: Study, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a report of random answers."""
    return write(untouched, random_ratings(untouched, 1), tmp_path_factory.mktemp("reports") / "report").parent


def answer(study: Study, reader: int, count: int, **changes: int) -> None:
    """Let a reader rate their first images."""
    who = study.readers[reader]
    with AnswerStore(study.answers_path, study.id) as store:
        for position, image in enumerate(who.order[:count]):
            said = GOOD | {"real_or_synthetic": int(study.key.images[image].synthetic)} | changes
            store.add(Submission(who.name, position, image, said, 2.5, ""), store.count(who.name))


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def write(study: Study, ratings: Ratings, out: Path, force: bool = False) -> Path:
    return write_report(study, ratings, analyse(ratings), out, default_registry(), force)


def test_a_report_of_random_answers_says_so_everywhere(untouched: Study, of_random_answers: Path) -> None:
    text = (of_random_answers / "report.html").read_text()
    assert text.count(RANDOM_NOTICE) == 2  # top and bottom
    assert json.loads((of_random_answers / "report.json").read_text())["random_answers"] is True
    assert {row["random"] for row in rows_of((of_random_answers / "answers.csv").read_text())} == {"1"}
    assert sorted(path.name for path in of_random_answers.iterdir() if not path.name.startswith(".")) == [
        "answers.csv",
        "imrmc.csv",
        "means.csv",
        "radar.png",
        "radar.svg",
        "report.html",
        "report.json",
    ]
    assert not untouched.answers_path.exists()
    assert mark_in_file(of_random_answers / "radar.png") is None  # a chart is no synthetic image


def test_a_report_loads_nothing_from_elsewhere(of_random_answers: Path) -> None:
    text = (of_random_answers / "report.html").read_text()
    assert "http://" not in text
    assert "https://" not in text
    assert "<script" not in text


def test_reports_take_the_place_of_older_reports_alone(study: Study, of_random_answers: Path, tmp_path: Path) -> None:
    ratings = random_ratings(study, 1)
    again = Path(shutil.copytree(of_random_answers, tmp_path / "report"))
    with pytest.raises(FetalFlexError, match="already there"):
        write(study, ratings, again)
    (again / "report.html").write_text("old")
    write(study, ratings, again, force=True)
    for path in again.iterdir():  # the same answers give the same report
        assert path.read_bytes() == (of_random_answers / path.name).read_bytes(), path.name
    with pytest.raises(FetalFlexError, match="is read by this command and would be replaced"):
        write(study, ratings, study.root, force=True)
    assert study.key.images


def test_unfinished_studies_are_reported_with_what_is_there(study: Study, tmp_path: Path) -> None:
    answer(study, 0, 7)
    ratings = read_ratings(study)
    results = analyse(ratings)
    assert [(one.reader, one.rated, one.total) for one in results.progress] == [("anna", 7, 20), ("ben", 0, 20)]
    text = write(study, ratings, tmp_path / "report").read_text()
    assert "rest on what there is: anna (7 of 20), ben (0 of 20)" in text
    assert RANDOM_NOTICE not in text
    assert sum(results.mean("clarity", method).count for method in results.methods) == 7
    assert results.mean("clarity", reader="ben") is None


@pytest.mark.parametrize("count", [1, 2, 20])
def test_any_number_of_answers_makes_a_report(study: Study, count: int) -> None:
    answer(study, 0, count)
    answer(study, 1, 1)
    titles = {plane: plane for plane in PLANES}
    assert "</html>" in report_page(analyse(read_ratings(study)), study.questions, titles, "radar.svg", ())


def test_the_latest_answer_counts(study: Study) -> None:
    answer(study, 0, 20)
    who = study.readers[0]
    with AnswerStore(study.answers_path, study.id) as store:
        changed = GOOD | {"real_or_synthetic": 0, "clarity": 1}
        store.add(Submission("anna", 3, who.order[3], changed, None, ""), 20)
    ratings = read_ratings(study)
    assert len(ratings) == 20
    [row] = np.flatnonzero((ratings.image == who.order[3]) & ~ratings.is_repeat)
    assert ratings.of("clarity")[row] == 1
    assert ratings.progress[0].corrections == 1


def test_second_showings_count_for_repeatability_alone(study: Study) -> None:
    answer(study, 0, 20)
    ratings = read_ratings(study)
    assert (len(ratings), int(ratings.is_repeat.sum()), len(ratings.first)) == (20, 2, 18)
    results = analyse(ratings)
    assert results.mean("clarity", reader="anna").count == 18
    assert {one.pairs for one in results.repeatabilities} == {2}


def test_nothing_answered_is_told(study: Study) -> None:
    with pytest.raises(FetalFlexError, match=r"nobody has answered .*--random-answers"):
        read_ratings(study)


def test_answers_that_do_not_fit_the_study_are_refused(study: Study) -> None:
    answer(study, 0, 3)
    content = json.loads((study.root / "readers.json").read_text())
    content["readers"][0]["order"].reverse()
    (study.root / "readers.json").write_text(json.dumps(content))
    with pytest.raises(FetalFlexError, match="'anna' was shown other images than"):
        read_ratings(Study(study.root))
    content["readers"] = content["readers"][1:]
    (study.root / "readers.json").write_text(json.dumps(content))
    with pytest.raises(FetalFlexError, match="answers by 'anna', who is no reader of this study"):
        read_ratings(Study(study.root))


def test_answers_outside_their_scale_are_refused(study: Study) -> None:
    answer(study, 0, 3, clarity=8)
    with pytest.raises(FetalFlexError, match="anna, image 1: answers: clarity must be a whole number from 1 to 5"):
        read_ratings(study)


def test_every_answer_is_in_the_table(study: Study) -> None:
    answer(study, 0, 20)
    rows = rows_of(answers_csv(read_ratings(study)))
    assert len(rows) == 20 * 6
    assert {row["showing"] for row in rows} == {"1", "2"}
    for row in rows:
        image = study.key.images[int(row["image"].removesuffix(".png")) - 1]
        assert (row["method"], row["plane"], row["case"]) == (image.method, image.plane, image.case)
        assert (row["reader"], row["seconds"], row["random"]) == ("anna", "2.5", "0")
        assert row["question"] in (*GOOD, "real_or_synthetic")


def test_readings_are_as_imrmc_takes_them() -> None:
    ratings = ratings_of(lambda _: 3, cases=4, calls=lambda at: int(at.method != "real" and at.case > 0))
    rows = rows_of(imrmc_csv(ratings))
    assert list(rows[0]) == ["readerID", "caseID", "modalityID", "score"]
    truth = {row["caseID"]: row["score"] for row in rows if row["readerID"] == "truth"}
    assert list(truth.values()) == ["0"] * 4 + ["1"] * 8
    assert all(row["modalityID"] == "truth" for row in rows if row["readerID"] == "truth")
    read = [row for row in rows if row["readerID"] != "truth"]
    for modality in ("ours", "other"):  # every modality has real and synthetic cases, read by all readers
        own = [row for row in read if row["modalityID"] == modality]
        assert len(own) == 3 * 8
        assert sorted(truth[row["caseID"]] for row in own) == ["0"] * 12 + ["1"] * 12
        assert sum(row["score"] == "1" for row in own) == 3 * 3
    assert imrmc_csv(ratings_of(lambda _: 3, methods=("ours", "other"))) is None


def test_names_do_no_harm_in_pages_and_spreadsheets(tmp_path: Path) -> None:
    name = "<script>alert(1)</script>"
    ratings = ratings_of(lambda at: at.rng.integers(1, 6), methods=("real", name), readers=("=HYPERLINK(1)", "b&b"))
    page = report_page(analyse(ratings), ratings.questions, {"abdominal_transverse": "A<b>"}, "radar.svg", ())
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "b&amp;b" in page
    assert all(not line.startswith("=") for line in answers_csv(ratings).splitlines())


def test_other_scales_and_questions_make_a_report(tmp_path: Path) -> None:
    from fetalflex.study.questions import default_questions

    default = default_questions()
    two = default.model_copy(
        update={"points": 7, "criteria": default.criteria[:2], "real_or_synthetic": False, "title": "Two"}
    )
    offered = [replace(one, plane="any") for one in candidates(planes=("any",), each=6)]
    study = create_study(tmp_path / "study", offered, Design(["anna"]), two).study
    ratings = random_ratings(study, 0)
    assert set(np.unique(ratings.answers)) <= set(range(1, 8))
    page = write(study, ratings, tmp_path / "report")
    assert "Real or synthetic</h2>" not in page.read_text()
    assert not (tmp_path / "report" / "imrmc.csv").exists()

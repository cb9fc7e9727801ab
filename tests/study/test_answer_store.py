from __future__ import annotations

import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from fetalflex.errors import FetalFlexError
from fetalflex.study.answers import AnswerStore, AnswersUnavailableError, OutOfStepError, Submission, read_submissions

STUDY = "0" * 32


def said(reader: str = "anna", position: int = 0, clarity: int = 3) -> Submission:
    return Submission(reader, position, 7, {"clarity": clarity}, 1.5, "")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "answers.sqlite"


def test_answers_are_kept_and_the_latest_counts(path: Path) -> None:
    with AnswerStore(path, STUDY) as store:
        assert store.add(said(clarity=2), seen=0) == 1
        assert store.add(said(position=1), seen=1) == 2
        assert store.add(said(clarity=5), seen=2) == 3
        assert store.add(said("ben"), seen=0) == 1
    with AnswerStore(path, STUDY) as store:
        latest = store.latest("anna")
        assert {place: dict(one.answers) for place, one in latest.items()} == {0: {"clarity": 5}, 1: {"clarity": 3}}
        assert (latest[0].image, latest[0].seconds) == (7, 1.5)
        assert latest[0].at.endswith("+00:00")
        assert (store.count("anna"), store.count("ben"), store.count("carl")) == (3, 1, 0)
    assert [one.answers["clarity"] for one in read_submissions(path, STUDY)] == [2, 3, 5, 3]


def test_a_second_window_does_not_overwrite_the_first(path: Path) -> None:
    with AnswerStore(path, STUDY) as store:
        store.add(said(clarity=4), seen=0)
        with pytest.raises(OutOfStepError, match="another window"):
            store.add(said(clarity=1), seen=0)
        assert store.count("anna") == 1
        assert store.latest("anna")[0].answers == {"clarity": 4}


def test_of_many_at_once_one_is_kept(path: Path) -> None:
    def submit(value: int) -> bool:
        try:
            store.add(said(clarity=value), seen=0)
            return True
        except OutOfStepError:
            return False

    with AnswerStore(path, STUDY) as store, ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(submit, range(1, 9))) == 1
        assert store.count("anna") == 1


def test_the_log_is_flushed_with_every_answer(path: Path) -> None:
    with AnswerStore(path, STUDY) as store:
        connection = store._connection
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL


KILLED = """
import os, signal, sys
from fetalflex.study.answers import AnswerStore, Submission
store = AnswerStore(sys.argv[1], "0" * 32)
for place in range(5):
    store.add(Submission("anna", place, 7, {"clarity": 3}, None, ""), place)
    print(place, flush=True)
store._connection.execute("BEGIN IMMEDIATE")
store._connection.execute("DELETE FROM submissions")
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_process_loses_nothing_that_it_acknowledged(path: Path) -> None:
    killed = subprocess.run([sys.executable, "-c", KILLED, str(path)], capture_output=True, text=True)
    assert killed.returncode == -9
    assert killed.stdout.split() == ["0", "1", "2", "3", "4"]
    assert len(read_submissions(path, STUDY)) == 5
    with AnswerStore(path, STUDY) as store:
        assert store.add(said(position=5), seen=5) == 6


def test_answers_of_another_study_are_refused(path: Path) -> None:
    AnswerStore(path, "1" * 32).close()
    for opening in (AnswerStore, read_submissions):
        with pytest.raises(FetalFlexError, match="answers to another study"):
            opening(path, STUDY)


def test_other_databases_and_files_are_refused(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE other (a)")
    connection.commit()
    connection.close()
    with pytest.raises(FetalFlexError, match="holds no answers of a reader study"):
        AnswerStore(path, STUDY)
    path.write_bytes(b"no database at all, but long enough to be looked at" * 100)
    for opening in (AnswerStore, read_submissions):
        with pytest.raises(FetalFlexError, match="is damaged"):
            opening(path, STUDY)


def test_a_damaged_database_is_told(path: Path) -> None:
    with AnswerStore(path, STUDY) as store:
        for place in range(200):
            store._connection.execute(
                "INSERT INTO submissions (reader, position, image, answers, at) VALUES ('anna', ?, 0, '{}', '')",
                (place,),
            )
    content = bytearray(path.read_bytes())
    content[8192:12288] = b"\xff" * 4096
    path.write_bytes(content)
    for opening in (AnswerStore, read_submissions):
        with pytest.raises(FetalFlexError, match="is damaged"):
            opening(path, STUDY)


def test_a_locked_database_is_told_and_nothing_is_lost(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fetalflex.study.answers._BUSY_SECONDS", 0.05)
    with AnswerStore(path, STUDY) as store:
        store.add(said(), seen=0)
        holder = sqlite3.connect(path, isolation_level=None)
        holder.execute("BEGIN EXCLUSIVE")
        with pytest.raises(AnswersUnavailableError, match="cannot be used now"):
            store.add(said(position=1), seen=1)
        holder.execute("ROLLBACK")
        holder.close()
        assert store.add(said(position=1), seen=1) == 2


def test_nothing_answered_is_no_error(path: Path) -> None:
    assert read_submissions(path, STUDY) == []
    assert not path.exists()


@pytest.mark.parametrize("answers", ["{", "[1]", "3", ""])
def test_answers_that_cannot_be_read_are_told(path: Path, answers: str) -> None:
    with AnswerStore(path, STUDY) as store:
        store.add(said(), seen=0)
        store._connection.execute("UPDATE submissions SET answers = ?", (answers,))
        with pytest.raises(FetalFlexError, match="is damaged"):
            store.latest("anna")
    with pytest.raises(FetalFlexError, match="is damaged"):
        read_submissions(path, STUDY)

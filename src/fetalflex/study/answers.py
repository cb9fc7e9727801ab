"""What readers said, in SQLite: each submission is on disk before the next image shows, and none is ever changed.

A reader may go back and rate an image anew; that is a further submission, and the latest one counts.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

from fetalflex.errors import FetalFlexError

_APPLICATION_ID = 0x46465253  # "FFRS"
_VERSION = 1
_BUSY_SECONDS = 2.0
_TABLES = """
CREATE TABLE study (id TEXT NOT NULL PRIMARY KEY) STRICT;
CREATE TABLE submissions (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    reader TEXT NOT NULL,
    position INTEGER NOT NULL CHECK (position >= 0),
    image INTEGER NOT NULL CHECK (image >= 0),
    answers TEXT NOT NULL,
    seconds REAL,
    at TEXT NOT NULL
) STRICT;
CREATE INDEX submissions_of_readers ON submissions (reader, position, number);
"""


@dataclass(frozen=True)
class Submission:
    """What a reader said of one image.

    Args:
        reader: Who.
        position: Place of the image in the reader's order, from 0.
        image: Number of the image.
        answers: Question to answer.
        seconds: For how long the image had been shown; None if not known.
        at: When it was kept, UTC, ISO 8601.
    """

    reader: str
    position: int
    image: int
    answers: Mapping[str, int]
    seconds: float | None
    at: str


class OutOfStepError(FetalFlexError):
    """A reader has answered elsewhere meanwhile, such as in a second window."""


class AnswersUnavailableError(FetalFlexError):
    """The answers cannot be read or kept just now; trying again may help."""


class AnswerStore:
    """Keep the answers of a study; safe to be called by several threads.

    The journal is a write-ahead log that is flushed with every submission, so that neither a killed process nor a
    power cut loses one that was acknowledged.

    Args:
        path: Database; made if it is missing.
        study_id: Study that the answers belong to.

    Raises:
        FetalFlexError: If the database is damaged, no answers of FetalFlex, of another study, or locked.
    """

    def __init__(self, path: Path, study_id: str) -> None:
        self._path = path
        self._guard = threading.Lock()
        with _telling(path):
            self._connection = sqlite3.connect(
                path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
            try:
                self._open(study_id)
            except BaseException:
                self._connection.close()
                raise

    def __enter__(self) -> AnswerStore:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the database; what is in the log goes into the main file."""
        with self._guard:
            self._connection.close()

    def add(self, submission: Submission, seen: int) -> int:
        """Keep what a reader said; it is on disk when this returns.

        Args:
            submission: What was said; its time is set here.
            seen: How many submissions of the reader the page knew of.

        Returns:
            How many submissions of the reader there are now.

        Raises:
            OutOfStepError: If there are more submissions of the reader than the page knew of.
            AnswersUnavailableError: If the database is locked or cannot be written to.
        """
        with self._guard, _telling(self._path):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                count = self._count(submission.reader)
                if count != seen:
                    raise OutOfStepError(
                        "answers were given in another window meanwhile; this one shows the next image now"
                    )
                self._connection.execute(
                    "INSERT INTO submissions (reader, position, image, answers, seconds, at) VALUES (?, ?, ?, ?, ?, ?)",
                    (
                        submission.reader,
                        submission.position,
                        submission.image,
                        json.dumps(dict(submission.answers)),
                        submission.seconds,
                        datetime.now(UTC).isoformat(timespec="milliseconds"),
                    ),
                )
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise
            return count + 1

    def count(self, reader: str) -> int:
        """Return how many submissions of a reader there are, corrections included."""
        with self._guard, _telling(self._path):
            return self._count(reader)

    def latest(self, reader: str) -> dict[int, Submission]:
        """Return the submission that counts for each position of a reader."""
        with self._guard, _telling(self._path):
            rows = self._connection.execute(f"{_SELECT} WHERE reader = ? ORDER BY number", (reader,)).fetchall()
            return {row[1]: _submission(row) for row in rows}

    def _count(self, reader: str) -> int:
        [count] = self._connection.execute("SELECT count(*) FROM submissions WHERE reader = ?", (reader,)).fetchone()
        return int(count)

    def _open(self, study_id: str) -> None:
        connection = self._connection
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("BEGIN IMMEDIATE")
        if connection.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,):
            for statement in _TABLES.split(";"):
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {_VERSION}")
            connection.execute("INSERT INTO study VALUES (?)", (study_id,))
        connection.execute("COMMIT")
        _check(connection, self._path, study_id)


_SELECT = "SELECT reader, position, image, answers, seconds, at FROM submissions"


def read_submissions(path: Path, study_id: str) -> list[Submission]:
    """Return all submissions, the oldest first, while a server may be adding to them; none if nobody has begun.

    Raises:
        FetalFlexError: If the database is damaged, no answers of FetalFlex, of another study, or locked.
    """
    if not path.exists():
        return []
    with _telling(path):
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=_BUSY_SECONDS)
        try:
            _check(connection, path, study_id)
            return [_submission(row) for row in connection.execute(f"{_SELECT} ORDER BY number")]
        finally:
            connection.close()


def _submission(row: tuple[str, int, int, str, float | None, str]) -> Submission:
    reader, position, image, answers, seconds, at = row
    said = json.loads(answers)
    if not isinstance(said, dict):
        raise sqlite3.DatabaseError(f"the answers of {reader} to image {position + 1} cannot be read")
    return Submission(reader, position, image, said, seconds, at)


def _check(connection: sqlite3.Connection, path: Path, study_id: str) -> None:
    [[number]] = connection.execute("PRAGMA application_id")
    if number != _APPLICATION_ID:
        raise FetalFlexError(f"{path} is a database, but holds no answers of a reader study; move it elsewhere")
    [[version]] = connection.execute("PRAGMA user_version")
    if version != _VERSION:
        raise FetalFlexError(f"{path} was written by another version of FetalFlex (format {version}, not {_VERSION})")
    problems = [row[0] for row in connection.execute("PRAGMA quick_check(1)")]
    if problems != ["ok"]:
        raise FetalFlexError(f"{path} is damaged ({problems[0]}); put a backup in its place")
    owners = [row[0] for row in connection.execute("SELECT id FROM study")]
    if owners != [study_id]:
        raise FetalFlexError(f"{path} holds the answers to another study; put those to this study there, or move it")


@contextmanager
def _telling(path: Path) -> Iterator[None]:
    """Tell what SQLite refuses as an error that names the file."""
    try:
        yield
    except sqlite3.OperationalError as error:
        raise AnswersUnavailableError(
            f"{path} cannot be used now: {error}; close what else uses it, and try again"
        ) from error
    except (sqlite3.DatabaseError, json.JSONDecodeError) as error:
        raise FetalFlexError(f"{path} is damaged ({error}); put a backup in its place") from error

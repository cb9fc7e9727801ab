"""The answers of a study beside what the images are: one row for each time that a reader rated an image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fetalflex.errors import FetalFlexError
from fetalflex.study.answers import Submission, read_submissions
from fetalflex.study.folder import KeyImage, Study
from fetalflex.study.questions import REAL, SYNTHETIC, Questions

Indices = NDArray[np.intp]
Values = NDArray[np.float64]


class Progress(NamedTuple):
    """How far a reader is: name, images rated, images in all (repeated ones count twice), and corrections."""

    reader: str
    rated: int
    total: int
    corrections: int


@dataclass(frozen=True)
class Ratings:
    """Ratings, row by row; the latest counts where a reader went back.

    Args:
        questions: What was asked.
        images: What each image is.
        readers: Names.
        reader: Index of the reader of each row, (rows,).
        image: Index of the image, (rows,).
        is_repeat: Whether the reader saw the image for the second time, (rows,) bool.
        answers: (rows, questions) float64, in the order of `questions.names`.
        seconds: For how long the image was shown, (rows,); NaN where unknown.
        at: When it was rated, UTC.
        progress: How far each reader is.
        are_random: Whether the answers were drawn, to try out a report, and nobody has given them.
    """

    questions: Questions
    images: Sequence[KeyImage]
    readers: tuple[str, ...]
    reader: Indices
    image: Indices
    is_repeat: NDArray[np.bool_]
    answers: Values
    seconds: Values
    at: tuple[str, ...]
    progress: tuple[Progress, ...]
    are_random: bool = False

    def __len__(self) -> int:
        return len(self.reader)

    @cached_property
    def methods(self) -> tuple[str, ...]:
        """Names of the methods; those whose images are real come first."""
        is_real = {image.method: not image.synthetic for image in self.images}
        return tuple(sorted(is_real, key=lambda method: (not is_real[method], method)))

    @cached_property
    def planes(self) -> tuple[str, ...]:
        """Names of the planes."""
        return tuple(sorted({image.plane for image in self.images}))

    @cached_property
    def cases(self) -> tuple[tuple[str, str], ...]:
        """Plane and name of the cases."""
        return tuple(sorted({(image.plane, image.case) for image in self.images}))

    @cached_property
    def method(self) -> Indices:
        """Index of the method of each row."""
        return np.array([self.methods.index(image.method) for image in self.images], np.intp)[self.image]

    @cached_property
    def plane(self) -> Indices:
        """Index of the plane of each row."""
        return np.array([self.planes.index(image.plane) for image in self.images], np.intp)[self.image]

    @cached_property
    def case(self) -> Indices:
        """Index of the case of each row."""
        place = {case: index for index, case in enumerate(self.cases)}
        return np.array([place[image.plane, image.case] for image in self.images], np.intp)[self.image]

    @cached_property
    def truth(self) -> Indices:
        """What the image of each row is: `REAL` or `SYNTHETIC`."""
        return np.array([SYNTHETIC if image.synthetic else REAL for image in self.images], np.intp)[self.image]

    def of(self, question: str) -> Values:
        """Return the answers to a question, (rows,)."""
        return self.answers[:, self.questions.names.index(question)]

    @property
    def first(self) -> Ratings:
        """The ratings of images seen for the first time, which all but repeatability rests on."""
        return self.where(~self.is_repeat)

    def where(self, chosen: NDArray[np.bool_]) -> Ratings:
        """Return some of the rows."""
        return Ratings(
            self.questions,
            self.images,
            self.readers,
            self.reader[chosen],
            self.image[chosen],
            self.is_repeat[chosen],
            self.answers[chosen],
            self.seconds[chosen],
            tuple(time for time, is_chosen in zip(self.at, chosen, strict=True) if is_chosen),
            self.progress,
            self.are_random,
        )


def read_ratings(study: Study) -> Ratings:
    """Return what readers have said so far.

    Raises:
        FetalFlexError: If nobody has answered yet, or answers do not fit the study.
    """
    submissions = read_submissions(study.answers_path, study.id)
    if not submissions:
        raise FetalFlexError(
            f"nobody has answered {study.root} yet; serve it by fetalflex study run, or see by --random-answers what a "
            "report looks like"
        )
    return _ratings(study, submissions, are_random=False)


def random_ratings(study: Study, seed: int) -> Ratings:
    """Return answers that nobody gave, drawn evenly, as if all readers had finished: to try out a report.

    Args:
        study: The study.
        seed: Of the draws.
    """
    generator, questions = np.random.default_rng(seed), study.questions
    drawn = []
    for reader in study.readers:
        for position, image in enumerate(reader.order):
            answers = {one.name: int(generator.integers(1, questions.points + 1)) for one in questions.criteria}
            truth = {name: int(generator.integers(2)) for name in questions.names if name not in answers}
            drawn.append(Submission(reader.name, position, image, answers | truth, None, ""))
    return _ratings(study, drawn, are_random=True)


def _ratings(study: Study, submissions: Sequence[Submission], are_random: bool) -> Ratings:
    orders = {reader.name: reader.order for reader in study.readers}
    latest: dict[tuple[str, int], Submission] = {}
    given: dict[str, int] = dict.fromkeys(orders, 0)
    for one in submissions:
        if one.reader not in orders:
            raise FetalFlexError(
                f"{study.answers_path} holds answers by {one.reader!r}, who is no reader of this study; put back the "
                "readers.json that the study was served with"
            )
        if not one.position < len(orders[one.reader]) or orders[one.reader][one.position] != one.image:
            raise FetalFlexError(
                f"{study.answers_path}: {one.reader!r} was shown other images than readers.json says; put back the one "
                "that the study was served with"
            )
        latest[one.reader, one.position] = one
        given[one.reader] += 1
    names = study.questions.names
    rows = [latest[place] for place in sorted(latest)]
    checked = []
    for one in rows:
        try:
            checked.append(study.questions.check_answers(dict(one.answers)))
        except FetalFlexError as error:
            raise FetalFlexError(f"{study.answers_path}: {one.reader}, image {one.position + 1}: {error}") from error
    readers = tuple(orders)
    rated = {name: sum(reader == name for reader, _ in latest) for name in orders}
    return Ratings(
        study.questions,
        study.key.images,
        readers,
        np.array([readers.index(one.reader) for one in rows], np.intp),
        np.array([one.image for one in rows], np.intp),
        np.array([one.position != orders[one.reader].index(one.image) for one in rows], bool),
        np.array([[answers[name] for name in names] for answers in checked], np.float64),
        np.array([np.nan if one.seconds is None else one.seconds for one in rows], np.float64),
        tuple(one.at for one in rows),
        tuple(Progress(name, rated[name], len(orders[name]), given[name] - rated[name]) for name in orders),
        are_random,
    )

"""What readers are asked: criteria with a scale, and whether an image is real or synthetic. Read from YAML."""

from __future__ import annotations

from functools import cache
from importlib.resources import as_file, files
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, field_validator

from fetalflex.checks import describe_error, mapping_with_keys, whole_number
from fetalflex.errors import FetalFlexError
from fetalflex.files.json_files import JsonMapping

TRUTH = "real_or_synthetic"
"""The name of the question whether an image is real (0) or synthetic (1)."""

REAL, SYNTHETIC = 0, 1

_Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
_Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
_Word = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=40)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Criterion(_Strict):
    """Describe one scale.

    Args:
        name: For files: lower case letters, digits, underscores.
        title: For people, up to 40 characters.
        question: What to judge.
        lowest: What 1 means.
        highest: What the highest point means; it is the best.
    """

    name: _Name
    title: _Word
    question: _Line
    lowest: _Word
    highest: _Word


class Questions(_Strict):
    """What readers are asked of each image.

    Args:
        title: Of the study, as readers see it.
        instructions: What readers are told before they begin.
        points: Of each scale, 2 to 9, so that each has a key.
        criteria: 1 to 12 scales, each with a name of its own.
        real_or_synthetic: Whether readers are also asked that, after the scales.
    """

    title: _Line
    instructions: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=4000)]
    points: Annotated[int, Field(strict=True, ge=2, le=9)] = 5
    criteria: Annotated[tuple[Criterion, ...], Field(min_length=1, max_length=12)]
    real_or_synthetic: Annotated[bool, Field(strict=True)] = True

    @field_validator("criteria")
    @classmethod
    def _without_doubles(cls, criteria: tuple[Criterion, ...]) -> tuple[Criterion, ...]:
        for what in ("name", "title"):
            values = [getattr(criterion, what) for criterion in criteria]
            if twice := [value for value in values if values.count(value) > 1]:
                raise ValueError(f"two criteria have the {what} {twice[0]!r}; rename one")
        if TRUTH in (criterion.name for criterion in criteria):
            raise ValueError(f"no criterion may be called {TRUTH!r}; that question is switched by {TRUTH}: true")
        return criteria

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all questions, in the order of asking."""
        return (*(one.name for one in self.criteria), *((TRUTH,) if self.real_or_synthetic else ()))

    def check_answers(self, answers: object) -> dict[str, int]:
        """Return the answers to all questions about one image, as they may be kept.

        Args:
            answers: Question to a whole number: 1 to `points`, for `TRUTH` 0 (real) or 1 (synthetic).

        Raises:
            FetalFlexError: If one is missing, unknown or outside its scale.
        """
        given: JsonMapping = mapping_with_keys(answers, "answers", self.names)
        scales = {name: (REAL, SYNTHETIC) if name == TRUTH else (1, self.points) for name in self.names}
        return {name: whole_number(given[name], f"answers: {name}", *scales[name]) for name in self.names}


def questions_of(values: object, where: str) -> Questions:
    """Return questions from plain values, as they stand in a YAML or JSON file.

    Args:
        values: Mapping, as in `criteria.yaml`.
        where: Names the file in messages.

    Raises:
        FetalFlexError: If a field is missing, unknown or wrong; the message names it.
    """
    try:
        return Questions.model_validate(values)
    except ValidationError as error:
        raise FetalFlexError(f"{where}: {describe_error(error)}") from error


def read_questions(path: Path) -> Questions:
    """Return the questions in a YAML file.

    Raises:
        FetalFlexError: If the file cannot be read, or a field is wrong.
    """
    from fetalflex.files.yaml_files import read_yaml

    try:
        values = read_yaml(path, "file of criteria")
    except FetalFlexError as error:
        raise FetalFlexError(f"{path} {error}") from error
    return questions_of(values, str(path))


@cache
def default_questions() -> Questions:
    """Return the questions of the paper's reader study, from 1 to 5, and whether an image is real or synthetic."""
    with as_file(files("fetalflex.study") / "criteria.yaml") as path:
        return read_questions(path)

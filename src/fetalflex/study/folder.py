"""The study folder: questions, images and readers, which the server reads, and the key, which it never opens.

study.json      questions, number and size of the images
images/         0001.png ..., in random order, without metadata
readers.json    name, link token and order of images of each reader
key.json        method, plane, case and truth of each image: for the report alone
synthetic.jsonl the images that are synthetic, by their pixels
answers.sqlite  what readers said; made when the first one begins
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from fetalflex.checks import describe_error
from fetalflex.errors import FetalFlexError
from fetalflex.files import FolderKind
from fetalflex.files.json_files import read_json
from fetalflex.study.questions import Questions

STUDY, READERS, KEY, IMAGES, ANSWERS = "study.json", "readers.json", "key.json", "images", "answers.sqlite"

STUDY_FOLDER = FolderKind("reader study")

_LARGEST_FILE = 64_000_000
_Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=60)]
_Index = Annotated[int, Field(strict=True, ge=0)]
_FileT = TypeVar("_FileT", bound=BaseModel)


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class StudyFile(_Strict):
    """The file `study.json`: which study it is, how many images of which width and height, and the questions."""

    format: Literal["fetalflex/reader-study"] = "fetalflex/reader-study"
    version: Literal[1] = 1
    id: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
    images: Annotated[int, Field(strict=True, ge=1)]
    size: tuple[_Index, _Index]
    questions: Questions


class Reader(_Strict):
    """A reader: name, what the link ends in, and the numbers of the images in their order, some of them twice."""

    name: _Name
    token: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{20,100}$")]
    order: Annotated[tuple[_Index, ...], Field(min_length=1)]


class ReadersFile(_Strict):
    """The file `readers.json`."""

    study: str
    readers: Annotated[tuple[Reader, ...], Field(min_length=1)]


class KeyImage(_Strict):
    """What an image is: what made it, its plane and case, whether it is synthetic, and where it came from."""

    method: _Name
    plane: str
    case: str
    synthetic: bool
    origin: str


class KeyFile(_Strict):
    """The file `key.json`: the images by number, and how the study was drawn."""

    study: str
    seed: int
    each: int | None
    repeat_share: float
    images: Annotated[tuple[KeyImage, ...], Field(min_length=1)]


class Study:
    """Open a study folder.

    Args:
        root: Folder that `create_study` made.

    Raises:
        FetalFlexError: If it is none, or one of its files is missing or damaged.
    """

    def __init__(self, root: Path) -> None:
        if not (root / STUDY).is_file():
            raise FetalFlexError(f"{root} is no reader study: it has no {STUDY}; `fetalflex study create` makes one")
        self.root = root
        self.file = _read(root / STUDY, StudyFile)

    @property
    def id(self) -> str:
        """What tells this study from all others."""
        return self.file.id

    @property
    def questions(self) -> Questions:
        """What readers are asked."""
        return self.file.questions

    @property
    def answers_path(self) -> Path:
        """Where the answers lie."""
        return self.root / ANSWERS

    @cached_property
    def readers(self) -> tuple[Reader, ...]:
        """The readers.

        Raises:
            FetalFlexError: If their file is missing, damaged or of another study.
        """
        found = _read(self.root / READERS, ReadersFile)
        self._check_study(found.study, READERS)
        for what in ("name", "token"):
            if len({getattr(reader, what) for reader in found.readers}) < len(found.readers):
                raise FetalFlexError(f"{self.root / READERS}: two readers have one {what}; give each their own")
        if bad := [reader.name for reader in found.readers if max(reader.order) >= self.file.images]:
            raise FetalFlexError(f"{self.root / READERS}: the order of {bad[0]!r} names images that are not there")
        return found.readers

    @cached_property
    def key(self) -> KeyFile:
        """What the images are; for the report, never for the server.

        Raises:
            FetalFlexError: If the key is missing, damaged or of another study.
        """
        found = _read(self.root / KEY, KeyFile)
        self._check_study(found.study, KEY)
        if len(found.images) != self.file.images:
            raise FetalFlexError(
                f"{self.root / KEY} knows {len(found.images)} images, the study has {self.file.images}; put the key of "
                "this study there"
            )
        return found

    def image_path(self, number: int) -> Path:
        """Return where the image with a number, from 0, lies."""
        return self.root / IMAGES / image_name(number)

    def _check_study(self, id: str, name: str) -> None:
        if id != self.id:
            raise FetalFlexError(f"{self.root / name} belongs to another study; put the one of this study there")


def image_name(number: int) -> str:
    """Return the file name of the image with a number, from 0."""
    return f"{number + 1:04}.png"


def _read(path: Path, kind: type[_FileT]) -> _FileT:
    values: object = read_json(path, _LARGEST_FILE)
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        raise FetalFlexError(f"{path}: {describe_error(error)}") from error

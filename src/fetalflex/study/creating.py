"""Make a study folder: choose images, hide what they are, and draw each reader's order."""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from fetalflex.checks import whole_number
from fetalflex.data.image_files import encode_png
from fetalflex.errors import FetalFlexError
from fetalflex.files import new_folder, write_bytes, write_text
from fetalflex.provenance import SyntheticList
from fetalflex.study.candidates import Candidate
from fetalflex.study.folder import (
    ANSWERS,
    IMAGES,
    KEY,
    READERS,
    STUDY,
    STUDY_FOLDER,
    KeyFile,
    KeyImage,
    Reader,
    ReadersFile,
    Study,
    StudyFile,
    image_name,
)
from fetalflex.study.order import reading_order
from fetalflex.study.pictures import fitted, telltale_sizes
from fetalflex.study.questions import Questions, default_questions
from fetalflex.study.selection import balanced

MAX_READERS = 100
MAX_SIDE = 4096
REPEAT_SHARE = 0.1
_LONGEST_NAME = 60
_DATE_OF_ALL = 0
"""Time stamp of all images, so that the times of writing say nothing."""


@dataclass(frozen=True)
class Design:
    """How a study is drawn from its images.

    Args:
        readers: Names, each once.
        each: Images of each plane by each method; as many as the smallest group has by default.
        repeat_share: Share of the images that each reader sees twice, 0 to 0.5.
        seed: Of the choice and all orders.
        size: Width and height that all images get; the median ones by default.
        crop: Fill the size and cut off what sticks out; else show all of each image, on black.
    """

    readers: Sequence[str]
    each: int | None = None
    repeat_share: float = REPEAT_SHARE
    seed: int = 0
    size: tuple[int, int] | None = None
    crop: bool = False

    def __post_init__(self) -> None:
        if not 1 <= len(self.readers) <= MAX_READERS:
            raise FetalFlexError(f"a study has 1 to {MAX_READERS} readers, got {len(self.readers)}")
        for name in self.readers:
            if not name.isprintable() or name != name.strip() or not 0 < len(name) <= _LONGEST_NAME:
                raise FetalFlexError(f"the reader {name!r} must be a name of 1 to {_LONGEST_NAME} characters")
            if self.readers.count(name) > 1:
                raise FetalFlexError(f"the reader {name!r} is named twice; give each a name of their own")
        if not 0 <= self.repeat_share <= 0.5:
            raise FetalFlexError(f"the share of repeated images must be from 0 to 0.5, got {self.repeat_share:g}")
        if self.each is not None:
            whole_number(self.each, "images of each plane by each method", 1, 100_000)
        for side in self.size or ():
            whole_number(side, "the side of the images", 16, MAX_SIDE)


@dataclass(frozen=True)
class Created:
    """A new study, and what readers may tell methods by, in sentences."""

    study: Study
    warnings: tuple[str, ...]


def create_study(
    out: Path,
    candidates: Collection[Candidate],
    design: Design,
    questions: Questions | None = None,
    force: bool = False,
) -> Created:
    """Make a study folder, wholly or not at all.

    The images are encoded anew, without metadata, at one size, under numbers that are drawn. Images, choice and orders
    depend on the seed alone; the readers' tokens are new each time.

    Args:
        out: Folder to make.
        candidates: Images to choose from.
        design: How.
        questions: What readers are asked; those of the paper by default.
        force: Replace an older study in which nobody has answered yet.

    Raises:
        FetalFlexError: If something is in the way, there are too few images, an image cannot be read, or two images
            are the same picture.
    """
    check_not_answered(out)
    generator = np.random.default_rng(design.seed)
    chosen = balanced(sorted(candidates, key=lambda one: (*one.group, one.origin)), design.each, generator)
    shown = [chosen[int(index)] for index in generator.permutation(len(chosen))]
    size = design.size or _median_size(shown)
    id = secrets.token_hex(16)
    repeats = round(design.repeat_share * len(shown))
    if design.repeat_share > 0:
        repeats = max(1, repeats)
    groups = [candidate.group for candidate in shown]
    cases = [(candidate.plane, candidate.case) for candidate in shown]
    readers = tuple(
        Reader(name=name, token=secrets.token_urlsafe(24), order=tuple(reading_order(groups, cases, repeats, stream)))
        for name, stream in zip(design.readers, generator.spawn(len(design.readers)), strict=True)
    )
    key = KeyFile(
        study=id,
        seed=design.seed,
        each=design.each,
        repeat_share=design.repeat_share,
        images=tuple(_key_of(candidate) for candidate in shown),
    )
    file = StudyFile(id=id, images=len(shown), size=size, questions=questions or default_questions())
    with new_folder(out, STUDY_FOLDER, force) as partial:
        _write_images(partial, shown, size, design.crop)
        _write(partial / STUDY, file)
        _write(partial / READERS, ReadersFile(study=id, readers=readers))
        _write(partial / KEY, key)
        check_not_answered(out)
    return Created(Study(out), tuple(telltale_sizes(shown, design.crop)))


def check_not_answered(out: Path) -> None:
    """Raise a FetalFlexError if a folder holds answers of readers, which are never deleted."""
    if (out / ANSWERS).exists():
        raise FetalFlexError(
            f"{out} is a study that readers have answered; their answers are not deleted, not even by force: give a "
            "new folder"
        )


def _median_size(candidates: Sequence[Candidate]) -> tuple[int, int]:
    width, height = np.median([candidate.size for candidate in candidates], axis=0)
    return int(min(width, MAX_SIDE)), int(min(height, MAX_SIDE))


def _key_of(candidate: Candidate) -> KeyImage:
    return KeyImage(
        method=candidate.method,
        plane=candidate.plane,
        case=candidate.case,
        synthetic=candidate.mark is not None,
        origin=candidate.origin,
    )


def _write_images(folder: Path, candidates: Sequence[Candidate], size: tuple[int, int], crop: bool) -> None:
    (folder / IMAGES).mkdir()
    listed, known = SyntheticList(), dict[bytes, str]()
    for number, candidate in enumerate(candidates):
        pixels = fitted(candidate.load(), size, crop)
        _check_new(pixels, candidate, known)
        path = folder / IMAGES / image_name(number)
        write_bytes(path, encode_png(pixels))
        os.utime(path, (_DATE_OF_ALL, _DATE_OF_ALL))
        if candidate.mark is not None:
            listed.add(f"{IMAGES}/{path.name}", pixels, candidate.mark)
    listed.write(folder)


def _check_new(pixels: NDArray[np.uint8], candidate: Candidate, known: dict[bytes, str]) -> None:
    digest = hashlib.sha256(pixels.tobytes()).digest()
    if digest in known:
        raise FetalFlexError(
            f"{candidate.origin} and {known[digest]} are the same picture; a study shows each once: leave one out"
        )
    known[digest] = candidate.origin


def _write(path: Path, file: BaseModel) -> None:
    write_text(path, file.model_dump_json(indent=1) + "\n")

"""Ratings by rule, without a study folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from fetalflex.study.folder import KeyImage
from fetalflex.study.questions import default_questions
from fetalflex.study.ratings import Progress, Ratings


class At(NamedTuple):
    """Say who looks at what: number of the reader, method, number of the case, truth; and draw."""

    reader: int
    method: str
    case: int
    truth: int
    rng: np.random.Generator


def ratings_of(
    rule: Callable[[At], int],
    methods: Sequence[str] = ("real", "ours", "other"),
    cases: int = 10,
    readers: Sequence[str] = ("anna", "ben", "carl"),
    shared_cases: bool = True,
    repeats: int = 0,
    again: Callable[[int, int], int] = lambda value, _: value,
    calls: Callable[[At], int] = lambda at: at.truth,
) -> Ratings:
    """Return ratings of a study in which every reader has rated each image.

    Args:
        rule: Gives the value of every criterion; it is cut to 1 to 5.
        methods: Names; images by "real" are real.
        cases: Images by each method.
        readers: Names.
        shared_cases: Whether methods show the same cases.
        repeats: How many of the first images each reader sees twice.
        again: First value and number of the repeat to the second value.
        calls: Gives what the reader takes an image for.
    """
    rng, questions = np.random.default_rng(0), default_questions()
    images = [
        KeyImage(
            method=method,
            plane="abdominal_transverse",
            case=f"{case:03}" if shared_cases else f"{method}-{case:03}",
            synthetic=method != "real",
            origin="",
        )
        for method in methods
        for case in range(cases)
    ]
    rows = []
    for reader in range(len(readers)):
        for number, image in enumerate(images):
            at = At(reader, image.method, number % cases, int(image.synthetic), rng)
            rows.append((reader, number, False, int(np.clip(rule(at), 1, 5)), calls(at)))
        shown = [row for row in rows if row[0] == reader][:repeats]
        rows += [(reader, image, True, again(value, k), said) for k, (_, image, _, value, said) in enumerate(shown)]
    reader, image, is_repeat, value, said = (np.array(column) for column in zip(*rows, strict=True))
    total = len(images) + repeats
    return Ratings(
        questions,
        images,
        tuple(readers),
        reader,
        image,
        is_repeat,
        np.column_stack([value] * 5 + [said]).astype(np.float64),
        np.full(len(rows), np.nan),
        ("",) * len(rows),
        tuple(Progress(name, total, total, 0) for name in readers),
    )

"""Small studies for tests: images that are alike to the eye of a computer, and readers who answer by rule."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fetalflex.provenance import SyntheticMark
from fetalflex.study.candidates import Candidate
from fetalflex.study.creating import Design, create_study
from fetalflex.study.folder import Study

METHODS, PLANES = ("real", "ours", "other"), ("abdominal_transverse", "thalamic_transverse")


def picture(seed: int, size: tuple[int, int] = (36, 24)) -> NDArray[np.uint8]:
    """Return noise, `(H, W) uint8`."""
    return np.random.default_rng(seed).integers(0, 255, (size[1], size[0]), dtype=np.uint8)


def candidates(
    methods: Sequence[str] = METHODS, planes: Sequence[str] = PLANES, each: int = 4, shared_cases: bool = True
) -> list[Candidate]:
    """Return images by several methods; those by "real" are real."""
    made = []
    for plane in planes:
        for method in methods:
            for number in range(each):
                seed = len(made)
                case = f"{plane}-{number}" if shared_cases else f"{plane}-{method}-{number}"
                made.append(
                    Candidate(
                        f"{method}/{plane}/{number}.png",
                        method,
                        plane,
                        case,
                        None if method == "real" else SyntheticMark({"source_image": f"{case}.png"}),
                        (36, 24),
                        lambda seed=seed: picture(seed),  # type: ignore[misc]
                    )
                )
    return made


def make_study(folder: Path, readers: Sequence[str] = ("anna", "ben"), each: int = 4, seed: int = 0) -> Study:
    """Make a study of 2 planes and 3 methods."""
    return create_study(folder, candidates(each=each), Design(readers, seed=seed)).study

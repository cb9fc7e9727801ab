"""Decisions on duplicates across shards: one file per round, written before anything is done about them."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from fetalflex.errors import FetalFlexError
from fetalflex.files import write_text
from fetalflex.files.json_files import json_text, read_json, tagged_with

ROUNDS = "rounds"
FORMAT, VERSION = "fetalflex/augment-round", 1

Duplicates = dict[int, int]
"""Number of each image to be made again, and of the image that it is a near-copy of."""


def read_rounds(root: Path) -> list[Duplicates]:
    """Return the decisions of all rounds so far.

    Raises:
        FetalFlexError: If one is damaged.
    """
    rounds: list[Duplicates] = []
    while (path := _path(root, len(rounds) + 1)).exists():
        try:
            data = tagged_with(read_json(path), FORMAT, VERSION, str(path))
            rounds.append({int(number): int(of) for number, of in data["duplicates"].items()})
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise FetalFlexError(f"{path} is damaged; delete the folder {root}, or give another one") from error
    return rounds


def write_round(root: Path, round_: int, duplicates: Duplicates) -> None:
    """Write the decisions of a round, from 1."""
    entries = {str(number): of for number, of in sorted(duplicates.items())}
    write_text(_path(root, round_), json_text({"format": FORMAT, "version": VERSION, "duplicates": entries}))


def forget_rounds(root: Path) -> None:
    """Remove the decisions on the images of another set."""
    round_ = 1
    while (path := _path(root, round_)).exists():
        path.unlink()
        round_ += 1


def last_round(rounds: list[Duplicates], numbers: Collection[int]) -> int:
    """Return the last round that decided on one of some samples, 0 if none did."""
    return max((index for index, round_ in enumerate(rounds, 1) if round_.keys() & set(numbers)), default=0)


def _path(root: Path, round_: int) -> Path:
    return root / ROUNDS / f"{round_:04d}.json"

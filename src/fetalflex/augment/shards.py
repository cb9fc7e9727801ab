"""Shards on disk, and the decisions on near-copies across them.

A shard is a folder with images and `shard.json`, written wholly or not at all, read with its digests. Decisions come in
rounds: one file per round, written before anything is done about them.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import shutil
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from fetalflex.augment.outcomes import Attempts, Outcome
from fetalflex.augment.planned import PlannedImage
from fetalflex.data.dataset import ANNOTATIONS
from fetalflex.errors import FetalFlexError
from fetalflex.files import FolderKind, check_replaceable, new_folder, remove_leftovers, write_bytes, write_text
from fetalflex.files.json_files import JsonObject, json_text, read_json, tagged_with

SHARDS = "shards"
SHARD_FILE = "shard.json"
SHARD_FORMAT, SHARD_VERSION = "fetalflex/augment-shard", 1
TIMING = "timing.json"
"""Seconds that the shard took: all that differs between two runs of the same plan."""

LARGEST_FILE = 100_000_000
"""Most bytes that are read of a JSON file of a set."""


_IMAGE = re.compile(r"[0-9]{6,}-[a-z0-9_]+-[a-z0-9_]+\.png")

ROUNDS = "rounds"
ROUND_FORMAT, ROUND_VERSION = "fetalflex/augment-round", 1

Duplicates = dict[int, int]
"""Number of each image to be made again, and of the image that it is a near-copy of."""


def _shard_names(folder: Path) -> set[str] | None:
    """Return the files of a shard by their names, since it is also told when its own file is damaged."""
    images = {path.name for path in folder.iterdir() if _IMAGE.fullmatch(path.name)}
    return {SHARD_FILE, TIMING, *images} if images or (folder / SHARD_FILE).is_file() else None


SHARD = FolderKind("shard", written_before=_shard_names)


@dataclass(frozen=True)
class Shard:
    """What is made and written as one unit: images of one entry.

    Args:
        index: From 0.
        images: In the order of their numbers.
    """

    index: int
    images: tuple[PlannedImage, ...]

    @property
    def folder(self) -> str:
        """Name of its folder, relative to that of the data set."""
        return f"{SHARDS}/{self.index:05d}"


def split_into_shards(images: Sequence[PlannedImage], shard_size: int) -> list[Shard]:
    """Divide images into shards of at most `shard_size`, none with images of two entries."""
    shards: list[Shard] = []
    start = 0
    while start < len(images):
        entry = images[start].entry
        stop = start
        while stop < len(images) and stop - start < shard_size and images[stop].entry == entry:
            stop += 1
        shards.append(Shard(len(shards), tuple(images[start:stop])))
        start = stop
    return shards


@dataclass(frozen=True)
class ShardContent:
    """What a shard's file says.

    Args:
        round: The last round of decisions on duplicates that it took part in, 0 for none.
        outcomes: Of each image.
    """

    round: int
    outcomes: tuple[Outcome, ...]


def write_shard(root: Path, shard: Shard, attempts: Sequence[Attempts], round_: int, seconds: float) -> None:
    """Write a shard in the place of an older one.

    Args:
        root: Folder of the data set.
        shard: The shard.
        attempts: At all its images; each is finished, or has no attempts left.
        round_: See `ShardContent`.
        seconds: Time that it took.
    """
    with new_folder(root / shard.folder, SHARD, force=True) as folder:
        for one in attempts:
            if one.finished is not None:
                write_bytes(folder / one.image.file, one.finished.png)
        values = [one.outcome().to_dict() for one in attempts]
        content = {"shard": shard.index, "round": round_, "samples": values}
        text = json_text({"format": SHARD_FORMAT, "version": SHARD_VERSION, **content, "digest": _digest(content)})
        write_text(folder / SHARD_FILE, text)
        write_text(folder / TIMING, json_text({"seconds": round(seconds, 3)}))


def read_shard(root: Path, shard: Shard) -> ShardContent | None:
    """Return what a shard's file says; None if it is missing or damaged, or does not hold these images."""
    try:
        data = read_json(root / shard.folder / SHARD_FILE, LARGEST_FILE)
        data = tagged_with(data, SHARD_FORMAT, SHARD_VERSION, "shard")
        digest = data.pop("digest")
        if digest != _digest(data):
            return None
        pairs = zip(shard.images, data["samples"], strict=True)
        return ShardContent(data["round"], tuple(Outcome.from_dict(image, values) for image, values in pairs))
    except (FetalFlexError, KeyError, TypeError, ValueError):
        return None


def is_whole(root: Path, shard: Shard) -> bool:
    """Return whether a shard and all its images are as they were written."""
    content = read_shard(root, shard)
    if content is None:
        return False
    for outcome in content.outcomes:
        if outcome.made is None:
            continue
        try:
            png = (root / shard.folder / outcome.image.file).read_bytes()
        except OSError:
            return False
        if hashlib.sha256(png).hexdigest() != outcome.made.sha256:
            return False
    return True


def is_missing(root: Path, shard: Shard, rounds: list[Duplicates]) -> bool:
    """Return whether a shard is yet to be made, or made again after the last decision on it."""
    content = read_shard(root, shard)
    return content is None or content.round < last_round(rounds, [image.number for image in shard.images])


def seconds_of(root: Path, shard: Shard) -> float:
    """Return the time that a shard took, 0 if that is lost."""
    with contextlib.suppress(FetalFlexError, KeyError, TypeError, ValueError):
        return float(read_json(root / shard.folder / TIMING)["seconds"])
    return 0.0


def clear_remains(root: Path, shards: Sequence[Shard]) -> None:
    """Remove what killed processes have left, shards that are not whole, and then the annotations, which name all.

    Raises:
        FetalFlexError: If something else lies in the folder of a shard.
    """
    for folder in (root, root / SHARDS, root / ROUNDS):
        remove_leftovers(folder)
    for shard in shards:
        check_replaceable(root / shard.folder, SHARD, force=True)
    damaged = [shard for shard in shards if not is_whole(root, shard)]
    if damaged:
        (root / ANNOTATIONS).unlink(missing_ok=True)
    for shard in damaged:
        path = root / shard.folder
        if path.exists():
            shutil.rmtree(path)


def read_rounds(root: Path) -> list[Duplicates]:
    """Return the decisions of all rounds so far.

    Raises:
        FetalFlexError: If one is damaged.
    """
    rounds: list[Duplicates] = []
    while (path := _round_file(root, len(rounds) + 1)).exists():
        try:
            data = tagged_with(read_json(path), ROUND_FORMAT, ROUND_VERSION, str(path))
            rounds.append({int(number): int(of) for number, of in data["duplicates"].items()})
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise FetalFlexError(f"{path} is damaged; delete the folder {root}, or give another one") from error
    return rounds


def write_round(root: Path, round_: int, duplicates: Duplicates) -> None:
    """Write the decisions of a round, from 1."""
    entries = {str(number): of for number, of in sorted(duplicates.items())}
    write_text(
        _round_file(root, round_), json_text({"format": ROUND_FORMAT, "version": ROUND_VERSION, "duplicates": entries})
    )


def forget_rounds(root: Path) -> None:
    """Remove the decisions on the images of another set."""
    round_ = 1
    while (path := _round_file(root, round_)).exists():
        path.unlink()
        round_ += 1


def last_round(rounds: list[Duplicates], numbers: Collection[int]) -> int:
    """Return the last round that decided on one of some images, 0 if none did."""
    return max((index for index, round_ in enumerate(rounds, 1) if round_.keys() & set(numbers)), default=0)


def _round_file(root: Path, round_: int) -> Path:
    return root / ROUNDS / f"{round_:04d}.json"


def _digest(content: JsonObject) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True, ensure_ascii=False).encode()).hexdigest()

"""Shards on disk: folders with images and `shard.json`, written wholly or not at all, read with their digests."""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fetalflex.augment.folder_kinds import LARGEST_FILE, SHARD, SHARD_FILE, SHARD_FORMAT, TIMING
from fetalflex.augment.progress import Progress
from fetalflex.augment.rounds import ROUNDS
from fetalflex.augment.samples import Sample
from fetalflex.data.dataset import ANNOTATIONS
from fetalflex.errors import FetalFlexError
from fetalflex.files import check_replaceable, new_folder, remove_leftovers, write_bytes, write_text
from fetalflex.files.json_files import json_text, read_json, tagged_with

SHARDS = "shards"
VERSION = 1


@dataclass(frozen=True)
class Shard:
    """Hold what is made and written as one unit: samples of one entry.

    Args:
        index: From 0.
        samples: In the order of their numbers.
    """

    index: int
    samples: tuple[Sample, ...]

    @property
    def folder(self) -> str:
        """Name of its folder, relative to that of the data set."""
        return f"{SHARDS}/{self.index:05d}"


def divided(samples: Sequence[Sample], shard_size: int) -> list[Shard]:
    """Divide samples into shards of at most `shard_size`, none with samples of two entries."""
    shards: list[Shard] = []
    start = 0
    while start < len(samples):
        entry = samples[start].entry
        stop = start
        while stop < len(samples) and stop - start < shard_size and samples[stop].entry == entry:
            stop += 1
        shards.append(Shard(len(shards), tuple(samples[start:stop])))
        start = stop
    return shards


@dataclass(frozen=True)
class ShardContent:
    """Hold what a shard's file says.

    Args:
        round: The last round of decisions on duplicates that it took part in, 0 for none.
        lines: Of each sample, see `Progress.line`, with `sha256` of the image's file.
    """

    round: int
    lines: tuple[dict[str, Any], ...]


def write_shard(root: Path, shard: Shard, progress: Sequence[Progress], round_: int, seconds: float) -> None:
    """Write a shard in the place of an older one.

    Args:
        root: Folder of the data set.
        shard: The shard.
        progress: Of all its samples; each has an image, or no attempts left.
        round_: See `ShardContent`.
        seconds: Time that it took.
    """
    with new_folder(root / shard.folder, SHARD, force=True) as folder:
        lines = []
        for one in progress:
            line = one.line()
            if one.finished is not None:
                write_bytes(folder / one.sample.file, one.finished.png)
                line["sha256"] = hashlib.sha256(one.finished.png).hexdigest()
            lines.append(line)
        content = {"shard": shard.index, "round": round_, "samples": lines}
        text = json_text({"format": SHARD_FORMAT, "version": VERSION, **content, "digest": _digest(content)})
        write_text(folder / SHARD_FILE, text)
        write_text(folder / TIMING, json_text({"seconds": round(seconds, 3)}))


def read_shard(root: Path, shard: Shard) -> ShardContent | None:
    """Return what a shard's file says; None if it is missing or damaged, or is no shard of these samples."""
    try:
        data = tagged_with(read_json(root / shard.folder / SHARD_FILE, LARGEST_FILE), SHARD_FORMAT, VERSION, "shard")
        digest = data.pop("digest")
        content = ShardContent(data["round"], tuple(data["samples"]))
        numbers = [line["number"] for line in content.lines]
    except (FetalFlexError, KeyError, TypeError):
        return None
    whole = digest == _digest(data) and numbers == [sample.number for sample in shard.samples]
    return content if whole else None


def is_whole(root: Path, shard: Shard) -> bool:
    """Say whether a shard and all its images are as they were written."""
    content = read_shard(root, shard)
    if content is None:
        return False
    for sample, line in zip(shard.samples, content.lines, strict=True):
        if "sha256" not in line:
            continue
        try:
            png = (root / shard.folder / sample.file).read_bytes()
        except OSError:
            return False
        if hashlib.sha256(png).hexdigest() != line["sha256"]:
            return False
    return True


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


def _digest(content: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True, ensure_ascii=False).encode()).hexdigest()

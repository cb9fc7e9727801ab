"""What a set will take: time and disk, from one real batch of each kind, and nothing written."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fetalflex.augment.manifest import check_folder, manifest_of
from fetalflex.augment.plan import Entry, Plan
from fetalflex.augment.planned import PlannedImage
from fetalflex.augment.shards import is_missing, read_rounds, split_into_shards
from fetalflex.augment.synthesising import Synthesiser
from fetalflex.data import Dataset
from fetalflex.data.image_files import encode_png
from fetalflex.files.json_files import JsonObject
from fetalflex.pipeline.pipeline import FetalFlexPipeline


@dataclass(frozen=True)
class SetCost:
    """What a set will take, if no image is rejected.

    Args:
        images: Images of the set.
        missing: Those that are yet to be made.
        seconds: Time for these, shared among the processes.
        seconds_per_image: On average, of one process.
        bytes: Disk for the whole set.
    """

    images: int
    missing: int
    seconds: float
    seconds_per_image: float
    bytes: int

    def to_dict(self) -> JsonObject:
        """Return JSON values."""
        return {
            "images": self.images,
            "missing": self.missing,
            "seconds": round(self.seconds, 1),
            "seconds_per_image": round(self.seconds_per_image, 3),
            "bytes": self.bytes,
        }


def estimate(
    dataset: Dataset,
    plan: Plan,
    out: Path,
    pipeline: FetalFlexPipeline,
    images: Sequence[PlannedImage],
    batch_size: int = 4,
    processes: int = 1,
) -> SetCost:
    """Time a batch of each kind of synthesis that the plan asks for; see `augment` for the arguments.

    Raises:
        FetalFlexError: If `out` holds something else.
    """
    check_folder(out, manifest_of(dataset, plan, images, pipeline.identity, pipeline.registry))
    rounds = read_rounds(out)
    missing = [
        image
        for shard in split_into_shards(images, plan.shard_size)
        if is_missing(out, shard, rounds)
        for image in shard.images
    ]
    synthesiser = Synthesiser(pipeline, dataset, plan, batch_size)
    measured: dict[str, tuple[float, float]] = {}
    first: dict[int, list[PlannedImage]] = {}
    for image in images:
        first.setdefault(image.entry, []).append(image)
    for position, entry in enumerate(plan.entries):
        kind = _kind(plan, entry)
        if kind not in measured:
            measured[kind] = _measured(synthesiser, first[position][:batch_size])
    costs = [measured[_kind(plan, plan.entries[image.entry])] for image in images]
    missing_entries = [measured[_kind(plan, plan.entries[image.entry])] for image in missing]
    seconds = sum(seconds for seconds, _ in missing_entries)
    return SetCost(
        images=len(images),
        missing=len(missing),
        seconds=seconds / processes,
        seconds_per_image=sum(seconds for seconds, _ in costs) / len(costs),
        bytes=round(sum(size for _, size in costs)),
    )


def _measured(synthesiser: Synthesiser, batch: Sequence[PlannedImage]) -> tuple[float, float]:
    """Return seconds and bytes per image of a batch."""
    started = time.monotonic()
    drafts = synthesiser.drafts([(image.first, 1) for image in batch], lambda _: None)
    seconds = time.monotonic() - started
    sizes = [len(encode_png(draft.synthesis.image, draft.synthesis.metadata())) for draft in drafts]
    return seconds / len(batch), sum(sizes) / len(sizes)


def _kind(plan: Plan, entry: Entry) -> str:
    """Return all of an entry that its cost depends on, as a text."""
    refine = None if entry.refine is None else entry.refine.strength
    return json.dumps([plan.sampling_of(entry).model_dump(), refine], sort_keys=True)

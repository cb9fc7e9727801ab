"""What makes a data set of finished shards: annotations, a line for each image, report and sheets."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fetalflex.anatomy import Registry, draw_layout_map, draw_overlay
from fetalflex.augment.outcomes import Made, Outcome
from fetalflex.augment.report import REPORT_JSON, REPORT_MARKDOWN, Report
from fetalflex.augment.shards import Shard, read_shard, seconds_of
from fetalflex.data import Dataset, Record, read_image, write_png
from fetalflex.data.coco_records import coco_from_records
from fetalflex.data.contact_sheet import draw_contact_sheet
from fetalflex.data.dataset import ANNOTATIONS
from fetalflex.errors import FetalFlexError
from fetalflex.figures.table import PictureRow, draw_picture_table
from fetalflex.files import write_text
from fetalflex.files.json_files import JsonObject, json_text
from fetalflex.provenance import NOTICE, SYNTHETIC, SyntheticList, mark_of_fields, picture_text
from fetalflex.spreading import spread

SAMPLES = "samples.jsonl"
CONTACT_SHEET, SOURCE_SHEET = "contact_sheet.png", "sheet.png"
SOURCE = "fetalflex"
"""Data set that the records name as theirs."""

_MOST_ROWS = 24
_COLUMNS = ("source, with its boxes", "layout asked for", "synthetic image", "synthetic image, with its boxes")


def read_outcomes(root: Path, shards: Sequence[Shard]) -> list[Outcome]:
    """Return what came of each image of finished shards.

    Raises:
        FetalFlexError: If a shard is missing or damaged.
    """
    outcomes: list[Outcome] = []
    for shard in shards:
        content = read_shard(root, shard)
        if content is None:
            raise FetalFlexError(f"{root / shard.folder} has been damaged meanwhile; the same command makes it again")
        outcomes += content.outcomes
    return outcomes


def total_seconds(root: Path, shards: Sequence[Shard]) -> float:
    """Return the time that the synthesis of shards took, summed over processes."""
    return sum(seconds_of(root, shard) for shard in shards)


def finish(report: Report, dataset: Dataset, shards: Sequence[Shard], registry: Registry) -> None:
    """Write everything that follows from finished shards; what is there is replaced.

    The annotations come last, so that a folder that opens as a data set is complete.

    Args:
        report: On the set.
        dataset: Where the sources are.
        shards: All shards, finished.
        registry: Planes and structures.

    Raises:
        FetalFlexError: If there is no image at all; the report is written all the same.
    """
    root, outcomes = report.folder, report.outcomes
    files = [f"{shard.folder}/{image.file}" for shard in shards for image in shard.images]
    lines = [_line(outcome, file, registry) for outcome, file in zip(outcomes, files, strict=True)]
    write_text(root / SAMPLES, "".join(f"{json.dumps(line, ensure_ascii=False, allow_nan=False)}\n" for line in lines))
    write_text(root / REPORT_JSON, json_text(report.to_dict()))
    write_text(root / REPORT_MARKDOWN, report.to_markdown())
    images = [
        _Image(outcome, outcome.made, _record(outcome, outcome.made, file, report.model))
        for outcome, file in zip(outcomes, files, strict=True)
        if outcome.made is not None
    ]
    if not images:
        raise FetalFlexError(
            f"none of the {len(outcomes)} images passed the checks; {root / REPORT_MARKDOWN} says why. Look at the "
            "plan's checks, or use a better model"
        )
    records = [image.record for image in images]
    _draw_sheets(root, dataset, images, registry)
    _list_synthetic(root, records)
    info = {"description": NOTICE.replace("image", "images", 1), SYNTHETIC: True, "model": report.model}
    coco = coco_from_records(records, registry, info, dataset.licenses)
    write_text(root / ANNOTATIONS, json.dumps(coco, indent=1, allow_nan=False))


@dataclass(frozen=True)
class _Image:
    """An image of the set: what came of its plan, the attempt that was kept, and its record."""

    outcome: Outcome
    made: Made
    record: Record


def _line(outcome: Outcome, file: str, registry: Registry) -> JsonObject:
    """Return all that is known of an image as JSON values: what the plan decided, and what came of it."""
    path = {} if outcome.made is None else {"file": file}
    return outcome.candidate.facts(registry) | path | outcome.to_dict()


def _record(outcome: Outcome, made: Made, file: str, model: str) -> Record:
    chosen = outcome.candidate
    extra = {
        SYNTHETIC: True,
        **chosen.labels,
        "seed": made.seed,
        "attempt": made.attempt,
        "source_image": chosen.record.file_name,
        "source_dataset": chosen.record.source or "",
        "model": model,
    }
    if "license" in chosen.record.extra:
        extra["license"] = chosen.record.extra["license"]
    return Record(file, chosen.after, chosen.record.patient_key, SOURCE, chosen.record.split, None, extra)


def _draw_sheets(root: Path, dataset: Dataset, images: Sequence[_Image], registry: Registry) -> None:
    written = _Written(root, [image.record for image in images])
    rows = [_row(dataset, written, image, registry) for image in _shown(images)]
    fields = picture_text("")
    sheet = draw_picture_table("Synthetic images beside their sources", _COLUMNS, rows)
    write_png(root / SOURCE_SHEET, sheet, fields, force=True)
    write_png(root / CONTACT_SHEET, draw_contact_sheet(written, registry), fields, force=True)


def _list_synthetic(root: Path, records: Sequence[Record]) -> None:
    """Write the list by which the images are known even when their metadata are gone."""
    listed, images = SyntheticList(), _Written(root, records)
    for record in records:
        if (mark := mark_of_fields(record.extra)) is not None:
            listed.add(record.file_name, images.image(record), mark)
    listed.write(root)


class _Written(Dataset):
    """The images of a set that has no annotations yet."""

    def __init__(self, root: Path, records: Sequence[Record]) -> None:
        super().__init__(records)
        self._root = root

    def image(self, record: Record) -> NDArray[np.uint8]:
        return read_image(self._root / record.file_name)


def _shown(images: Sequence[_Image]) -> list[_Image]:
    """Return images to show: some of each entry, spread over it."""
    entries: dict[int, list[_Image]] = {}
    for image in images:
        entries.setdefault(image.outcome.image.entry, []).append(image)
    each = max(1, _MOST_ROWS // len(entries))
    return [image for of_entry in list(entries.values())[:_MOST_ROWS] for image in spread(of_entry, each)]


def _row(dataset: Dataset, written: _Written, image: _Image, registry: Registry) -> PictureRow:
    chosen, made = image.outcome.candidate, image.made
    source, synthetic = dataset.image(chosen.record), written.image(image.record)
    pictures = (
        np.asarray(draw_overlay(source, chosen.before, registry, labels=False)),
        draw_layout_map(chosen.after, registry),
        synthetic,
        np.asarray(draw_overlay(synthetic, chosen.after, registry, labels=False)),
    )
    labels = chosen.labels
    kind = labels["label"] if chosen.variant is None else f"{labels['anomaly']}, {labels['severity']}"
    attempt = f"seed {made.seed}" + (f", attempt {made.attempt}" if made.attempt > 1 else "")
    caption = f"{image.outcome.image.file} from {chosen.record.file_name}"
    return PictureRow(pictures, ("", kind, attempt, ""), caption)

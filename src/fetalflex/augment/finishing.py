"""What makes a data set of finished shards: annotations, lines of all samples, report and sheets."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fetalflex.anatomy import Registry, draw_layout_map, draw_overlay
from fetalflex.augment.report import REPORT_JSON, REPORT_MARKDOWN, Report, chosen_candidate, sample_line
from fetalflex.augment.samples import Sample
from fetalflex.augment.shard_files import Shard, read_shard, seconds_of
from fetalflex.data import Dataset, Record, read_image, write_png
from fetalflex.data.coco_records import coco_from_records
from fetalflex.data.contact_sheet import draw_contact_sheet
from fetalflex.data.dataset import ANNOTATIONS
from fetalflex.errors import FetalFlexError
from fetalflex.figures.table import PictureRow, draw_picture_table
from fetalflex.files import write_text
from fetalflex.files.json_files import json_text
from fetalflex.provenance import NOTICE, SYNTHETIC, SyntheticList, mark_of_fields, picture_text

SAMPLES = "samples.jsonl"
CONTACT_SHEET, SOURCE_SHEET = "contact_sheet.png", "sheet.png"
SOURCE = "fetalflex"
"""Data set that the records name as theirs."""

_MOST_ROWS = 24
_COLUMNS = ("source, with its boxes", "layout asked for", "synthetic image", "synthetic image, with its boxes")


def read_lines(root: Path, shards: Sequence[Shard], registry: Registry) -> list[dict[str, Any]]:
    """Return all that is known of each sample of finished shards.

    Raises:
        FetalFlexError: If a shard is missing or damaged.
    """
    lines = []
    for shard in shards:
        content = read_shard(root, shard)
        if content is None:
            raise FetalFlexError(f"{root / shard.folder} has been damaged meanwhile; the same command makes it again")
        for sample, line in zip(shard.samples, content.lines, strict=True):
            chosen = chosen_candidate(sample, line)
            lines.append(sample_line(chosen, chosen.facts(registry), shard.folder, line))
    return lines


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
    root, lines = report.folder, report.lines
    _write(root / SAMPLES, "".join(f"{json.dumps(line, ensure_ascii=False, allow_nan=False)}\n" for line in lines))
    _write(root / REPORT_JSON, json_text(report.to_dict()))
    _write(root / REPORT_MARKDOWN, report.to_markdown())
    samples = (sample for shard in shards for sample in shard.samples)
    pairs = zip(samples, lines, strict=True)
    made = [(chosen_candidate(sample, line), line) for sample, line in pairs if "file" in line]
    if not made:
        raise FetalFlexError(
            f"none of the {len(lines)} images passed the checks; {root / REPORT_MARKDOWN} says why. Look at the plan's "
            "checks, or use a better model"
        )
    records = [_record(sample, line, report.model) for sample, line in made]
    _draw_sheets(root, dataset, made, records, registry)
    _list_synthetic(root, records)
    info = {"description": NOTICE.replace("image", "images", 1), SYNTHETIC: True, "model": report.model}
    coco = coco_from_records(records, registry, info, dataset.licenses)
    _write(root / ANNOTATIONS, json.dumps(coco, indent=1, allow_nan=False))


def _record(sample: Sample, line: dict[str, Any], model: str) -> Record:
    extra = {
        SYNTHETIC: True,
        **sample.labels,
        "seed": line["seed"],
        "attempt": line["attempt"],
        "source_image": sample.record.file_name,
        "source_dataset": sample.record.source or "",
        "model": model,
    }
    if "license" in sample.record.extra:
        extra["license"] = sample.record.extra["license"]
    return Record(line["file"], sample.after, sample.record.patient_key, SOURCE, sample.record.split, None, extra)


def _draw_sheets(
    root: Path,
    dataset: Dataset,
    made: Sequence[tuple[Sample, dict[str, Any]]],
    records: Sequence[Record],
    registry: Registry,
) -> None:
    images = _Images(root, records)
    rows = [_row(dataset, images, made[index], records[index], registry) for index in _spread(made)]
    fields = picture_text("")
    sheet = draw_picture_table("Synthetic images beside their sources", _COLUMNS, rows)
    write_png(root / SOURCE_SHEET, sheet, fields, force=True)
    write_png(root / CONTACT_SHEET, draw_contact_sheet(images, registry), fields, force=True)


def _list_synthetic(root: Path, records: Sequence[Record]) -> None:
    """Write the list by which the images are known even when their metadata are gone."""
    listed, images = SyntheticList(), _Images(root, records)
    for record in records:
        if (mark := mark_of_fields(record.extra)) is not None:
            listed.add(record.file_name, images.image(record), mark)
    listed.write(root)


class _Images(Dataset):
    """Hand out the images of a set that has no annotations yet."""

    def __init__(self, root: Path, records: Sequence[Record]) -> None:
        super().__init__(records)
        self._root = root

    def image(self, record: Record) -> NDArray[np.uint8]:
        return read_image(self._root / record.file_name)


def _spread(made: Sequence[tuple[Sample, dict[str, Any]]]) -> Iterator[int]:
    """Yield positions of images to show: some of each entry, spread over it."""
    entries: dict[int, list[int]] = {}
    for index, (sample, _) in enumerate(made):
        entries.setdefault(sample.entry, []).append(index)
    each = max(1, _MOST_ROWS // len(entries))
    for positions in list(entries.values())[:_MOST_ROWS]:
        count = min(each, len(positions))
        yield from (positions[place * len(positions) // count] for place in range(count))


def _row(
    dataset: Dataset, images: _Images, made: tuple[Sample, dict[str, Any]], record: Record, registry: Registry
) -> PictureRow:
    sample, line = made
    source, synthetic = dataset.image(sample.record), images.image(record)
    pictures = (
        np.asarray(draw_overlay(source, sample.before, registry, labels=False)),
        draw_layout_map(sample.after, registry),
        synthetic,
        np.asarray(draw_overlay(synthetic, sample.after, registry, labels=False)),
    )
    labels = sample.labels
    kind = labels["label"] if sample.variant is None else f"{labels['anomaly']}, {labels['severity']}"
    attempt = f"seed {line['seed']}" + (f", attempt {line['attempt']}" if line["attempt"] > 1 else "")
    return PictureRow(pictures, ("", kind, attempt, ""), f"{sample.file} from {sample.record.file_name}")


def _write(path: Path, text: str) -> None:
    write_text(path, text)

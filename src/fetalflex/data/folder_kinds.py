"""Folders of data: how each kind is told, also where versions before the markers of `fetalflex.files` wrote it.

A folder without a marker counts only if its own text says that FetalFlex wrote it, and then only those files belong to
it that its annotations name, or that always have the same name. A folder of scans with COCO boxes is not one.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

from fetalflex.files import FolderKind

_LARGEST = 512_000_000


def _data_set_names(folder: Path) -> set[str] | None:
    coco = _json_in(folder / "annotations.json")
    if not isinstance(coco, dict) or not isinstance(info := coco.get("info"), dict):
        return None
    if "FetalFlex" not in str(info.get("description", "")) or not isinstance(images := coco.get("images"), list):
        return None
    beside = {"annotations.json", "report.json", "report.md", "contact_sheet.png", "README.md", "synthetic.jsonl"}
    return beside | {str(image.get("file_name")) for image in images if isinstance(image, dict)}


def _export_names(format: str, of_images: Callable[[list[str]], set[str]], folder: Path) -> set[str] | None:
    """Return the files of an export whose README says that it is one.

    Args:
        format: Name of the format.
        of_images: Gives the files that a format has beside those of all exports, for the files of the images.
        folder: Folder of the export.
    """
    try:
        text = (folder / "README.md").read_text(encoding="utf-8")[:100_000]
    except (OSError, ValueError):
        return None
    if not text.startswith(f"# Data set in the format {format}\n") or "Written by FetalFlex " not in text:
        return None
    images = _images_in_lines(folder / "records.jsonl")
    return {"README.md", "records.jsonl", "synthetic.jsonl", *images} | of_images(images)


def _yolo(images: list[str]) -> set[str]:
    labels = (PurePosixPath("labels", *PurePosixPath(name).parts[1:]).with_suffix(".txt") for name in images)
    return {"data.yaml", *map(str, labels)}


def _voc(images: list[str]) -> set[str]:
    lists = {f"ImageSets/Main/{split}.txt" for split in ("train", "val", "test", "unsplit")}
    return lists | {f"Annotations/{PurePosixPath(name).stem}.xml" for name in images}


def _class_folders(_: list[str]) -> set[str]:
    return {"boxes.csv"}


def _web_dataset_names(folder: Path) -> set[str] | None:
    index = _json_in(folder / "shards.json")
    shards = index.get("shardlist") if isinstance(index, dict) else None
    if not isinstance(shards, list):
        return None
    names = {str(shard.get("url")) for shard in shards if isinstance(shard, dict)}
    return _export_names("webdataset", lambda _: {"shards.json", *names}, folder)


DATA_SET = FolderKind("data set", written_before=_data_set_names)
"""`annotations.json` with images: what `prepare` and the export to COCO write."""

_EXPORTS = {
    "coco": DATA_SET,
    "webdataset": FolderKind("webdataset export", written_before=_web_dataset_names),
} | {
    name: FolderKind(f"{name} export", written_before=partial(_export_names, name, of_images))
    for name, of_images in {
        "yolo": _yolo,
        "yolo_obb": _yolo,
        "voc": _voc,
        "class_folders": _class_folders,
    }.items()
}


def export_kind(format: str) -> FolderKind:
    """Return the kind of folder that an export in a format is."""
    return _EXPORTS.get(format) or FolderKind(f"{format} export")


def _images_in_lines(path: Path) -> list[str]:
    """Return the file names in a `records.jsonl`; none if it cannot be read."""
    names = []
    try:
        with path.open(encoding="utf-8") as lines:
            for line in lines:
                names.append(str(json.loads(line)["image"]["file_name"]))
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return []
    return names


def _json_in(path: Path) -> Any:
    try:
        if path.stat().st_size > _LARGEST:
            return None
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None

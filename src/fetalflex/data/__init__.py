"""What is on disk: image files, data sets, annotation formats."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fetalflex.data.dataset import DatasetFolder
    from fetalflex.data.exporting import ExportResult, export
    from fetalflex.data.image_files import image_size, read_image, read_png_text, write_png
    from fetalflex.data.opening import open_dataset
    from fetalflex.data.packed import PackedDataset, pack
    from fetalflex.data.preparation import prepare
    from fetalflex.data.records import Dataset, Record
    from fetalflex.data.report import PrepareReport
    from fetalflex.data.shards import ShardedDataset, read_shards
    from fetalflex.data.splits import split_by_patient

_HOMES = {
    "Dataset": "records",
    "DatasetFolder": "dataset",
    "ExportResult": "exporting",
    "PackedDataset": "packed",
    "PrepareReport": "report",
    "Record": "records",
    "ShardedDataset": "shards",
    "export": "exporting",
    "image_size": "image_files",
    "open_dataset": "opening",
    "pack": "packed",
    "prepare": "preparation",
    "read_image": "image_files",
    "read_png_text": "image_files",
    "read_shards": "shards",
    "split_by_patient": "splits",
    "write_png": "image_files",
}

__all__ = [
    "Dataset",
    "DatasetFolder",
    "ExportResult",
    "PackedDataset",
    "PrepareReport",
    "Record",
    "ShardedDataset",
    "export",
    "image_size",
    "open_dataset",
    "pack",
    "prepare",
    "read_image",
    "read_png_text",
    "read_shards",
    "split_by_patient",
    "write_png",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"fetalflex.data.{_HOMES[name]}"), name)

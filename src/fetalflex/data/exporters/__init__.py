"""Writers of annotation formats, found by name."""

from __future__ import annotations

from importlib import import_module
from typing import cast

from fetalflex.data.exporters.base import Exporter, ExportOptions, Item
from fetalflex.errors import FetalFlexError

EXPORTERS = {
    "coco": "coco:CocoExporter",
    "yolo": "yolo:YoloExporter",
    "yolo_obb": "yolo:YoloObbExporter",
    "voc": "voc:VocExporter",
    "class_folders": "class_folders:ClassFoldersExporter",
    "webdataset": "webdataset:WebDatasetExporter",
}
"""Format name to module and class; a module is imported when its format is asked for."""

__all__ = ["EXPORTERS", "ExportOptions", "Exporter", "Item", "get_exporter"]


def get_exporter(name: str) -> Exporter:
    """Return the exporter of a format.

    Args:
        name: One of the keys of `EXPORTERS`.

    Raises:
        FetalFlexError: If there is no such format.
    """
    if name not in EXPORTERS:
        raise FetalFlexError(f"unknown export format {name!r}; choose one of {', '.join(EXPORTERS)}")
    module, class_name = EXPORTERS[name].split(":")
    return cast(Exporter, getattr(import_module(f"fetalflex.data.exporters.{module}"), class_name)())

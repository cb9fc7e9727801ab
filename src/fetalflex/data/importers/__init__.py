"""Readers of annotation formats, found by name."""

from __future__ import annotations

from importlib import import_module
from typing import cast

from fetalflex.data.importers.base import Finding, ImportedItem, Importer, ImportOptions
from fetalflex.errors import FetalFlexError

IMPORTERS = {
    "coco": "coco:CocoImporter",
    "yolo": "yolo:YoloImporter",
    "voc": "voc:VocImporter",
    "labelme": "labelme:LabelMeImporter",
    "cvat": "cvat:CvatImporter",
    "table": "table:TableImporter",
    "masks": "masks:MasksImporter",
    "dicom": "dicom:DicomImporter",
    "fetus_framework": "fetus_framework:FetusFrameworkImporter",
    "head_biometry": "head_biometry:HeadBiometryImporter",
    "hc18": "hc18:Hc18Importer",
    "fetal_planes": "fetal_planes:FetalPlanesImporter",
}
"""Format name to module and class; a module is imported when its format is asked for."""

__all__ = ["IMPORTERS", "Finding", "ImportOptions", "ImportedItem", "Importer", "get_importer"]


def get_importer(name: str) -> Importer:
    """Return the importer of a format.

    Args:
        name: One of the keys of `IMPORTERS`.

    Raises:
        FetalFlexError: If there is no such format.
    """
    if name not in IMPORTERS:
        raise FetalFlexError(f"unknown annotation format {name!r}; choose one of {', '.join(sorted(IMPORTERS))}")
    module, class_name = IMPORTERS[name].split(":")
    return cast(Importer, getattr(import_module(f"fetalflex.data.importers.{module}"), class_name)())

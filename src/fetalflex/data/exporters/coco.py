"""COCO: the data set folder of this project."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from fetalflex import __version__
from fetalflex.data.dataset import DatasetFolder
from fetalflex.data.exporters.base import ExportOptions, Item


class CocoExporter:
    """Write a data set folder: `annotations.json` and PNG files under the records' own names.

    Nothing of the records is lost. Planes, patients, splits and extra fields, such as class labels, are further fields
    of the image entries; a rotated box stands in `rotated_box`, beside the upright `bbox` that every COCO tool reads.
    """

    name = "coco"
    reads_back = "It is a data set folder, which every command takes; `fetalflex prepare --format coco` reads it too."

    def write(self, folder: Path, items: Iterable[Item], options: ExportOptions) -> list[str]:
        """Write records and images; see `Exporter.write`."""
        info = {"description": f"exported by FetalFlex {__version__}"}
        DatasetFolder.write_into(folder, items, options.registry, info, options.licenses)
        return []

"""Large-scale annotation dataset for fetal head biometry: a folder for each head plane, exported by Datumaro."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from fetalflex.data.importers.base import Finding, ImportedItem, ImportOptions
from fetalflex.data.importers.labelme import LabelMeImporter
from fetalflex.data.importers.reading import files_ending
from fetalflex.errors import FetalFlexError

_ANNOTATION_FOLDER = "default"
_PATIENT = re.compile(r"Patient0*(\d+)_")


class HeadBiometryImporter:
    """Read the set's folder or one of its plane folders, such as `Trans-ventricular` (Zenodo 8265464).

    The boxes come from the LabelMe files in `default`, the only ones of the set's formats that hold both the whole head
    (upright) and the angle of the ventricle and cavum boxes: the OpenImages table has no rows, the YOLO lines have
    neither head nor angle. The folder names the plane; the option plane is for folders whose name is no plane. The
    images are those of FETAL_PLANES_DB, so patients are numbered as there: Patient00822 is fp822 in both.
    """

    name = "head_biometry"

    def read(self, source: Path, options: ImportOptions) -> Iterator[ImportedItem | Finding]:
        """Yield items and refusals; see `Importer.read`."""
        if not source.is_dir():
            raise FetalFlexError(f"there is no folder {source}")
        folders = sorted(
            {path.parent.parent for path in files_ending(source, [".xml"]) if path.parent.name == _ANNOTATION_FOLDER}
        )
        if not folders:
            raise FetalFlexError(
                f"{source} holds no folder {_ANNOTATION_FOLDER!r} with XML files; give the set's folder or one of its "
                "plane folders, such as Trans-ventricular"
            )
        for folder in folders:
            inner = folder.relative_to(source).as_posix()
            try:
                plane = _plane_of_folder(folder, options)
            except FetalFlexError as error:
                yield Finding(inner, str(error))
                continue
            for result in LabelMeImporter().read(folder, _options_for(options, plane)):
                yield self._completed(result) if isinstance(result, ImportedItem) else _within(result, inner)

    def _completed(self, item: ImportedItem) -> ImportedItem:
        match = _PATIENT.search(item.image_path.name)
        patient = item.patient if item.patient is not None or match is None else f"fp{match.group(1)}"
        return replace(item, patient=patient, source=self.name)


def _plane_of_folder(folder: Path, options: ImportOptions) -> str:
    try:
        return options.registry.plane(folder.resolve().name).name
    except FetalFlexError as error:
        if options.plane is not None:
            return options.registry.plane(options.plane).name
        raise FetalFlexError(
            f"the folder's name is no plane, so its images are left out; say theirs with the option plane. {error}"
        ) from error


def _options_for(options: ImportOptions, plane: str) -> ImportOptions:
    return replace(options, plane=plane, annotations=_ANNOTATION_FOLDER, images=None)


def _within(refusal: Finding, folder: str) -> Finding:
    return refusal if folder == "." else replace(refusal, where=f"{folder}/{refusal.where}")

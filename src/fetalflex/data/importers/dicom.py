"""DICOM files without annotation: images with what their headers say."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from fetalflex.data.importers.base import Finding, ImportedItem, ImportOptions
from fetalflex.data.importers.sources import Source
from fetalflex.dicom.reading import DIRECTORY, may_be_dicom
from fetalflex.errors import FetalFlexError


class DicomImporter:
    """Read the DICOM files of a folder as layouts without structures, with pixel spacing, age, frame and regions.

    The folder is searched, with all below it. A DICOMDIR stands for the folder in which it lies: the files of a medium
    are found by looking, never by a path that a file names. A single file is read alone. The plane is the user's, one
    for all images; other pictures that lie there are refused.
    """

    name = "dicom"

    def read(self, source: Path, options: ImportOptions) -> Iterator[ImportedItem | Finding]:
        """Yield items and refusals; see `Importer.read`."""
        options.plane_of(None)
        place = Source(source, replace(options, keep_unannotated=True))
        alone = source if source.is_file() and source.name.upper() != DIRECTORY else None
        images = [image for image in place.images if alone is None or image == alone]
        if not any(map(may_be_dicom, images)):
            raise FetalFlexError(f"{source} holds no DICOM file")
        for image in images:
            if not may_be_dicom(image):
                yield Finding(place.name(image), "this is no DICOM file; read it by the format of its annotation")
                continue
            try:
                yield from place.builder(image).finish()
            except FetalFlexError as error:
                yield place.refusal(image, error)
        yield from place.left_out() if alone is None else ()

"""What every importer takes and hands back.

An importer reads one annotation format. It yields an `ImportedItem` for each usable image and a `Finding` for each
thing that it left out or changed, so that nothing is kept or dropped in silence. Only a source of which nothing can be
used raises `FetalFlexError`.

To add a format, write a class with a `name` and a `read` method in a file of its own and list it in
`fetalflex.data.importers.IMPORTERS`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol, cast

from fetalflex.anatomy.layout import Layout
from fetalflex.anatomy.registry import Registry, default_registry
from fetalflex.checks import shown
from fetalflex.data.importers.units import FORMS, UNITS, Form, Unit
from fetalflex.data.utf8_text import check_text, displayable, encodable
from fetalflex.dicom.frames import FrameChoice
from fetalflex.errors import FetalFlexError
from fetalflex.files.json_files import JsonMapping

_CHOICES = {
    "box_unit": UNITS,
    "box_form": FORMS,
    "exif": ("apply", "ignore"),
}

IGNORE = "ignore"
"""The value of `ImportOptions.label_map` for labels that are to be left out."""


FindingKind = Literal["refused", "noted", "ignored"]
REFUSED: FindingKind = "refused"
NOTED: FindingKind = "noted"
IGNORED: FindingKind = "ignored"


@dataclass(frozen=True)
class Finding:
    """What an importer left out or changed, and why.

    Args:
        where: File inside the source, with the line, row or object where that helps.
        reason: One sentence for the user.
        kind: `refused` = left out because something is wrong; `noted` = taken after a change, such as a clipped box, or
            with a doubt; `ignored` = left out because the user asked for it.
        label: Of what was ignored, as the source writes it; else empty.
    """

    where: str
    reason: str
    kind: FindingKind = REFUSED
    label: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "where", displayable(self.where))
        object.__setattr__(self, "reason", displayable(" ".join(self.reason.splitlines())))


@dataclass(frozen=True)
class FoundNote(Finding):
    """How an image was found that does not lie where its annotation says."""


@dataclass(frozen=True)
class ImportedItem:
    """One image of a source with its layout in pixels of that image.

    Args:
        image_path: Image file, inside the source.
        layout: Plane, size and boxes; without structures where the source names only the plane.
        patient: Patient id, None if unknown.
        source: Name of the data set that the image comes from.
        split: "train", "val" or "test" if the source says so.
        quality: Rating from 0 (not usable) to 3 (clear) if the source gives one.
        extra: Further fields for the data set's image entry; JSON values only.
        as_stored: Take the pixels as they are stored, though EXIF turns the picture.
        frame: Of a DICOM file, number of the frame, from 1; None for other files.
        name: What the picture is called, without an ending; the file's own name where None.
    """

    image_path: Path
    layout: Layout
    patient: str | None = None
    source: str | None = None
    split: str | None = None
    quality: int | None = None
    extra: JsonMapping = field(default_factory=dict)
    as_stored: bool = False
    frame: int | None = None
    name: str | None = None

    @property
    def stem(self) -> str:
        """What the picture is called, without an ending."""
        return self.image_path.stem if self.name is None else self.name


@dataclass(frozen=True)
class ImportOptions:
    """What the user says about a source.

    Args:
        plane: Plane of all images that do not name one themselves; name or synonym.
        label_map: Label of the source to structure name; "ignore" leaves a label out. Labels that are not listed are
            looked up in the registry, synonyms included.
        columns: Column of a table for each field; see `TableImporter`.
        registry: Planes and structures.
        patient_pattern: Regular expression with one group, searched in the image's file name; the group is the patient.
        fractional: Coordinates of a table are fractions of the image's width and height.
        rotated: Polygons and mask components become minimum-area rectangles, not upright boxes.
        min_area: Smallest component of a mask that counts, in pixels.
        images: Folder of the images inside the source; found by itself where None.
        annotations: Annotation file or folder inside the source; found by itself where None.
        keep_unannotated: Take images without any box as layouts without structures, instead of refusing them.
        box_unit: "pixels", "fractions" or "percent" of the image, where the numbers are not in the format's own unit.
        box_form: "corners", "size" (corner and size) or "centre" (and size), where the four numbers of a box are not
            in the format's own form.
        first_pixel: 1 if edges count pixels from 1 and the last edge is the last pixel, as Pascal VOC's own set does.
        first_frame: Number in the name of the image that is frame 0 of a video.
        exif: "apply" if boxes are for pictures as EXIF turns them, "ignore" if for pictures as they are stored.
        frames: Which frames of DICOM files with several become images; such files are refused where None.
        colour_doppler: Take DICOM images with flow in colour, as grey, instead of refusing them.

    Raises:
        FetalFlexError: If the plane or a structure of `label_map` is unknown, or another value makes no sense.
    """

    plane: str | None = None
    label_map: Mapping[str, str] = field(default_factory=dict)
    columns: Mapping[str, str] = field(default_factory=dict)
    registry: Registry = field(default_factory=default_registry)
    patient_pattern: str | None = None
    fractional: bool = False
    rotated: bool = False
    min_area: int = 25
    images: str | None = None
    annotations: str | None = None
    keep_unannotated: bool = False
    box_unit: str | None = None
    box_form: str | None = None
    first_pixel: int = 0
    first_frame: int | None = None
    exif: str | None = None
    frames: FrameChoice | None = None
    colour_doppler: bool = False

    def __post_init__(self) -> None:
        for name in ("plane", "label_map", "columns", "patient_pattern"):
            value = getattr(self, name)
            check_text(dict(value) if isinstance(value, Mapping) else value, name)
        if self.plane is not None:
            self.registry.plane(self.plane)
        for structure in self.label_map.values():
            if structure != IGNORE:
                self.registry.structure(structure)
        if self.min_area < 1:
            raise FetalFlexError(f"min_area is {self.min_area}; give the smallest component in pixels, 1 or more")
        for name, allowed in _CHOICES.items():
            if (value := getattr(self, name)) is not None and value not in allowed:
                raise FetalFlexError(f"{name} is {value!r}; choose one of {', '.join(allowed)}")
        if self.fractional and self.box_unit not in (None, "fractions"):
            raise FetalFlexError(f"fractional and box_unit {self.box_unit} contradict each other; give one of them")
        if self.first_pixel not in (0, 1):
            raise FetalFlexError(f"first_pixel is {self.first_pixel}; it must be 0 or 1")
        if self.first_frame is not None and self.first_frame < 0:
            raise FetalFlexError(f"first_frame is {self.first_frame}; it must be 0 or more")
        self._check_patient_pattern()

    def _check_patient_pattern(self) -> None:
        if self.patient_pattern is None:
            return
        try:
            groups = re.compile(self.patient_pattern).groups
        except re.error as error:
            raise FetalFlexError(
                f"patient_pattern {self.patient_pattern!r} is no regular expression: {error}"
            ) from error
        if groups != 1:
            raise FetalFlexError(
                f"patient_pattern {self.patient_pattern!r} has {groups} groups; put exactly one pair of round brackets "
                "around the patient id"
            )

    def plane_of(self, stated: str | None) -> str:
        """Return the plane's canonical name: what the source states for the image, else the user's.

        Args:
            stated: Plane that the source names for this image, None if it names none.

        Raises:
            FetalFlexError: If neither names a plane, or the name is unknown.
        """
        plane = stated or self.plane
        if plane is None:
            raise FetalFlexError("the annotations name no plane; say which with the option plane")
        return self.registry.plane(plane).name

    def ignores(self, label: str) -> bool:
        """Return whether the user asked to leave a label out."""
        return self.label_map.get(label) == IGNORE

    def structure_of(self, label: str, plane: str) -> str:
        """Return the canonical structure name for a label of the source.

        Args:
            label: Label as the source writes it.
            plane: Canonical name of the image's plane.

        Raises:
            FetalFlexError: If the label is unknown or ignored, or its structure does not belong to the plane.
        """
        if not encodable(label):
            raise FetalFlexError(f"the label {shown(label)} is not UTF-8; correct it")
        if self.ignores(label):
            raise FetalFlexError(f"label {label!r} is left out, as label_map says")
        structure = self.registry.structure(self.label_map.get(label, label)).name
        if structure not in self.registry.plane(plane).structures:
            raise FetalFlexError(f"{structure} is no structure of the plane {plane}; map {label!r} with label_map")
        return structure

    def unit_or(self, own: Unit) -> Unit:
        """Return the unit of the numbers: the user's, else the format's own."""
        if self.fractional:
            return "fractions"
        return cast(Unit, self.box_unit) if self.box_unit is not None else own

    def form_or(self, own: Form) -> Form:
        """Return the form of a box's four numbers: the user's, else the format's own."""
        return cast(Form, self.box_form) if self.box_form is not None else own

    def patient_of(self, file_name: str) -> str | None:
        """Return the patient id in a file name, None without a pattern or where it does not match."""
        if self.patient_pattern is None:
            return None
        match = re.search(self.patient_pattern, file_name)
        return match.group(1) if match else None


class Importer(Protocol):
    """Read one annotation format."""

    name: str

    def read(self, source: Path, options: ImportOptions) -> Iterator[ImportedItem | Finding]:
        """Yield every usable image of `source`, and a finding for everything left out or changed.

        Args:
            source: Folder of the images and annotations.
            options: What the user says about the source.

        Raises:
            FetalFlexError: If nothing of the source can be used.
        """
        ...

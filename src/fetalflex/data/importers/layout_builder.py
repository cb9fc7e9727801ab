"""Collect the boxes of one image into a layout, refusing each bad one by itself."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from fetalflex.anatomy.box import Box
from fetalflex.anatomy.layout import Layout, PlacedStructure
from fetalflex.checks import shown
from fetalflex.data.importers.base import IGNORED, NOTED, Finding, ImportedItem, ImportOptions
from fetalflex.data.importers.dicom_views import doubts_of, fields_of, frames_taken, picture_name, spacing_of
from fetalflex.data.importers.units import Unit, check_unit
from fetalflex.data.limits import MAX_BOXES, MAX_EXTRA_BYTES
from fetalflex.data.records import Record
from fetalflex.dicom import DicomFacts
from fetalflex.errors import FetalFlexError
from fetalflex.files.json_files import JsonMapping

_PRINTED_ROUNDING = 0.05  # pixels; what a rounded decimal may stick out without being worth a note


class LayoutBuilder:
    """Collect boxes and refusals for one image, then hand out both.

    Args:
        options: What the user says about the source.
        image: Image file.
        name: The image's name relative to the source, for messages.
        size: Width and height in pixels.
        plane: Plane that the source names for this image, None if it names none.
        pixel_spacing_mm: Side of a pixel, mm.
        known: What the source says of the image apart from its annotations; goes before what they say or suggest.
        unit: Unit that the format's numbers are in; boxes are added in pixels.

    Attributes:
        doubt: Why boxes of this image cannot be trusted, None if they can; with a doubt there is no item with boxes.

    Raises:
        FetalFlexError: If the plane is unknown, the size or spacing is out of range, or what is known of the image is
            about another size.
    """

    def __init__(
        self,
        options: ImportOptions,
        image: Path,
        name: str,
        size: tuple[int, int],
        plane: str | None = None,
        pixel_spacing_mm: float | None = None,
        known: Record | None = None,
        unit: Unit = "pixels",
    ) -> None:
        self._options = options
        self._image = image
        self._name = name
        self._known = known
        self._unit: Unit = options.unit_or(unit)
        self.doubt: str | None = None
        self.width, self.height = size
        if known is None:
            self._empty = Layout(options.plane_of(plane), *size, pixel_spacing_mm=pixel_spacing_mm)
        else:
            self._empty = _layout_of_size(known, size)
        self._placed: dict[PlacedStructure, None] = {}
        self._seen = 0
        self._findings: list[Finding] = []
        self._dicom: DicomFacts | None = None
        self._patient_of_header: str | None = None
        self._frame: int | None = None

    def see(self, dicom: DicomFacts, patient: str | None, frame: int | None) -> None:
        """Take what the header of a DICOM file says.

        Args:
            dicom: The header's facts.
            patient: Name of its patient, which tells nothing; goes behind what the annotation says.
            frame: Frame that the annotation is for, from 1, if it names one.
        """
        self._dicom, self._patient_of_header, self._frame = dicom, patient, frame
        for doubt in doubts_of(dicom):
            self.note(self._name, doubt)

    def add(self, label: str, box: Box, where: str) -> None:
        """Add a structure with a box that is at hand; see `add_made`."""
        self.add_made(label, lambda: box, where)

    def add_made(self, label: str, make_box: Callable[[], Box], where: str) -> None:
        """Add a structure, or a refusal if its label or box is no good.

        An upright box that sticks out of the image is clipped; a rotated one stays whole, because clipping would take
        its angle. Both are noted.

        Args:
            label: Label as the source writes it.
            make_box: Makes the box in pixels of the image; its `FetalFlexError` becomes the refusal's reason.
            where: Place in the source, for the refusal.
        """
        self._seen += 1
        if self._seen > MAX_BOXES:
            self.doubt = f"the image has more than {MAX_BOXES:,} boxes, the most that are read"
            return
        if self._options.ignores(label):
            self.add_finding(Finding(where, f"label {label!r} is left out, as label_map says", IGNORED, label))
            return
        try:
            structure = self._options.structure_of(label, self._empty.plane)
            placed = PlacedStructure(structure, self._fitted(label, self._checked(make_box()), where))
        except FetalFlexError as error:
            self.refuse(where, str(error))
            return
        if placed in self._placed:
            self.refuse(where, f"{label!r} has the same box twice")
            return
        self._placed[placed] = None

    def refuse(self, where: str, reason: str) -> None:
        """Add a finding about something that is left out."""
        self.add_finding(Finding(where, reason))

    def note(self, where: str, reason: str) -> None:
        """Add a finding about something that is kept after a change, or with a doubt."""
        self.add_finding(Finding(where, reason, NOTED))

    def add_finding(self, finding: Finding) -> None:
        """Add a finding that is made already."""
        self._findings.append(finding)

    def finish(
        self,
        patient: str | None = None,
        source: str | None = None,
        split: str | None = None,
        quality: int | None = None,
        extra: JsonMapping | None = None,
    ) -> Iterator[ImportedItem | Finding]:
        """Yield the findings, then the item, or one more refusal if the image has no usable box.

        Args:
            patient: Patient that the source names; else the options' pattern is tried on the file name.
            source: Data set's name.
            split: Split that the source names.
            quality: Rating that the source gives.
            extra: Further fields of the item.

        Raises:
            FetalFlexError: If a field is no plain JSON, or it is not known which frames of a file are meant.
        """
        layout = self._empty.with_structures(self._placed)
        if self._dicom is not None:
            centres = [(one.box.cx, one.box.cy) for one in self._placed]
            spacing, note = spacing_of(self._dicom, layout.pixel_spacing_mm, centres)
            layout = replace(layout, pixel_spacing_mm=spacing)
            if note is not None:
                self.note(self._name, note)
        yield from self._findings
        if self.doubt is not None and self._seen:
            yield Finding(self._name, self.doubt)
            return
        if not self._placed and not self._options.keep_unannotated:
            yield Finding(self._name, "the image has no usable box")
            return
        if (known := self._known) is not None:
            patient, source, split, quality = known.patient, known.source, known.split, known.quality
            extra = {**(extra or {}), **known.extra}
        for field, value in {"patient": patient, "source": source, **(extra or {})}.items():
            check_plain_json(value, field)
        if len(json.dumps(extra)) > MAX_EXTRA_BYTES:
            raise FetalFlexError(f"further fields of the image exceed {MAX_EXTRA_BYTES:,} bytes; leave some out")
        if patient is None:
            patient = self._options.patient_of(self._image.name)
        item = ImportedItem(
            image_path=self._image,
            layout=layout,
            patient=patient if patient is not None else self._patient_of_header,
            source=source,
            split=split,
            quality=quality,
            extra=dict(extra or {}),
            as_stored=self._options.exif == "ignore",
        )
        yield from [item] if self._dicom is None else self._frames(item, self._dicom)

    def _frames(self, item: ImportedItem, dicom: DicomFacts) -> Iterator[ImportedItem]:
        """Yield the item once for each frame that is taken."""
        for frame in frames_taken(dicom, self._options.frames, self._frame, bool(self._placed)):
            name, fields = picture_name(self._image, dicom, frame), fields_of(dicom, frame)
            yield replace(item, frame=frame, name=name, extra={**fields, **item.extra})

    def _checked(self, box: Box) -> Box:
        """Return the box in pixels; it was added in them, or in the unit that the options name."""
        if self._options.box_unit is None or self._unit != "pixels":
            check_unit(box, (self.width, self.height), self._unit)
        return box

    def _fitted(self, label: str, box: Box, where: str) -> Box:
        """Return the box as it can stand in the image, noting what was changed."""
        share = box.inside_fraction(self.width, self.height)
        x0, y0, x1, y1 = box.corners()
        extent = f"from ({x0:.6g}, {y0:.6g}) to ({x1:.6g}, {y1:.6g})"
        clipped = box.clipped(self.width, self.height) if share > 0 else None
        if clipped is None:
            size = f"{self.width} x {self.height}"
            raise FetalFlexError(f"the box of {label!r} {extent} lies outside the image of {size} pixels")
        overshoot = max(-x0, -y0, x1 - self.width, y1 - self.height)
        if overshoot <= _PRINTED_ROUNDING:
            return box if box.is_rotated else clipped
        if box.is_rotated:
            self.note(where, f"the rotated box of {label!r} {extent} sticks out of the image; kept whole")
            return box
        self.note(where, f"the box of {label!r} {extent} sticks out of the image; {share:.0%} is kept")
        return clipped


def check_plain_json(value: object, field: str) -> None:
    """Check that a value can be written as JSON: finite numbers and texts that are UTF-8, not nested too deep.

    Raises:
        FetalFlexError: If it cannot; the message names the field.
    """
    try:
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode("utf-8")
    except UnicodeEncodeError as error:
        raise FetalFlexError(f"{shown(field)} holds half a character, which is no text; correct it") from error
    except RecursionError as error:
        raise FetalFlexError(f"{shown(field)} is nested too deep; leave it out") from error
    except (TypeError, ValueError) as error:
        raise FetalFlexError(f"{shown(field)} holds a number that is not finite; correct it") from error
    if "\ud800" <= max(field, default="") <= "\udfff":
        raise FetalFlexError(f"the field {shown(field)} holds half a character, which is no text; correct it")


def _layout_of_size(known: Record, size: tuple[int, int]) -> Layout:
    """Return the layout without structures of what is known of an image, if it is about this size."""
    layout = known.layout
    if (layout.width, layout.height) != size:
        raise FetalFlexError(
            f"{known.file_name} has {size[0]} x {size[1]} pixels, but its record says {layout.width} x {layout.height}"
        )
    return layout

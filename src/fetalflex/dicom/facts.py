"""What is kept of a DICOM header, and how large its pixels are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

_SAME_SPACING = 0.005
"""Share by which two spacings may differ and count as one: headers round them."""

Point = tuple[float, float]


@dataclass(frozen=True)
class UltrasoundRegion:
    """A calibrated region of an ultrasound picture.

    Args:
        corners: x0, y0, x1, y1 in pixels; x1 and y1 are the first beyond it.
        is_tissue: Whether it shows a 2-D picture of tissue; else a trace, a spectrum, a scale, or flow in colour.
        is_flow: Whether it shows flow in colour.
        spacing_mm: Width and height of a pixel, mm; None where the region's units are no lengths.
    """

    corners: tuple[int, int, int, int]
    is_tissue: bool
    is_flow: bool
    spacing_mm: tuple[float, float] | None

    def holds(self, point: Point) -> bool:
        """Say whether a point lies in the region."""
        x0, y0, x1, y1 = self.corners
        return x0 <= point[0] <= x1 and y0 <= point[1] <= y1


@dataclass(frozen=True)
class DicomFacts:
    """What is known of a DICOM file, without anything that tells who it shows or when it was made.

    Args:
        width: Of a frame, in pixels.
        height: Of a frame, in pixels.
        frames: Number of frames.
        modality: "US" and so on, as DICOM's defined terms; "" if the file does not say.
        regions: Calibrated regions.
        regions_fit: Whether all lie in the picture; else it was scaled or cropped and the header left as it was.
        spacing_mm: Width and height of a pixel from a spacing of the whole picture, mm, where that is one of the body.
        age_days: Gestational age in days since the first day of the last menstrual period, at the examination.
        frame_times_ms: Time of each frame after the first, ms; empty where not known.
        says_flow: Whether the header says that flow is shown in colour.
        says_text: Whether the header says that names or the like may be burned into the pixels.
        is_synthetic: Whether the header says so (0008,001C).
        patient: Key of the patient, valid for the life of this program; None if the file does not say.
    """

    width: int
    height: int
    frames: int = 1
    modality: str = ""
    regions: tuple[UltrasoundRegion, ...] = ()
    regions_fit: bool = True
    spacing_mm: tuple[float, float] | None = None
    age_days: int | None = None
    frame_times_ms: tuple[float, ...] = ()
    says_flow: bool = False
    says_text: bool = False
    is_synthetic: bool = False
    patient: str | None = None

    @classmethod
    def of_values(cls, values: dict[str, Any]) -> DicomFacts:
        """Return the facts of what `dataclasses.asdict` made of them, after JSON."""
        regions = tuple(
            UltrasoundRegion(
                tuple(one["corners"]), one["is_tissue"], one["is_flow"], one["spacing_mm"] and tuple(one["spacing_mm"])
            )
            for one in values["regions"]
        )
        spacing = values["spacing_mm"] and tuple(values["spacing_mm"])
        times = tuple(values["frame_times_ms"])
        return cls(**{**values, "regions": regions, "spacing_mm": spacing, "frame_times_ms": times})

    def spacing_at(self, points: Sequence[Point] = ()) -> tuple[float | None, str | None]:
        """Return the side of a pixel in mm where something lies, and why there is none where one might be expected.

        Regions come before a spacing of the whole picture, since they say what they are valid for. Where regions of
        tissue differ, the one that holds all points tells.

        Args:
            points: Centres of what is to be measured, in pixels; empty for the picture as such.
        """
        if not self.regions:
            return (None, None) if self.spacing_mm is None else _square(self.spacing_mm)
        if not self.regions_fit:
            return None, (
                "its header has ultrasound regions that reach out of the picture, as after scaling or cropping; no "
                "spacing is taken"
            )
        tissue = [one for one in self.regions if one.is_tissue and one.spacing_mm is not None]
        spacings = [one.spacing_mm for one in tissue if one.spacing_mm is not None]
        if not spacings:
            return None, None
        if any(not _same(a, b) for one in spacings for a, b in zip(spacings[0], one, strict=True)):
            spacings = [
                one.spacing_mm
                for one in tissue
                if one.spacing_mm is not None and points and all(map(one.holds, points))
            ]
            if not spacings:
                return None, (
                    "its header has several regions of different pixel spacing, and what is marked does not lie in one "
                    "of them; no spacing is taken"
                )
        return _square(spacings[0])


def _square(spacing_mm: tuple[float, float]) -> tuple[float | None, str | None]:
    """Return the one side of square pixels, or why there is none."""
    across, down = spacing_mm
    if _same(across, down):
        return math.sqrt(across * down), None
    return None, f"its pixels are {across:.4g} mm wide and {down:.4g} mm high, not square; no spacing is taken"


def _same(first: float, second: float) -> bool:
    return abs(first - second) <= _SAME_SPACING * max(first, second)

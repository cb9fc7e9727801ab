"""Take the facts out of a header. Runs in the reading process alone."""

from __future__ import annotations

import hashlib
import hmac
import math
from collections.abc import Iterable
from datetime import date
from typing import Any

from pydicom import Dataset
from pydicom.multival import MultiValue

from fetalflex.dicom.facts import DicomFacts, UltrasoundRegion
from fetalflex.dicom.limits import MAX_FRAMES, MAX_REGIONS
from fetalflex.dicom.refused import Refused

_TWO_DIMENSIONAL, _TISSUE, _COLOUR_FLOW, _CENTIMETRES = 1, 1, 2, 3  # PS3.3 C.8.5.5.1
_FLOW_BITS = 0x0010 | 0x0020 | 0x0100  # colour Doppler, colour M-mode, power: PS3.3 C.8.5.6.1.1
_YOUNGEST_DAYS, _OLDEST_DAYS = 4 * 7, 45 * 7
_FINEST_MM, _COARSEST_MM = 1e-3, 100.0
_ULTRASOUND = "US"
_SLACK = 2  # pixels; makers count the last one, or the one behind it, or from 1


def facts_of(dataset: Dataset, salt: bytes) -> DicomFacts:
    """Return the facts of a DICOM data set.

    Args:
        dataset: As `open_dataset` gives it.
        salt: Makes the patient's key; it must not be known to who sees keys.

    Raises:
        Refused: If size or number of frames make no sense.
    """
    frames = count_of(dataset, "NumberOfFrames", 1, MAX_FRAMES)
    regions = tuple(_regions(dataset))
    width, height = count_of(dataset, "Columns", None, 2**16), count_of(dataset, "Rows", None, 2**16)
    return DicomFacts(
        width=width,
        height=height,
        frames=frames,
        modality=_modality(dataset),
        regions=regions,
        regions_fit=all(one.corners[2] <= width + _SLACK and one.corners[3] <= height + _SLACK for one in regions),
        spacing_mm=None if regions else _spacing(dataset),
        age_days=_age_days(dataset),
        frame_times_ms=_frame_times(dataset, frames),
        says_flow=any(region.is_flow for region in regions) or _type_says_flow(dataset),
        says_text=str(dataset.get("BurnedInAnnotation", "")).upper() == "YES",
        is_synthetic=str(dataset.get("SyntheticData", "")).upper() == "YES",
        patient=_patient(dataset, salt),
    )


def count_of(dataset: Dataset, keyword: str, default: int | None, most: int) -> int:
    """Return a whole number of at least 1.

    Raises:
        Refused: If it is none, or above `most`, or missing without a default.
    """
    value = dataset.get(keyword)
    if value is None and default is not None:
        return default
    try:
        count = int(str(value))
    except ValueError:
        raise Refused(f"is damaged: {keyword} is no whole number") from None
    if not 1 <= count <= most:
        raise Refused(f"has {count:,} as {keyword}; 1 to {most:,} are read")
    return count


def _modality(dataset: Dataset) -> str:
    text = str(dataset.get("Modality", ""))
    return text if 0 < len(text) <= 16 and text.isascii() and text.isupper() and text.isalnum() else ""


def _regions(dataset: Dataset) -> Iterable[UltrasoundRegion]:
    found = dataset.get("SequenceOfUltrasoundRegions") or []
    for region in list(found)[:MAX_REGIONS]:
        numbers = [_number(region.get(f"RegionLocation{name}")) for name in ("MinX0", "MinY0", "MaxX1", "MaxY1")]
        x0, y0, x1, y1 = (-1 if number is None else int(number) for number in numbers)
        if min(x0, y0) < 0 or x1 < x0 or y1 < y0:
            continue
        is_flat = region.get("RegionSpatialFormat") == _TWO_DIMENSIONAL
        kind = region.get("RegionDataType")
        yield UltrasoundRegion(
            corners=(x0, y0, x1 + 1, y1 + 1),
            is_tissue=is_flat and kind == _TISSUE,
            is_flow=kind == _COLOUR_FLOW,
            spacing_mm=_region_spacing(region),
        )


def _region_spacing(region: Dataset) -> tuple[float, float] | None:
    for axis in ("X", "Y"):
        if region.get(f"PhysicalUnits{axis}Direction") != _CENTIMETRES:
            return None
    return _pair(_number(region.get("PhysicalDeltaX")), _number(region.get("PhysicalDeltaY")), factor=10)


def _spacing(dataset: Dataset) -> tuple[float, float] | None:
    """Return the spacing of pictures that have no regions.

    PixelSpacing lies in the body, and secondary captures of ultrasound have it. ImagerPixelSpacing and
    NominalScannedPixelSpacing lie on a detector or a film, where nothing of the body has its size.
    """
    values = dataset.get("PixelSpacing")
    if not isinstance(values, (MultiValue, list)) or len(values) != 2:
        return None
    down, across = (_number(value) for value in values)
    return _pair(across, down)


def _pair(across: float | None, down: float | None, factor: float = 1.0) -> tuple[float, float] | None:
    if across is None or down is None:
        return None
    across, down = abs(across) * factor, abs(down) * factor
    return (across, down) if all(_FINEST_MM <= side <= _COARSEST_MM for side in (across, down)) else None


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def _age_days(dataset: Dataset) -> int | None:
    """Return the gestational age by the last menstrual period; neither date goes further than this."""
    start = _date(dataset.get("LastMenstrualDate"))
    dates = (_date(dataset.get(name)) for name in ("AcquisitionDate", "ContentDate", "StudyDate"))
    examined = next((one for one in dates if one is not None), None)
    if start is None or examined is None:
        return None
    days = (examined - start).days
    return days if _YOUNGEST_DAYS <= days <= _OLDEST_DAYS else None


def _date(value: Any) -> date | None:
    text = str(value or "").replace(".", "")
    if len(text) != 8 or not (text.isascii() and text.isdecimal()):
        return None
    try:
        return date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError:
        return None


def _frame_times(dataset: Dataset, frames: int) -> tuple[float, ...]:
    if frames == 1:
        return ()
    steps = dataset.get("FrameTimeVector")
    if isinstance(steps, (MultiValue, list)) and len(steps) == frames:
        times, total = [], 0.0
        for number, step in enumerate(map(_number, steps)):
            if step is None or step < 0:
                return ()
            total += step if number else 0.0  # the first is the time before the first frame
            times.append(round(total, 3))
        return tuple(times)
    step = _number(dataset.get("FrameTime"))
    if step is None and (rate := _number(dataset.get("CineRate"))):
        step = 1000 / rate
    if step is None or not 0 < step < 1e6:
        return ()
    return tuple(round(number * step, 3) for number in range(frames))


def _type_says_flow(dataset: Dataset) -> bool:
    kinds = dataset.get("ImageType")
    if not isinstance(kinds, (MultiValue, list)) or len(kinds) < 4 or dataset.get("Modality") != _ULTRASOUND:
        return False
    try:
        return bool(int(str(kinds[3]), 16) & _FLOW_BITS)
    except ValueError:
        return False


def _patient(dataset: Dataset, salt: bytes) -> str | None:
    own = str(dataset.get("PatientID") or "").strip()
    if not own:
        return None
    text = f"{str(dataset.get('IssuerOfPatientID') or '').strip()}\0{own}"
    return hmac.new(salt, text.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()

"""DICOM files for tests: those that ship in packages, and made ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import data_store  # of pydicom-data
import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, UltrasoundImageStorage, UltrasoundMultiFrameImageStorage, generate_uid

SHIPPED = Path(pydicom.__file__).parent / "data" / "test_files"
MORE = Path(data_store.__file__).parent / "data"

NAME, ID, BIRTH, STUDY_DATE, INSTITUTION = "DOE^JANE", "MRN-4711-XYZ", "19900102", "20240607", "St Mary Hospital"
PRIVATE = (NAME, "JANE", ID, BIRTH, STUDY_DATE, INSTITUTION, "20240131")
"""What must not be found in anything that is written or told."""


def shipped(name: str) -> Path:
    """Return the path of a file that ships in pydicom or pydicom-data."""
    return next(folder / name for folder in (SHIPPED, MORE) if (folder / name).is_file())


def region(
    corners: tuple[int, int, int, int],
    spacing_mm: tuple[float, float] = (0.25, 0.25),
    kind: int = 1,
    spatial: int = 1,
    units: int = 3,
) -> Dataset:
    """Return an item of SequenceOfUltrasoundRegions; corners x0, y0, x1, y1 are inclusive, as in DICOM."""
    item = Dataset()
    item.RegionSpatialFormat, item.RegionDataType = spatial, kind
    item.RegionLocationMinX0, item.RegionLocationMinY0 = corners[:2]
    item.RegionLocationMaxX1, item.RegionLocationMaxY1 = corners[2:]
    item.PhysicalUnitsXDirection = item.PhysicalUnitsYDirection = units
    item.PhysicalDeltaX, item.PhysicalDeltaY = (side / 10 for side in spacing_mm)
    return item


def dataset_of(pixels: NDArray[Any], **elements: Any) -> Dataset:
    """Return an ultrasound data set with a patient who is not to be found again.

    Args:
        pixels: `(H, W)`, `(H, W, 3)` or `(frames, H, W)`, of 8 or 16 bits.
        elements: Further elements by keyword; None leaves one out.
    """
    is_colour = pixels.ndim == 3 and pixels.shape[2] == 3
    is_clip = pixels.ndim == 3 and not is_colour
    made = Dataset()
    made.SOPClassUID = UltrasoundMultiFrameImageStorage if is_clip else UltrasoundImageStorage
    made.SOPInstanceUID = generate_uid(entropy_srcs=["made for tests"])
    made.Modality, made.ImageType = "US", ["ORIGINAL", "PRIMARY", "OBSTETRICAL", "0001"]
    made.PatientName, made.PatientID, made.PatientBirthDate = NAME, ID, BIRTH
    made.StudyDate, made.InstitutionName = STUDY_DATE, INSTITUTION
    made.SamplesPerPixel = 3 if is_colour else 1
    made.PhotometricInterpretation = "RGB" if is_colour else "MONOCHROME2"
    if is_colour:
        made.PlanarConfiguration = 0
    if is_clip:
        made.NumberOfFrames, made.FrameTime = len(pixels), 40
    made.Rows, made.Columns = pixels.shape[:2] if not is_clip else pixels.shape[1:]
    made.BitsAllocated = made.BitsStored = 8 * pixels.dtype.itemsize
    made.HighBit = made.BitsStored - 1
    made.PixelRepresentation = int(pixels.dtype.kind == "i")
    with pydicom.config.disable_value_validation():  # some tests want values that make no sense
        for keyword, value in elements.items():
            if value is None:
                delattr(made, keyword)
            else:
                setattr(made, keyword, value)
    content = pixels.tobytes()
    made.PixelData = content + b"\0" * (len(content) % 2)
    made["PixelData"].VR = "OB" if made.BitsAllocated == 8 else "OW"
    return made


def save(made: Dataset, path: Path, syntax: str = ExplicitVRLittleEndian) -> Path:
    """Write a data set as a DICOM file, and return its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = pydicom.uid.UID(syntax)
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = made.SOPClassUID, made.SOPInstanceUID
    made.file_meta = meta
    made.save_as(path, enforce_file_format=True)
    return path


def write_dicom(path: Path, pixels: NDArray[Any], **elements: Any) -> Path:
    """Write pixels as a DICOM file; see `dataset_of`."""
    return save(dataset_of(pixels, **elements), path)


def noise(*shape: int, seed: int = 0, kind: type = np.uint8) -> NDArray[Any]:
    """Return random values of all that a type holds."""
    limits = np.iinfo(kind)
    return np.random.default_rng(seed).integers(limits.min, limits.max, shape, kind, endpoint=True)

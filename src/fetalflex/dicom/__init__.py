"""DICOM files: facts and pictures out of them, read in a process of its own.

Nothing of a header leaves that process but what the rest of FetalFlex needs: size, frames, spacing, regions, age, and
whose picture it is under a key that says nothing. The libraries that parse and decode come with the extra `clinical`.
"""

from fetalflex.dicom.facts import DicomFacts, UltrasoundRegion
from fetalflex.dicom.frames import ALL_FRAMES, FrameChoice
from fetalflex.dicom.reading import DicomReading, dicom_facts, dicom_picture, is_dicom

__all__ = [
    "ALL_FRAMES",
    "DicomFacts",
    "DicomReading",
    "FrameChoice",
    "UltrasoundRegion",
    "dicom_facts",
    "dicom_picture",
    "is_dicom",
]

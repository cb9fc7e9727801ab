"""Parse a DICOM file into a pydicom data set of the elements that are needed. Runs in the reading process alone."""

from __future__ import annotations

from typing import BinaryIO

import numpy as np
from pydicom import Dataset, config, dcmread
from pydicom.dataset import FileMetaDataset
from pydicom.uid import UID, ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from fetalflex.dicom.refused import Refused

config.settings.reading_validation_mode = config.IGNORE  # odd values are judged where they are used

_WANTED = [
    "SOPClassUID",
    "Modality",
    "ImageType",
    "SyntheticData",
    "BurnedInAnnotation",
    "StudyDate",
    "AcquisitionDate",
    "ContentDate",
    "PatientID",
    "IssuerOfPatientID",
    "LastMenstrualDate",
    "SequenceOfUltrasoundRegions",
    "FrameTime",
    "FrameTimeVector",
    "CineRate",
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "PlanarConfiguration",
    "NumberOfFrames",
    "Rows",
    "Columns",
    "PixelSpacing",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
    "PixelPaddingValue",
    "WindowCenter",
    "WindowWidth",
    "VOILUTFunction",
    "VOILUTSequence",
    "ModalityLUTSequence",
    "RescaleIntercept",
    "RescaleSlope",
    "RedPaletteColorLookupTableDescriptor",
    "GreenPaletteColorLookupTableDescriptor",
    "BluePaletteColorLookupTableDescriptor",
    "RedPaletteColorLookupTableData",
    "GreenPaletteColorLookupTableData",
    "BluePaletteColorLookupTableData",
    "SegmentedRedPaletteColorLookupTableData",
    "SegmentedGreenPaletteColorLookupTableData",
    "SegmentedBluePaletteColorLookupTableData",
    "ExtendedOffsetTable",
    "ExtendedOffsetTableLengths",
    "PixelData",
    "FloatPixelData",
    "DoubleFloatPixelData",
]
"""All that is parsed of a header; names and other elements are passed over unread."""

_DIRECTORY = "1.2.840.10008.1.3.10"


def open_dataset(file: BinaryIO) -> Dataset:
    """Return the wanted elements of a DICOM file, with a transfer syntax, if it holds a picture.

    Raises:
        Refused: If it is none.
    """
    dataset = dcmread(file, force=True, specific_tags=list(_WANTED))
    meta = getattr(dataset, "file_meta", None) or FileMetaDataset()
    if str(meta.get("MediaStorageSOPClassUID", "")) == _DIRECTORY:
        raise Refused("is a table of contents; give the folder in which it lies, whose files are found without it")
    if "Rows" not in dataset or "Columns" not in dataset:
        raise Refused("is no readable DICOM image: it has no picture, or is damaged")
    if "PixelData" not in dataset:
        raise Refused("is no readable DICOM image: it has no pixels of whole numbers, or is cut off before them")
    if "TransferSyntaxUID" not in meta:  # a data set stored without its head
        is_implicit, is_little = dataset.original_encoding
        explicit = ExplicitVRLittleEndian if is_little else ExplicitVRBigEndian
        meta.TransferSyntaxUID = UID(ImplicitVRLittleEndian if is_implicit else explicit)
        dataset.file_meta = meta
    if dataset.original_encoding[1] is False:
        _turn_palette(dataset)
    return dataset


def _turn_palette(dataset: Dataset) -> None:
    """Bring the words of a big-endian file's palette into little endian, as which pydicom 3.0 takes all of them."""
    for colour in ("Red", "Green", "Blue"):
        name = f"{colour}PaletteColorLookupTableData"
        element = dataset.get_item(name)
        if element is not None and isinstance(element.value, bytes) and dataset[name].VR == "OW":
            words = dataset[name].value
            dataset[name].value = np.frombuffer(words[: len(words) // 2 * 2], ">u2").astype("<u2").tobytes()

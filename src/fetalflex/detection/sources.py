"""The images in which a detector looks: files, folders of files, and data sets."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from fetalflex.anatomy import Registry
from fetalflex.data import Dataset, Record, open_dataset, read_image
from fetalflex.data.dataset import ANNOTATIONS
from fetalflex.data.image_files import image_header, is_image_file
from fetalflex.data.importers.dicom_views import fields_of, frames_taken, picture_name
from fetalflex.data.picture_kind import shared_nominal
from fetalflex.data.utf8_text import displayable, encodable
from fetalflex.dicom import DicomFacts, DicomReading, FrameChoice, is_dicom
from fetalflex.dicom.reading import may_be_dicom
from fetalflex.errors import FetalFlexError
from fetalflex.files.json_files import JsonObject
from fetalflex.provenance import KnownSynthetic, SyntheticMark, mark_of_image

_SHARDS = "shards.json"


@dataclass(frozen=True)
class ImageSource:
    """One image to look at.

    Args:
        origin: Where it comes from, for people.
        stem: What to call it, without an ending.
        read: Gives the image, (H, W) uint8, or raises FetalFlexError.
        record: What a data set knows of it; None for a mere file.
        path: Its file, if it has one of its own.
        mark: Gives what says that an image with these pixels, (H, W) uint8, is synthetic; None if nothing does.
        frame: Of a DICOM file, which frame.
        facts: What the header of a DICOM file says.
    """

    origin: str
    stem: str
    read: Callable[[], NDArray[np.uint8]]
    record: Record | None = None
    path: Path | None = None
    mark: Callable[[NDArray[np.uint8]], SyntheticMark | None] = lambda _: None
    frame: int | None = None
    facts: DicomFacts | None = None

    @property
    def key(self) -> tuple[str, int | None]:
        """What tells it from all others."""
        return self.origin if self.path is None else str(self.path.resolve()), self.frame

    @property
    def fields(self) -> JsonObject:
        """Fields for the record of a DICOM file that its header gives."""
        return {} if self.facts is None else fields_of(self.facts, self.frame or 1)


@dataclass(frozen=True)
class DicomWish:
    """What of DICOM files is looked at.

    Args:
        frames: Which frames of files with several; such files are refused where None.
        colour_doppler: Take images with flow in colour, as grey.
    """

    frames: FrameChoice | None = None
    colour_doppler: bool = False


def image_sources(
    paths: Iterable[Path], registry: Registry, leave_out: Path | None = None, dicom: DicomWish | None = None
) -> list[ImageSource]:
    """Return the images that files, folders and data sets hold, each once.

    A folder is searched with all its sub-folders; hidden files are passed over. Of a data set the patients, sources,
    splits and pixel spacings are kept, and of synthetic images that they are; its planes and boxes are not looked at.

    Args:
        paths: Image files, folders, data set folders, packed files, or shards.
        registry: Planes and structures of data sets.
        leave_out: Folder whose images are passed over where it lies in one of the folders: that of earlier detections.
        dicom: What of DICOM files is looked at.

    Raises:
        FetalFlexError: If there is no such file, or no image at all.
    """
    found: dict[tuple[str, int | None], ImageSource] = {}
    paths = list(paths)
    for path in paths:
        for source in _sources_at(path, registry, leave_out, dicom or DicomWish()):
            found.setdefault(source.key, source)
    if not found:
        raise FetalFlexError(
            f"{', '.join(map(str, paths))} holds no image; give files or folders of PNG, JPEG, DICOM, ..."
        )
    return list(found.values())


def _sources_at(path: Path, registry: Registry, leave_out: Path | None, dicom: DicomWish) -> Iterator[ImageSource]:
    if not path.exists():
        raise FetalFlexError(f"there is no image file or folder {path}")
    is_dataset_folder = path.is_dir() and any((path / name).is_file() for name in (ANNOTATIONS, _SHARDS))
    if is_dataset_folder or (path.is_file() and path.suffix in (".safetensors", ".tar")):
        dataset = open_dataset(path, registry)
        for record in dataset:
            stem = PurePosixPath(record.file_name).stem
            read, mark = partial(dataset.image, record), partial(_mark_of_record, dataset, record)
            yield ImageSource(displayable(f"{path}: {record.file_name}"), stem, read, record, None, mark)
        return
    files = [path] if path.is_file() else sorted(file for file in path.rglob("*") if _is_wanted(file, path))
    if leave_out is not None and path.is_dir():
        files = [file for file in files if leave_out.resolve() not in file.resolve().parents]
    known = KnownSynthetic(path if path.is_dir() else path.parent)
    nominal = functools.cache(
        lambda: shared_nominal(file for file in files if is_image_file(file) or may_be_dicom(file))
    )
    for file in files:
        mark = partial(_mark_of, file, known)
        is_odd = not encodable(file.relative_to(path if path.is_dir() else path.parent).as_posix())
        if not is_odd and is_dicom(file):
            yield from _dicom_sources(file, nominal, mark, dicom)
            continue
        reader: Callable[[], NDArray[np.uint8]] = _refuse_name if is_odd else partial(read_image, file, nominal)
        yield ImageSource(displayable(str(file)), file.stem, reader, None, file, mark)


def _dicom_sources(
    file: Path,
    nominal: Callable[[], int | None],
    mark: Callable[[NDArray[np.uint8]], SyntheticMark | None],
    wish: DicomWish,
) -> Iterator[ImageSource]:
    """Yield the frames of a DICOM file that are looked at, or one source that tells why there are none."""
    origin = displayable(str(file))
    try:
        facts = image_header(file).dicom
        assert facts is not None
        frames = frames_taken(facts, wish.frames, None, has_boxes=False)
    except FetalFlexError as error:
        yield ImageSource(origin, file.stem, partial(_refuse, str(error)), None, file, mark)
        return
    for frame in frames:
        read = partial(read_image, file, nominal, DicomReading(frame, wish.colour_doppler))
        place = origin if facts.frames == 1 else f"{origin} frame {frame}"
        yield ImageSource(place, picture_name(file, facts, frame), read, None, file, mark, frame, facts)


def _refuse(reason: str) -> NoReturn:
    raise FetalFlexError(reason)


def _refuse_name() -> NoReturn:
    raise FetalFlexError("the file's name is not UTF-8; rename it")


def _mark_of_record(dataset: Dataset, record: Record, _pixels: NDArray[np.uint8]) -> SyntheticMark | None:
    return dataset.mark(record)


def _mark_of(file: Path, known: KnownSynthetic, pixels: NDArray[np.uint8]) -> SyntheticMark | None:
    return mark_of_image(file, pixels, known)


def _is_wanted(file: Path, root: Path) -> bool:
    hidden = any(part.startswith(".") for part in file.relative_to(root).parts)
    return (is_image_file(file) or may_be_dicom(file)) and not hidden and file.is_file()

"""Check what an importer yields, image by image, before anything goes into a data set."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from fetalflex.data.file_names import FileNames, portable_stem
from fetalflex.data.image_files import decode_image, read_image
from fetalflex.data.importers.base import IGNORED, NOTED, REFUSED, Finding, ImportedItem, ImportOptions
from fetalflex.data.importers.dicom_views import file_digest
from fetalflex.data.limits import MAX_IMAGE_BYTES
from fetalflex.data.picture_kind import PLAIN, PictureKind, picture_kind
from fetalflex.data.plain_files import plain_suffix
from fetalflex.data.records import Record
from fetalflex.dicom import DicomReading
from fetalflex.errors import FetalFlexError
from fetalflex.progress import OnProgress
from fetalflex.provenance import SYNTHETIC_LIST, KnownSynthetic, SyntheticMark, mark_in_bytes, mark_of_fields
from fetalflex.provenance.fingerprints import Look, look_of, pixel_digest

_Key = tuple[Path, int | None]
_DEVICE_FIELDS = ("device", "machine", "us_machine", "scanner", "ultrasound_machine")


@dataclass(frozen=True)
class CheckedImage:
    """An image whose file is sound and whose layout fits it.

    Args:
        path: Image file in the source.
        record: Record under the name that the image gets in the data set.
        file_hash: SHA-256 of the file's content.
        is_plain: Whether the file can be copied as it is; else its pixels are written anew.
        as_stored: Whether its pixels are taken as they are stored, though EXIF may turn the picture.
        mark: What says that the image is synthetic; None if nothing does.
        kind: What it holds beyond 8-bit grey; with the scale that it shares with others.
        stem: What it is called in the source, without an ending.
        dicom: How it is read from a DICOM file; None for other files.
    """

    path: Path
    record: Record
    file_hash: bytes
    is_plain: bool
    as_stored: bool = False
    mark: SyntheticMark | None = None
    kind: PictureKind = PLAIN
    stem: str = ""
    dicom: DicomReading | None = None

    @property
    def key(self) -> _Key:
        """What tells it from all others of the source."""
        return self.path, None if self.dicom is None else self.dicom.frame


@dataclass(frozen=True)
class _Loaded:
    """What a file gives: its pixels and digest, what it holds beyond grey, its mark, and its ending if plain."""

    pixels: NDArray[np.uint8]
    digest: bytes
    kind: Callable[[], PictureKind]
    mark: SyntheticMark | None = None
    plain_suffix: str | None = None


@dataclass
class CheckedSource:
    """What can be taken of a source, and what was found on the way.

    Args:
        images: What can be taken, in the importer's order.
        refused: What was left out.
        notes: What was taken after a change, such as a clipped box or another file name, or with a doubt.
        ignored: Label to how many boxes were left out because the label map says so.
    """

    images: list[CheckedImage] = field(default_factory=list)
    refused: list[Finding] = field(default_factory=list)
    notes: list[Finding] = field(default_factory=list)
    ignored: Counter[str] = field(default_factory=Counter)


def check_source(
    results: Iterable[ImportedItem | Finding], root: Path, options: ImportOptions, tell: OnProgress
) -> CheckedSource:
    """Check everything that an importer yields.

    An image is refused if its file is damaged or not of its layout's size, if its layout does not fit the registry, or
    if an earlier image is the same picture, pixel for pixel. One that is a copy of a synthetic image of the source is
    synthetic too.

    Args:
        results: What `Importer.read` yields.
        root: Folder of the source, for messages.
        options: The options that the importer got.
        tell: Told the number of images looked at.
    """
    findings = CheckedSource()
    checker = _Checker(root, options)
    looked_at = 0
    for result in results:
        if isinstance(result, ImportedItem):
            try:
                findings.images.append(checker.check(result))
            except FetalFlexError as error:
                findings.refused.append(Finding(checker.name_of(result), str(error)))
            looked_at += 1
            tell(looked_at)
        elif result.kind == IGNORED:
            findings.ignored[result.label] += 1
        else:
            (findings.refused if result.kind == REFUSED else findings.notes).append(result)
    findings.images = checker.marked(findings.images)
    for image in findings.images:
        findings.notes += [*checker.renaming(image), *checker.recognition(image)]
    _share_scales(findings)
    return findings


def _share_scales(findings: CheckedSource) -> None:
    """Give all pictures of more than 8 bits of one device the scale of the brightest of them."""
    scales: dict[str, int] = {}
    for image in findings.images:
        if image.kind.nominal is not None:
            device = _device(image.record)
            scales[device] = max(scales.get(device, 0), image.kind.nominal)
    for number, image in enumerate(findings.images):
        if image.kind.nominal is not None:
            kind = replace(image.kind, nominal=scales[_device(image.record)])
            findings.images[number] = replace(image, kind=kind)


def _device(record: Record) -> str:
    """Return what an image's further fields say of the device; all images are of one where they say nothing."""
    fields = {key.lower().replace(" ", "_"): value for key, value in record.extra.items()}
    return next((f"{key} {fields[key]}" for key in _DEVICE_FIELDS if key in fields), "")


def read_image_bytes(path: Path, name: str) -> bytes:
    """Return the content of an image file of at most `MAX_IMAGE_BYTES`.

    Raises:
        FetalFlexError: If it is missing, unreadable or larger.
    """
    try:
        if path.stat().st_size > MAX_IMAGE_BYTES:
            raise FetalFlexError(f"{name} has more than {MAX_IMAGE_BYTES:,} bytes")
        return path.read_bytes()
    except OSError as error:
        raise FetalFlexError(f"{name} cannot be read: {error.strerror or error}") from error


class _Checker:
    """Check images and remember their pictures and names."""

    def __init__(self, root: Path, options: ImportOptions) -> None:
        self._root = root
        self._registry = options.registry
        self._names = FileNames()
        self._first_with: dict[bytes, str] = {}
        self._synthetic = KnownSynthetic(root)
        self._colour_doppler = options.colour_doppler
        self._pictures: dict[_Key, tuple[bytes, Look]] = {}
        self._recognised: dict[_Key, bool] = {}

    def check(self, item: ImportedItem) -> CheckedImage:
        """Return the item as checked, or raise FetalFlexError that says why it cannot be taken."""
        name = self.name_of(item)
        item.layout.validate(self._registry)
        dicom = None if item.frame is None else DicomReading(item.frame, self._colour_doppler)
        loaded = self._encoded(item, name) if dicom is None else self._dicom(item.image_path, dicom)
        pixels, mark = loaded.pixels, mark_of_fields(item.extra) or loaded.mark
        expected = (item.layout.height, item.layout.width)
        if pixels.shape != expected:
            raise FetalFlexError(
                f"the image has {pixels.shape[1]} x {pixels.shape[0]} pixels, but its layout is for "
                f"{expected[1]} x {expected[0]}"
            )
        picture, look = pixel_digest(pixels), look_of(pixels)
        if mark is not None:
            self._synthetic.learn(picture, look, mark)
        if picture in self._first_with:
            raise FetalFlexError(f"the image is the same picture as {self._first_with[picture]}, pixel for pixel")
        suffix = None if mark is not None else loaded.plain_suffix
        record = _record(item, self._names.give(item.stem, suffix or ".png"), mark)
        self._first_with[picture] = name
        self._pictures[item.image_path, item.frame] = (picture, look)
        return CheckedImage(
            path=item.image_path,
            record=record,
            file_hash=loaded.digest,
            is_plain=suffix is not None,
            as_stored=item.as_stored,
            mark=mark,
            kind=PLAIN if suffix is not None else loaded.kind(),
            stem=item.stem,
            dicom=dicom,
        )

    def _encoded(self, item: ImportedItem, name: str) -> _Loaded:
        data = read_image_bytes(item.image_path, name)
        return _Loaded(
            pixels=decode_image(data, name, item.as_stored),
            digest=hashlib.sha256(data).digest(),
            kind=lambda: picture_kind(data, name),
            mark=mark_in_bytes(data),
            plain_suffix=plain_suffix(data),
        )

    def _dicom(self, path: Path, reading: DicomReading) -> _Loaded:
        pixels = read_image(path, dicom=reading)
        return _Loaded(pixels, file_digest(path), lambda: picture_kind(path, dicom=reading))

    def marked(self, images: list[CheckedImage]) -> list[CheckedImage]:
        """Return the images with the marks that lists, and synthetic images of the source, have for their pixels."""
        return [image if image.mark is not None else self._marked_by_pixels(image) for image in images]

    def _marked_by_pixels(self, image: CheckedImage) -> CheckedImage:
        found = self._synthetic.find_by(image.path, *self._pictures[image.key])
        if found is None:
            return image
        mark, self._recognised[image.key] = found
        name = str(PurePosixPath(image.record.file_name).with_suffix(".png"))
        record = replace(image.record, file_name=name, extra=mark.added_to(image.record.extra))
        return replace(image, record=record, is_plain=False, mark=mark)

    def renaming(self, image: CheckedImage) -> list[Finding]:
        """Return a note if the image does not keep its name."""
        stem = image.stem
        if Path(image.record.file_name).stem == stem:
            return []
        is_portable = portable_stem(stem) == stem
        reason = "another image has this name" if is_portable else "its name has characters that not every system takes"
        return [Finding(self.name(image.path), f"stored as {image.record.file_name}, since {reason}", NOTED)]

    def recognition(self, image: CheckedImage) -> list[Finding]:
        """Return a note if only the image's pixels have told that it is synthetic."""
        if image.key not in self._recognised:
            return []
        how = "has the pixels" if self._recognised[image.key] else "looks like a saved, scaled or turned copy"
        reason = (
            f"taken as synthetic, although its file does not say so: it {how} of an image that a {SYNTHETIC_LIST}, or "
            "another file of the source, says is synthetic"
        )
        return [Finding(self.name(image.path), reason, NOTED)]

    def name_of(self, item: ImportedItem) -> str:
        """Return where an item lies: its path relative to the source, and its frame where it has several."""
        frame = f" frame {item.frame}" if "frame" in item.extra and item.frame is not None else ""
        return f"{self.name(item.image_path)}{frame}"

    def name(self, path: Path) -> str:
        """Return a path relative to the source, with slashes."""
        return path.relative_to(self._root).as_posix() if path.is_relative_to(self._root) else path.name


def _record(item: ImportedItem, file_name: str, mark: SyntheticMark | None) -> Record:
    return Record(
        file_name=file_name,
        layout=item.layout,
        patient=item.patient,
        source=item.source,
        split=item.split,
        quality=item.quality,
        extra=item.extra if mark is None else mark.added_to(item.extra),
    )

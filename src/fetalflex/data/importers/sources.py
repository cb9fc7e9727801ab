"""Find annotation files and images inside a source, and pair them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from fetalflex.data.image_files import ImageHeader, image_header
from fetalflex.data.importers.base import NOTED, Finding, FoundNote, ImportedItem, ImportOptions
from fetalflex.data.importers.dicom_views import PatientKeys
from fetalflex.data.importers.image_names import ImageNames, Match, Reference, unread_kind
from fetalflex.data.importers.layout_builder import LayoutBuilder
from fetalflex.data.importers.reading import files_ending, image_files_in
from fetalflex.data.importers.splits_in_paths import split_of_folder
from fetalflex.data.importers.units import Unit
from fetalflex.data.paths import inside
from fetalflex.data.record_lines import RECORD_LINES, read_record_lines
from fetalflex.data.records import Record
from fetalflex.data.utf8_text import encodable
from fetalflex.errors import FetalFlexError

__all__ = ["Reference", "Source", "mask_of", "split_of_folder"]

_NO_IMAGES = frozenset({"segmentationclass", "segmentationobject", "masks", "mask", "labels", "annotations"})
_MASK_ENDING = re.compile(r"(.+?)[_-](mask|masks|seg|segmentation|annotation)([_-]?\d+)?$", re.IGNORECASE)


class Source:
    """A source folder, whose images are paired with the names that annotations give them.

    If the folder holds a `records.jsonl`, as exports do, it says everything but the boxes of the images that it lists:
    plane, patient, split and so on; see `fetalflex.data.record_lines`.

    Args:
        path: Folder, or a single annotation file inside it.
        options: `images` and `annotations` say where to look; without them the whole folder is searched, except that
            images in folders with names such as "masks" or "SegmentationClass", and those named after another image
            beside them with "_mask" or the like, are not taken for photographs.
        outlines: Take images that are named as masks of others too; the importer tells them itself.

    Attributes:
        root: Folder of the source.
        images: The images found in it, sorted.

    Raises:
        FetalFlexError: If the folder, or one that the options name, does not exist, or `records.jsonl` is wrong.
    """

    def __init__(self, path: Path, options: ImportOptions, outlines: bool = False) -> None:
        if not path.exists():
            raise FetalFlexError(f"there is no folder {path}")
        self.root = path.parent if path.is_file() else path
        self._file = path if path.is_file() else None
        self._options = options
        self._image_folder = self._named(options.images, "images") if options.images else self.root
        self._annotations = self._named(options.annotations, "annotations") if options.annotations else None
        lines = inside(self.root, RECORD_LINES)
        self._odd_records: dict[str, str] = {}
        self._records: dict[str, Record] = {}
        if lines.is_file():
            self._records = read_record_lines(lines, options.registry, self._odd_records)
        found = [path for path in image_files_in(self._image_folder) if self._may_be_photo(path)]
        self._odd = [path for path in found if not encodable(self.name(path))]
        found = [path for path in found if encodable(self.name(path))]
        stems = {(path.parent, path.stem) for path in found}
        self.images = tuple(path for path in found if outlines or not self._is_mask_beside(path, stems))
        self._images = ImageNames(self.root, self._image_folder, self.images)
        self._claimed: set[Path] = set()
        self._patients = PatientKeys()

    def check_plane(self) -> None:
        """Check that a plane is known of some image: from the options, or from the source's `records.jsonl`.

        Raises:
            FetalFlexError: If it is not.
        """
        if not self._records and not self._odd_records:
            self._options.plane_of(None)

    def annotation_files(self, suffixes: Sequence[str], usual: Sequence[str] = ()) -> list[Path]:
        """Return the annotation files, sorted.

        Args:
            suffixes: Endings, lower case, with the dot.
            usual: Names of folders, relative to the source, of which the first that exists is searched alone.

        Raises:
            FetalFlexError: If there are none.
        """
        if self._file is not None:
            return [self._checked(self._file)]
        folder = self._annotations
        if folder is None:
            folder = next((self.root / name for name in usual if (self.root / name).is_dir()), self.root)
        if folder.is_file():
            return [self._checked(folder)]
        found = list(files_ending(folder, suffixes))
        self._odd += [path for path in found if not encodable(self.name(path)) and path not in self._odd]
        found = [path for path in found if encodable(self.name(path))]
        if not found:
            raise FetalFlexError(f"{folder} holds no annotation file that ends in {' or '.join(suffixes)}")
        return found

    def match(self, references: Sequence[Reference]) -> list[Match | FetalFlexError]:
        """Return the image of each reference, or why there is none; see `ImageNames`.

        All references of a source are matched together, since a name that two of them have tells nothing.
        """
        results = self._images.match(references)
        self._claimed.update(one.image for one in results if isinstance(one, Match))
        return results

    def readable(self, paths: Sequence[Path]) -> Iterator[Path | Finding]:
        """Yield the files that lie in the source, and a refusal for each that is a link out of it."""
        for path in paths:
            try:
                yield self._checked(path)
            except FetalFlexError as error:
                yield self.refusal(path, error)

    def left_out(self) -> Iterator[Finding]:
        """Yield a refusal for each file that looks like an image or annotation and is not read at all."""
        names = {self.name(image) for image in self.images}
        for name, reason in self._odd_records.items():
            if name not in names:
                yield Finding(f"{RECORD_LINES}: {name}", reason)
        for path in self._odd:
            yield Finding(self.name(path), "the file's name is not UTF-8; rename it")
        for path in _unreadable(self.root):
            yield Finding(self.name(path), "the folder cannot be read, so what lies in it is not known; allow it")
        for path in sorted(self._image_folder.rglob("*")):
            kind = unread_kind(path.name)
            if kind and kind != "packed" and path.is_file():
                yield Finding(self.name(path), f"this is a {kind} file, which is not read; save it as PNG")

    def unclaimed(self, except_beside: Path | None = None) -> Iterator[ImportedItem | Finding]:
        """Yield every image that no annotation claimed: as a refusal, or as an item if the options want it.

        Args:
            except_beside: Images in the folder of this file are passed over, unless others of that folder were claimed.
        """
        yield from self.left_out()
        passed_over = None if except_beside is None else except_beside.parent
        if any(image.parent == passed_over for image in self._claimed):
            passed_over = None
        for image in self.images:
            if image in self._claimed or image.parent == passed_over:
                continue
            if not self._options.keep_unannotated:
                yield Finding(self.name(image), "no usable annotation names this image")
                continue
            try:
                yield from self.builder(image).finish()
            except FetalFlexError as error:
                yield self.refusal(image, error)

    def builder(
        self,
        image: Path | Match,
        declared: tuple[float, float] | None = None,
        plane: str | None = None,
        pixel_spacing_mm: float | None = None,
        unit: Unit = "pixels",
        frame: int | None = None,
    ) -> LayoutBuilder:
        """Return a layout builder for an image.

        Args:
            image: Image file, or one that was found for an annotation.
            declared: Width and height that the annotation gives, if any.
            plane: Plane that the annotation names for this image, if any.
            pixel_spacing_mm: Side of a pixel, mm.
            unit: Unit of the format's coordinates; boxes are added in pixels in any case.
            frame: Of a DICOM file, the frame that the annotation is for, from 1, if it names one.

        Raises:
            FetalFlexError: If the image is unreadable, has another size than declared, or its plane is unknown.
        """
        how = image.how if isinstance(image, Match) else None
        path = image.image if isinstance(image, Match) else image
        name = self.name(path)
        inside(self.root, name)
        header = image_header(path)
        size = header.stored if self._options.exif == "ignore" else header.upright
        is_shown = self._options.exif == "apply" and declared == header.stored
        if declared is not None and declared != size and not is_shown:
            message = f"the annotation is for {declared[0]:g} x {declared[1]:g} pixels, but {name} has "
            if declared == header.stored:
                raise FetalFlexError(f"{message}{size[0]} x {size[1]}, since {_turned(header)}")
            raise FetalFlexError(f"{message}{size[0]} x {size[1]}")
        if name in self._odd_records:
            raise FetalFlexError(self._odd_records[name])
        known = self._records.get(name)
        builder = LayoutBuilder(self._options, path, name, size, plane, pixel_spacing_mm, known, unit)
        if header.dicom is not None:
            builder.see(header.dicom, self._patients.name(header.dicom, path), frame)
        if header.is_turned and self._options.exif is None and (declared is None or header.stored == header.upright):
            builder.doubt = f"{name}: {_turned(header)}"
        if how is not None:
            builder.add_finding(FoundNote(name, how, NOTED))
        return builder

    def refusal(self, path: Path, error: Exception, detail: str = "") -> Finding:
        """Return a refusal for an error, with paths relative to the source.

        Args:
            path: File that the error is about.
            error: Its text becomes the reason.
            detail: Line, row or object in the file.
        """
        reason = str(error).replace(f"{self.root}/", "")
        return Finding(f"{self.name(path)} {detail}".rstrip(), reason)

    def name(self, path: Path) -> str:
        """Return a path relative to the source, with slashes."""
        return path.relative_to(self.root).as_posix()

    def _checked(self, path: Path) -> Path:
        if encodable(name := self.name(path)):
            inside(self.root, name)
        return path

    def _is_mask_beside(self, path: Path, stems: set[tuple[Path, str]]) -> bool:
        stem = mask_of(path.stem)
        return stem is not None and (path.parent, stem) in stems and self.name(path) not in self._records

    def _named(self, relative: str, option: str) -> Path:
        path = self.root if relative == "." else inside(self.root, relative)
        if not path.exists():
            raise FetalFlexError(f"{path} does not exist; correct the option {option}")
        return path

    def _may_be_photo(self, path: Path) -> bool:
        if self.name(path) in self._records:
            return True
        parents = path.relative_to(self._image_folder).parts[:-1]
        return not any(part.lower() in _NO_IMAGES for part in parents)


def _unreadable(root: Path) -> list[Path]:
    """Return the folders below one that the system does not let this process look into; searches pass over them."""
    found: list[OSError] = []
    for _ in os.walk(root, onerror=found.append):
        pass
    return sorted(Path(error.filename) for error in found if error.filename is not None)


def mask_of(stem: str) -> str | None:
    """Return the name of the image that a mask's name says it belongs to, without endings; None if it says none."""
    match = _MASK_ENDING.fullmatch(stem)
    return match.group(1) if match else None


def _turned(header: ImageHeader) -> str:
    """Return what to say of a picture that EXIF turns."""
    (width, height), (upright_width, upright_height) = header.stored, header.upright
    return (
        f"EXIF turns the picture: stored are {width} x {height} pixels, shown {upright_width} x {upright_height}; "
        "say with --exif apply or --exif ignore whether the boxes are for the shown one or for the stored one"
    )

"""Find annotation files and images inside a source, and pair them."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Sequence
from pathlib import Path

from fetalflex.data.image_files import SUFFIXES, image_size, is_image_file
from fetalflex.data.importers.base import ImportedItem, ImportOptions, Refusal
from fetalflex.data.importers.layout_builder import LayoutBuilder
from fetalflex.data.importers.reading import files_ending
from fetalflex.data.paths import inside, safe_relative
from fetalflex.data.record_lines import RECORD_LINES, read_record_lines
from fetalflex.errors import FetalFlexError

_NO_IMAGES = frozenset({"segmentationclass", "segmentationobject", "masks", "mask", "labels", "annotations"})
_SPLIT_FOLDERS = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
    "testing": "test",
}


class Source:
    """Hold a source folder and pair its images with the names that annotations give them.

    If the folder holds a `records.jsonl`, as exports do, it says everything but the boxes of the images that it lists:
    plane, patient, split and so on; see `fetalflex.data.record_lines`.

    Args:
        path: Folder, or a single annotation file inside it.
        options: `images` and `annotations` say where to look; without them the whole folder is searched, except that
            images in folders with names such as "masks" or "SegmentationClass" are not taken for photographs.

    Attributes:
        root: Folder of the source.
        images: The images found in it, sorted.

    Raises:
        FetalFlexError: If the folder, or one that the options name, does not exist, or `records.jsonl` is wrong.
    """

    def __init__(self, path: Path, options: ImportOptions) -> None:
        if not path.exists():
            raise FetalFlexError(f"there is no folder {path}")
        self.root = path.parent if path.is_file() else path
        self._file = path if path.is_file() else None
        self._options = options
        self._image_folder = self._named(options.images, "images") if options.images else self.root
        self._annotations = self._named(options.annotations, "annotations") if options.annotations else None
        lines = inside(self.root, RECORD_LINES)
        self._records = read_record_lines(lines, options.registry) if lines.is_file() else {}
        self.images = tuple(path for path in files_ending(self._image_folder, SUFFIXES) if self._may_be_photo(path))
        self._by_name: dict[str, list[Path]] = {}
        for image in self.images:
            self._by_name.setdefault(image.name, []).append(image)
            self._by_name.setdefault(image.stem, []).append(image)
        self._claimed: set[Path] = set()

    def check_plane(self) -> None:
        """Check that a plane is known of some image: from the options, or from the source's `records.jsonl`.

        Raises:
            FetalFlexError: If it is not.
        """
        if not self._records:
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
            return [self._file]
        folder = self._annotations
        if folder is None:
            folder = next((self.root / name for name in usual if (self.root / name).is_dir()), self.root)
        if folder.is_file():
            return [folder]
        found = list(files_ending(folder, suffixes))
        if not found:
            raise FetalFlexError(f"{folder} holds no annotation file that ends in {' or '.join(suffixes)}")
        return found

    def claim(self, reference: str, beside: Path) -> Path:
        """Return the image that an annotation names, once.

        The name is looked up relative to the annotation's folder, the image folder and the source; then the bare name,
        with or without ending, must belong to exactly one image.

        Args:
            reference: File name or relative path, as the annotation gives it.
            beside: Folder of the annotation.

        Raises:
            FetalFlexError: If the path leads outside the source, or there is no such image, several, or it is taken.
        """
        image = self._find(reference, beside)
        if image in self._claimed:
            raise FetalFlexError(f"the image {self.name(image)} is annotated twice; the first annotation is used")
        self._claimed.add(image)
        return image

    def unclaimed(self, except_beside: Path | None = None) -> Iterator[ImportedItem | Refusal]:
        """Yield every image that no annotation claimed: as a refusal, or as an item if the options want it.

        Args:
            except_beside: Images in the folder of this file are passed over, unless others of that folder were claimed.
        """
        passed_over = None if except_beside is None else except_beside.parent
        if any(image.parent == passed_over for image in self._claimed):
            passed_over = None
        for image in self.images:
            if image in self._claimed or image.parent == passed_over:
                continue
            if not self._options.keep_unannotated:
                yield Refusal(self.name(image), "no usable annotation names this image")
                continue
            try:
                yield from self.builder(image).finish()
            except FetalFlexError as error:
                yield self.refusal(image, error)

    def builder(
        self,
        image: Path,
        declared: tuple[float, float] | None = None,
        plane: str | None = None,
        pixel_spacing_mm: float | None = None,
    ) -> LayoutBuilder:
        """Return a layout builder for an image.

        Args:
            image: Image file.
            declared: Width and height that the annotation gives, if any.
            plane: Plane that the annotation names for this image, if any.
            pixel_spacing_mm: Side of a pixel, mm.

        Raises:
            FetalFlexError: If the image is unreadable, has another size than declared, or its plane is unknown.
        """
        name = self.name(image)
        inside(self.root, name)
        width, height = image_size(image)
        if declared is not None and declared != (width, height):
            raise FetalFlexError(
                f"the annotation is for {declared[0]:g} x {declared[1]:g} pixels, but {name} has {width} x {height}"
            )
        known = self._records.get(name)
        return LayoutBuilder(self._options, image, name, (width, height), plane, pixel_spacing_mm, known)

    def refusal(self, path: Path, error: Exception, detail: str = "") -> Refusal:
        """Return a refusal for an error, with paths relative to the source.

        Args:
            path: File that the error is about.
            error: Its text becomes the reason.
            detail: Line, row or object in the file.
        """
        reason = str(error).replace(f"{self.root}/", "")
        return Refusal(f"{self.name(path)} {detail}".rstrip(), reason)

    def name(self, path: Path) -> str:
        """Return a path relative to the source, with slashes."""
        return path.relative_to(self.root).as_posix()

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

    def _find(self, reference: str, beside: Path) -> Path:
        slashed = reference.replace("\\", "/")
        safe_relative(posixpath.normpath(posixpath.join(self.name(beside), slashed)))
        for folder in dict.fromkeys((beside, self._image_folder, self.root)):
            relative = posixpath.normpath(posixpath.join(self.name(folder), slashed))
            if (
                not relative.startswith("..")
                and is_image_file(Path(relative))
                and inside(self.root, relative).is_file()
            ):
                return self.root / relative
        found = self._by_name.get(posixpath.basename(slashed), [])
        found = [path for path in found if path.parent == beside] or found
        if len(found) > 1:
            names = " and ".join(self.name(path) for path in found[:2])
            raise FetalFlexError(f"{reference!r} may be {names}; name the image folder with the option images")
        if not found:
            raise FetalFlexError(f"there is no image {reference!r}")
        return found[0]


def split_of_folder(relative: str) -> str | None:
    """Return the split that one of a path's folders is named after, None if none or several are."""
    found = {_SPLIT_FOLDERS[part.lower()] for part in relative.split("/")[:-1] if part.lower() in _SPLIT_FOLDERS}
    return found.pop() if len(found) == 1 else None

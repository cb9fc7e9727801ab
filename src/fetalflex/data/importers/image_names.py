"""Find the picture that an annotation means: by its path, or by its name where no doubt is left."""

from __future__ import annotations

import posixpath
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from fetalflex.checks import shown
from fetalflex.data.image_files import is_image_file
from fetalflex.data.importers.splits_in_paths import split_of_folder
from fetalflex.data.paths import inside
from fetalflex.data.utf8_text import encodable
from fetalflex.errors import FetalFlexError

_OF_IMAGES = "images image imgs img jpegimages obj_train_data data frames photos default"
_OF_LABELS = "labels label annotations annotation masks mask segmentationclass xml json ann default obj_train_data"
IMAGE_FOLDERS = tuple(_OF_IMAGES.split())
_LABEL_FOLDERS = frozenset(_OF_LABELS.split())
_UNREAD = {
    ".gif": "GIF",
    ".heic": "HEIC",
    ".nii": "NIfTI",
    ".gz": "packed",
    ".mha": "MetaImage",
    ".avi": "video",
    ".mp4": "video",
}
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
_DRIVE = re.compile(r"[A-Za-z]:")
_UPLOAD = re.compile(r"(^|/)(uploads?|local-files)/", re.IGNORECASE)
_UPWARDS = re.compile(r"^(\.\./)+")
_DEEPEST = 8


@dataclass(frozen=True)
class Reference:
    """The name that an annotation gives its picture.

    Args:
        text: File name, path or address as the annotation writes it; for an implied name, the stem of the label file.
        where: Annotation file and place in it, for messages.
        beside: Folder of the annotation file.
        folder: Folder that the annotation gives beside the name; often one of another machine.
        subset: Part of a project that the picture belongs to; where pictures lie in folders, the folder's name.
        own_file: The annotation file is about this picture alone, so its own folder tells the picture's.
        own_stem: Name of such a file without ending; if a picture has that name, the reference must mean it.
        implied: The name is that of the label file itself, so the picture lies where the label file mirrors it.
        frame: Of a file with several frames, the one that is meant.
    """

    text: str
    where: str
    beside: Path
    folder: str | None = None
    subset: str | None = None
    own_file: bool = False
    own_stem: str | None = None
    implied: bool = False
    frame: int | None = None


@dataclass(frozen=True)
class Match:
    """A picture, and how it was found where that was not by its path."""

    image: Path
    how: str | None = None


def unread_kind(path: str) -> str | None:
    """Return what kind of file a name's ending stands for, if it is one that importers meet but do not read."""
    return _UNREAD.get(posixpath.splitext(path)[1].lower())


class ImageNames:
    """Find pictures by what annotations call them.

    A picture is looked for at the reference's path: beside the annotation, where `labels` and the like mirror `images`,
    in the image folder, in the source, and in its usual image folders. A name in composed and decomposed letters is
    one. Only where none of these is there, the end of the path, at last the bare name, may tell: if one picture and
    one annotation of the source have it, if no folder speaks against it, and never in silence.

    Args:
        root: Folder of the source.
        image_folder: Folder in which the pictures lie, `root` if not known.
        images: The pictures.
    """

    def __init__(self, root: Path, image_folder: Path, images: Sequence[Path]) -> None:
        self._root = root
        self._image_folder = image_folder
        self._exact: dict[str, list[Path]] = {}
        self._ends: dict[str, list[Path]] = {}
        folders: set[str] = set()
        for image in images:
            name = _composed(self._name(image))
            stem = posixpath.splitext(name)[0]
            self._exact.setdefault(name, []).append(image)
            self._exact.setdefault(stem, []).append(image)
            for end in (*_ends(name), *_ends(stem)):
                self._ends.setdefault(end, []).append(image)
            folders.update(_parents(name))
        self._containers = sorted(folder for folder in folders if posixpath.basename(folder).lower() in IMAGE_FOLDERS)
        self._folders: dict[str, str] = {}
        for folder in sorted(folders):
            self._folders.setdefault(folder.casefold(), folder)
        self._image_base = _common({self._name(image.parent) for image in images})
        self._label_base = "."

    def match(self, references: Sequence[Reference]) -> list[Match | FetalFlexError]:
        """Return the picture of each reference, or why there is none.

        Two references that mean one picture, or one frame of it, are both refused.
        """
        self._label_base = _common({self._name(reference.beside) for reference in references})
        found: list[Match | FetalFlexError | None] = [self._tried(reference) for reference in references]
        taken = {one.image for one in found if isinstance(one, Match)}
        folder_of = self._folder_map(references, found)
        named = _count_ends(references)
        for index, reference in enumerate(references):
            if found[index] is None:
                found[index] = self._by_end(reference, taken, named, folder_of)
        results = [one if one is not None else FetalFlexError("not looked for") for one in found]
        results = _without_doubles(references, results, self._name)
        return [self._with_own_name(*pair) for pair in zip(references, results, strict=True)]

    def _with_own_name(self, reference: Reference, found: Match | FetalFlexError) -> Match | FetalFlexError:
        """Refuse a picture if another one has the name of the annotation file: files were renamed, or a copy edited."""
        if reference.own_stem is None or isinstance(found, FetalFlexError):
            return found
        own = Reference(reference.own_stem, reference.where, reference.beside, own_file=True, implied=True)
        try:
            other = self._by_path(own)
        except FetalFlexError:  # several pictures have its name
            other = None
        if other is None or other.image == found.image or _same_stem(other.image, found.image):
            return found
        return FetalFlexError(
            f"it names the image {shown(reference.text, 200)}, but {self._name(other.image)} has its own name, so one "
            "of both is wrong; correct the name in the file, or rename the file"
        )

    def _tried(self, reference: Reference) -> Match | FetalFlexError | None:
        if not encodable(reference.text):
            return FetalFlexError(f"the image's name {shown(reference.text, 200)} is not UTF-8; correct it")
        try:
            return self._by_path(reference)
        except FetalFlexError as error:
            return error

    def _by_path(self, reference: Reference) -> Match | None:
        for path, is_foreign in _spellings(reference.text):
            tiers: Iterable[list[str]]
            if path.startswith("/"):
                tiers = [[here]] if (here := self._on_this_machine(path)) else []
            elif path.startswith("../"):
                tiers = [[posixpath.join(self._name(base), path)] for base in (reference.beside, self._image_folder)]
            else:
                tiers = self._tiers(path, reference) if not is_foreign else [[path]]
            for tier in tiers:
                images = list(dict.fromkeys(image for relative in tier for image in self._at(relative)))
                if len(images) > 1:
                    raise FetalFlexError(self._ambiguous(reference.text, images))
                if images:
                    return Match(images[0])
        return None

    def _on_this_machine(self, path: str) -> str | None:
        root = self._root.resolve().as_posix()
        return path[len(root) + 1 :] if path.startswith(f"{root}/") else None

    def _tiers(self, path: str, reference: Reference) -> Iterator[list[str]]:
        """Yield the places of a relative path, most telling first; places of one tier are equal."""
        beside, folder = self._name(reference.beside), self._name(self._image_folder)
        mirrors = self._mirrors(beside)
        if reference.implied:
            yield [posixpath.join(beside, path)]
            yield [posixpath.join(mirror, path) for mirror in mirrors]
            if folder != ".":
                rest = _after_labels(beside)
                yield [posixpath.join(folder, rest, path)]
            return
        bases = (beside, *mirrors, folder, ".", *self._containers)
        if reference.subset:
            yield [posixpath.join(base, reference.subset, path) for base in bases]
        if reference.folder and "/" not in path:
            name = _spellings(reference.folder)[0][0].lstrip("/")
            yield [posixpath.join(base, name, path) for base in bases if base == "." or name != base]
        yield [posixpath.join(beside, path)]
        yield [posixpath.join(mirror, path) for mirror in mirrors]
        yield [posixpath.join(folder, path)]
        yield [path]
        if len(self._ends.get(_ends(_composed(path))[-1], ())) == 1:
            yield [posixpath.join(base, path) for base in self._containers if "/" not in base]

    def _mirrors(self, beside: str) -> list[str]:
        """Return the folders that stand to the images as `beside` to the labels."""
        parts = beside.split("/")
        mirrors = []
        for position in range(len(parts) - 1, -1, -1):
            if parts[position].lower() in _LABEL_FOLDERS:
                before, after = parts[:position], parts[position + 1 :]
                for middle in (*([name] for name in IMAGE_FOLDERS), []):
                    folder = "/".join([*before, *middle, *after])
                    if (known := self._folders.get(_composed(folder).casefold())) is not None:
                        mirrors.append(known)
                    elif not folder:
                        mirrors.append(".")
        return mirrors

    def _at(self, relative: str) -> list[Path]:
        path = posixpath.normpath(relative)
        if path.startswith("..") or path.startswith("/"):
            return []
        found = self._exact.get(_composed(path), [])
        if literal := [image for image in found if self._name(image) == path]:
            return literal
        if is_image_file(Path(path)) and inside(self._root, path).is_file():
            return [self._root / path]
        if not found and (folder := self._folders.get(_composed(posixpath.dirname(path)).casefold())) is not None:
            found = self._exact.get(posixpath.join(folder, _composed(posixpath.basename(path))), [])
        return found

    def _by_end(
        self,
        reference: Reference,
        taken: set[Path],
        named: dict[str, list[int]],
        folder_of: dict[Path, set[Path]],
    ) -> Match | FetalFlexError:
        path, is_foreign = _spellings(reference.text)[-1]
        path = _UPWARDS.sub("", path)
        missing = f"there is no image {shown(reference.text, 200)}"
        if is_foreign and reference.text.lstrip().startswith(".."):
            missing += ", which leads out of its folder"
        elif is_foreign:
            missing += " or of its name"
        if kind := unread_kind(path):
            return FetalFlexError(f"{shown(reference.text, 200)} is a {kind} file, which is not read; save it as PNG")
        for end in reversed(_ends(_composed(path))):
            images = self._ends.get(end, [])
            if not images:
                continue
            if len(images) > 1:
                return FetalFlexError(self._ambiguous(reference.text, images))
            (image,) = images
            name = self._name(image)
            if image in taken:
                return FetalFlexError(f"{missing}; {name} has this name but belongs to another annotation")
            name_ends = (_ends(_composed(name)), _ends(posixpath.splitext(_composed(name))[0]))
            depth = end.count("/")
            others = sum(named.get(ends[depth], [0])[0] for ends in name_ends if len(ends) > depth)
            if others > 1:
                return FetalFlexError(
                    f"{missing}; {name} has this name, but so has the picture of another annotation; give their folders"
                )
            if reason := self._against(reference, path, is_foreign, image, folder_of):
                return FetalFlexError(f"{missing}; {name} has this name, but {reason}")
            how = "the end of its path" if "/" in end else "its bare name"
            return Match(image, f"found by {how}; the annotation says {shown(reference.text, 200)}")
        return FetalFlexError(missing)

    def _against(
        self, reference: Reference, path: str, is_foreign: bool, image: Path, folder_of: dict[Path, set[Path]]
    ) -> str | None:
        """Return what speaks against an image that has the reference's name."""
        name = self._name(image)
        meant = path if reference.subset is None else posixpath.join(reference.subset, path)
        if reference.own_file and "/" not in path:
            meant = posixpath.join(self._within(reference.beside), path)
        stated = meant if reference.folder is None else posixpath.join(reference.folder.replace("\\", "/"), meant)
        split, other = split_of_folder(stated), split_of_folder(name)
        if split and other and split != other:
            return f"lies in {other}, not in {split}"
        if is_foreign:
            return None
        known = folder_of.get(reference.beside)
        if reference.own_file and known and image.parent not in known:
            return "the other images of this folder lie elsewhere"
        is_stated = "/" in path or reference.subset is not None
        wanted, there = _telling(meant), _telling(name if is_stated else self._of_images(name))
        if wanted and there and not (_is_part(wanted, there) or _is_part(there, wanted)):
            return "lies in another folder"
        return None

    def _within(self, folder: Path) -> str:
        """Return a label folder's path from where label folders begin to differ."""
        name = self._name(folder)
        return name if _has_any(name, _LABEL_FOLDERS) else posixpath.relpath(name, self._label_base)

    def _of_images(self, name: str) -> str:
        """Return an image's path from where image folders begin to differ."""
        return name if _has_any(name, frozenset(IMAGE_FOLDERS)) else posixpath.relpath(name, self._image_base)

    def _folder_map(
        self, references: Sequence[Reference], found: Sequence[Match | FetalFlexError | None]
    ) -> dict[Path, set[Path]]:
        folders: dict[Path, set[Path]] = {}
        for reference, one in zip(references, found, strict=True):
            if isinstance(one, Match):
                folders.setdefault(reference.beside, set()).add(one.image.parent)
        return folders

    def _ambiguous(self, text: str, images: Sequence[Path]) -> str:
        names = " or ".join(self._name(path) for path in images[:2])
        return f"{shown(text, 200)} may be {names}; name the image folder with the option images"

    def _name(self, path: Path) -> str:
        return path.relative_to(self._root).as_posix()


def _same_stem(one: Path, other: Path) -> bool:
    return _composed(one.stem).casefold() == _composed(other.stem).casefold()


def _without_doubles(
    references: Sequence[Reference], results: list[Match | FetalFlexError], name: object
) -> list[Match | FetalFlexError]:
    by_image: dict[tuple[Path, int | None], list[int]] = {}
    for index, one in enumerate(results):
        if isinstance(one, Match):
            by_image.setdefault((one.image, references[index].frame), []).append(index)
    for (image, _), indices in by_image.items():
        if len(indices) > 1:
            first, second = (references[index].where for index in indices[:2])
            text = f"the image {name(image)} is annotated twice, in {first} and in {second}; keep one"  # type: ignore[operator]
            for index in indices:
                results[index] = FetalFlexError(text)
    return results


def _spellings(text: str) -> list[tuple[str, bool]]:
    """Return the paths that a reference may stand for, with slashes, and whether each comes from elsewhere.

    Raises:
        FetalFlexError: If it is no file name.
    """
    spelled = []
    for one in dict.fromkeys((text, unquote(text) if "%" in text else text)):
        path, is_foreign = _local(one)
        path = posixpath.normpath(path)
        is_foreign |= path.startswith(("/", "../"))
        if not text.strip() or "\0" in path or path in (".", "..", "/") or text.startswith("data:"):
            raise FetalFlexError(f"{shown(text, 200)} is no file name")
        spelled.append((path, is_foreign or _UPLOAD.search(path) is not None))
    return spelled


def _local(text: str) -> tuple[str, bool]:
    """Return the path of an address, or a path with slashes and without drive; and whether it was of elsewhere."""
    is_address = _URL.match(text) is not None
    if is_address or "?d=" in text:
        try:
            parts = urlsplit(text)
        except ValueError:
            return text.replace("\\", "/"), True
        inner = parse_qs(parts.query).get("d")
        return (inner[0] if inner else unquote(parts.path)).replace("\\", "/"), True
    slashed = text.replace("\\", "/")
    if _DRIVE.match(slashed):
        return slashed[2:], True
    return slashed, False


def _composed(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def _ends(path: str) -> list[str]:
    """Return the ends of a path from its bare name on, each one folder longer, in lower case."""
    parts = [part for part in path.casefold().split("/") if part not in ("", ".")]
    return ["/".join(parts[-count:]) for count in range(1, min(len(parts), _DEEPEST) + 1)]


def _count_ends(references: Sequence[Reference]) -> dict[str, list[int]]:
    """Return how many references have each end."""
    counts: dict[str, list[int]] = {}
    for reference in references:
        try:
            path = _spellings(reference.text)[-1][0]
        except FetalFlexError:
            continue
        for end in _ends(_composed(path)):
            counts.setdefault(end, [0])[0] += 1
    return counts


def _parents(name: str) -> Iterator[str]:
    folder = posixpath.dirname(name)
    while folder:
        yield folder
        folder = posixpath.dirname(folder)


def _after_labels(folder: str) -> str:
    parts = folder.split("/")
    for position in range(len(parts) - 1, -1, -1):
        if parts[position].lower() in _LABEL_FOLDERS:
            return "/".join(parts[position + 1 :])
    return "" if folder == "." else folder


def _telling(path: str) -> list[str]:
    """Return the folders of a path that say which picture is meant: not those that any set has."""
    usual = {*IMAGE_FOLDERS, *_LABEL_FOLDERS, "", "."}
    return [part for part in _composed(path).casefold().split("/")[:-1] if part not in usual]


def _has_any(path: str, names: frozenset[str]) -> bool:
    return any(part in names for part in path.casefold().split("/"))


def _common(folders: set[str]) -> str:
    return posixpath.commonpath(folders) or "." if folders else "."


def _is_part(short: list[str], long: list[str]) -> bool:
    rest = iter(long)
    return all(part in rest for part in short)

"""The folder of the studio: images that were opened, results, and the work itself, each written whole or not at all."""

from __future__ import annotations

import json
import secrets
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from fetalflex.anatomy import Layout
from fetalflex.checks import shown
from fetalflex.data import read_image
from fetalflex.data.image_files import encode_png
from fetalflex.errors import FetalFlexError
from fetalflex.files import FolderKind, claim, locked, write_text, writing_together
from fetalflex.files.json_files import JsonObject, read_json
from fetalflex.provenance import SyntheticMark, append_to_list
from fetalflex.studio.results import Made, Result, is_result

STUDIO = FolderKind("studio's work")
_WORK = "work.json"
_IMAGES, _RESULTS = "images", "results"
_LARGEST_FILE = 64 * 2**20

KnownT = TypeVar("KnownT")


class NotThere(FetalFlexError):  # noqa: N818 - what happened
    """Signal an id that stands for nothing (any more)."""


@dataclass(frozen=True)
class OpenImage:
    """What is known of an image on the desk.

    Args:
        id: Given out by the desk.
        name: What to call it.
        width: Pixels.
        height: Pixels.
        layout: What it shows, as plain values; None if nothing is known.
        origin: Where it came from, for people, such as "examples/images/a.png".
        synthetic: Whether it is no real image, or not wholly.
        facts: What the mark of a synthetic image says.
        scores: The detector's, one per structure, where it has found the layout.
        record: Its id on the shelf, where it came from a data set.
    """

    id: str
    name: str
    width: int
    height: int
    layout: JsonObject | None
    origin: str
    synthetic: bool = False
    facts: dict[str, str | int] = field(default_factory=dict)
    scores: tuple[float, ...] = ()
    record: str | None = None

    def values(self) -> JsonObject:
        """Return it as JSON values."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__} | {"scores": list(self.scores)}


class Desk:
    """Keep images, results and the work in a folder, and find them by ids that it gives out.

    Nothing that a page sends becomes part of a path: ids are looked up among those that the desk knows. Pixels are read
    from disk when they are needed, so that the memory does not grow with the work.

    Args:
        folder: Folder of the studio, claimed and locked; see `desk_at`.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._saving = threading.Lock()
        self._images = dict(self._known_images())
        self._results = dict(self._known_results())

    @property
    def folder(self) -> Path:
        """Where all lies."""
        return self._folder

    # Images

    def add_image(
        self,
        pixels: NDArray[np.uint8],
        name: str,
        origin: str,
        layout: Layout | None = None,
        mark: SyntheticMark | None = None,
        scores: tuple[float, ...] = (),
        record: str | None = None,
    ) -> OpenImage:
        """Put an image on the desk, re-encoded."""
        height, width = pixels.shape
        image_id = secrets.token_hex(8)
        values = None if layout is None else layout.to_dict()
        facts = {} if mark is None else dict(mark.facts)
        image = OpenImage(image_id, name, width, height, values, origin, mark is not None, facts, scores, record)
        text = {} if mark is None else mark.png_text()
        with writing_together() as files:
            files.add(self._path(_IMAGES, image_id, "png"), encode_png(pixels, text))
            files.add(self._path(_IMAGES, image_id, "json"), json.dumps(image.values(), allow_nan=False))
        if mark is not None:
            append_to_list(self._path(_IMAGES, image_id, "png"), pixels, mark)
        self._images[image_id] = image
        return image

    def image(self, image_id: str) -> OpenImage:
        """Return what is known of an image; an unknown id raises NotThere."""
        return _found(self._images, image_id, "image")

    def pixels(self, image_id: str) -> NDArray[np.uint8]:
        """Return an image, (H, W) uint8."""
        self.image(image_id)
        return read_image(self._path(_IMAGES, image_id, "png"))

    def image_file(self, image_id: str) -> bytes:
        """Return an image as PNG."""
        self.image(image_id)
        return self._path(_IMAGES, image_id, "png").read_bytes()

    # Results

    def new_result(self) -> tuple[str, Path]:
        """Return an id, and the PNG file to write for it."""
        result_id = secrets.token_hex(8)
        return result_id, self._path(_RESULTS, result_id, "png")

    def keep_result(self, result_id: str, made: Made, mask: NDArray[np.bool_]) -> Result:
        """Keep what is known of a result whose image is written; return it as JSON values."""
        values: Result = {"id": result_id, **made}
        with writing_together() as files:
            files.add(self._path(_RESULTS, result_id, "mask.png"), encode_png(mask.astype(np.uint8) * 255))
            files.add(self._path(_RESULTS, result_id, "json"), json.dumps(values, allow_nan=False))
        self._results[result_id] = values
        return values

    def result(self, result_id: str) -> Result:
        """Return what is known of a result; an unknown id raises NotThere."""
        return _found(self._results, result_id, "result")

    def results(self) -> list[Result]:
        """Return all results, oldest first."""
        return sorted(self._results.values(), key=lambda values: values["made_at"])

    def result_file(self, result_id: str) -> Path:
        """Return where the image of a result lies."""
        self.result(result_id)
        return self._path(_RESULTS, result_id, "png")

    def result_mask(self, result_id: str) -> NDArray[np.bool_]:
        """Return where a result is synthetic, (H, W) bool."""
        self.result(result_id)
        return np.asarray(read_image(self._path(_RESULTS, result_id, "mask.png")) > 0)

    # The work itself

    def work(self) -> JsonObject:
        """Return `{"revision": ..., "document": ...}`; the document is None at the very start."""
        path = self._folder / _WORK
        if not path.is_file():
            return {"revision": 0, "document": None}
        found = read_json(path, _LARGEST_FILE)
        if not isinstance(found, dict) or not isinstance(found.get("revision"), int):
            raise FetalFlexError(f"{path} is damaged; move it elsewhere to start anew")
        return {"revision": found["revision"], "document": found.get("document")}

    def save_work(self, revision: int, document: JsonObject) -> int | None:
        """Save the work; return its new revision, None if it has been saved by another page since `revision`."""
        with self._saving:
            if revision != self.work()["revision"]:
                return None
            text = json.dumps({"revision": revision + 1, "document": document}, allow_nan=False)
            write_text(self._folder / _WORK, text)
            return revision + 1

    def _path(self, kind: str, known_id: str, ending: str) -> Path:
        return self._folder / kind / f"{known_id}.{ending}"

    def _known_images(self) -> Iterator[tuple[str, OpenImage]]:
        for name, values in _entries(self._folder / _IMAGES):
            try:
                yield name, OpenImage(**values | {"scores": tuple(values["scores"])})
            except (TypeError, KeyError):
                continue

    def _known_results(self) -> Iterator[tuple[str, Result]]:
        for name, values in _entries(self._folder / _RESULTS):
            if is_result(values):
                yield name, values


@contextmanager
def desk_at(folder: Path) -> Iterator[Desk]:
    """Open the desk in a folder, which is made if it is missing, and let no other process work there.

    Raises:
        FetalFlexError: If the folder holds something else, or another process uses it.
    """
    with locked(folder):
        folder.mkdir(parents=True, exist_ok=True)
        claim(folder, STUDIO)
        yield Desk(folder)


def _entries(folder: Path) -> Iterator[tuple[str, JsonObject]]:
    """Yield names and contents of the JSON files in a folder that have an image beside them; damaged ones are left."""
    for path in sorted(folder.glob("*.json")):
        if path.name.endswith(".layout.json") or not path.with_suffix(".png").is_file():
            continue
        try:
            values = read_json(path, _LARGEST_FILE)
        except FetalFlexError:
            continue
        if isinstance(values, dict) and values.get("id") == path.stem:
            yield path.stem, values


def _found(known: Mapping[str, KnownT], wanted: str, what: str) -> KnownT:
    if wanted not in known:
        raise NotThere(f"there is no {what} {shown(wanted)} on the desk; open it again")
    return known[wanted]

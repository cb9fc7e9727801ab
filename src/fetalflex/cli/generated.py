"""What a folder of generated images was made of, so that the same command resumes there and another one is refused."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from fetalflex.anatomy import Registry
from fetalflex.cli.jobs import Job
from fetalflex.data import read_image, read_png_text
from fetalflex.data.image_files import is_whole_png
from fetalflex.errors import FetalFlexError
from fetalflex.files import naming_failures
from fetalflex.files.json_files import JsonObject
from fetalflex.pipeline.synthesis import says_already

NOTES = ".fetalflex-generated"
"""One JSON object a line: name of an image, and what it was made of. Without an ending that importers look for."""

_LARGEST_NOTES = 512 * 2**20


class GeneratedImages:
    """The images that were made in a folder, or begun, and what each was made of.

    What is noted down of an image before it is written says all that its pixels depend on but the number of images that
    are computed together. So an image that is there whole, with the same note, need not be made again.

    Args:
        folder: Folder of the images; it need not exist.

    Raises:
        FetalFlexError: If the notes cannot be read.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / NOTES
        self._notes = dict(_read(self._path))

    def knows(self, job: Job) -> bool:
        """Say whether the image of a job was made or begun here."""
        return job.path.name in self._notes

    def differences(self, job: Job, facts: JsonObject) -> list[str]:
        """Return in which facts an image that is known was made otherwise, in words."""
        before = self._notes[job.path.name]
        return [
            f"{name} was {before.get(name)!r}, now {facts.get(name)!r}"
            for name in dict.fromkeys((*before, *facts))
            if before.get(name) != facts.get(name)
        ]

    def is_finished(self, job: Job) -> bool:
        """Say whether image and layout of a job lie there, undamaged; what was cut short is to be made again.

        Raises:
            FetalFlexError: If other files lie there, such as an image that somebody has worked on.
        """
        image, layout_file = job.outputs
        layout = job.item.layout
        has_layout = says_already(layout_file, layout)
        if layout_file.exists() and not has_layout:
            raise FetalFlexError(_changed(layout_file))
        if not is_whole_png(image):
            return False
        shape, text = read_image(image).shape, read_png_text(image)
        if shape != (layout.height, layout.width) or text.get("FetalFlex:seed") != str(job.seed):
            raise FetalFlexError(_changed(image))
        return has_layout

    def note(self, jobs: Sequence[tuple[Job, JsonObject]]) -> None:
        """Note down what images are made of, before they are written.

        Raises:
            FetalFlexError: If the disk does not take the notes.
        """
        new = [(job.path.name, facts) for job, facts in jobs if self._notes.get(job.path.name) != facts]
        if not new:
            return
        self._notes.update(new)
        text = "".join(json.dumps({"file": name, "made_of": facts}, sort_keys=True) + "\n" for name, facts in new)
        with naming_failures(self._path):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("a+b") as file:
                if file.tell() and not _ends_in_a_line(file):  # a process was killed while it wrote
                    text = "\n" + text
                file.write(text.encode())


def facts_of(job: Job, model: str, registry: Registry, settings: JsonObject, region: Any) -> JsonObject:
    """Return all that the image of a job depends on, as JSON values.

    Args:
        job: The job.
        model: Identity of the model.
        registry: Planes and structures.
        settings: Record of the sampling, and prompts.
        region: ROI mode, or a mask, (H, W) bool.
    """
    source = None if job.item.read_source is None else _array_digest(job.item.read_source())
    return {
        "model": model,
        "planes": _digest(registry.to_yaml().encode()),
        "layout": _digest(job.item.layout.to_json().encode()),
        "source image": source,
        "region": region if isinstance(region, str) else f"mask {_array_digest(np.asarray(region))}",
        "seed": job.seed,
        **settings,
    }


def prompt_of(job: Job) -> str:
    """Return the prompt that a finished image was made with."""
    return read_png_text(job.path).get("FetalFlex:prompt", "")


def _read(path: Path) -> Iterator[tuple[str, JsonObject]]:
    """Yield file names and facts; a line that was cut short by a kill is passed over."""
    if not path.exists():
        return
    try:
        if path.stat().st_size > _LARGEST_NOTES:
            raise FetalFlexError(f"{path} is larger than {_LARGEST_NOTES / 2**20:g} MiB; delete it, or write elsewhere")
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise FetalFlexError(f"{path} cannot be read: {error.strerror}") from error
    for line in lines:
        try:
            entry = json.loads(line)
            name, facts = entry["file"], entry["made_of"]
        except (ValueError, KeyError, TypeError, RecursionError):
            continue
        if isinstance(name, str) and isinstance(facts, dict):
            yield name, facts


def _ends_in_a_line(file: BinaryIO) -> bool:
    file.seek(-1, 2)
    return bool(file.read(1) == b"\n")


def _changed(path: Path) -> str:
    return f"{path} has been changed since it was made; move it, give another folder, or --force to make it again"


def _array_digest(values: np.ndarray) -> str:
    return _digest(repr((values.shape, str(values.dtype))).encode() + np.ascontiguousarray(values).tobytes())


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]

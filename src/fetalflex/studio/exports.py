"""Results as one file to take away: a data set folder, and with each result all that made it."""

from __future__ import annotations

import io
import re
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fetalflex.anatomy import Layout
from fetalflex.data import DatasetFolder, Record, read_image
from fetalflex.data.image_files import encode_png
from fetalflex.provenance import SyntheticMark, picture_text
from fetalflex.studio.commands import command_line
from fetalflex.studio.recipes import recipe_between
from fetalflex.studio.results import Result
from fetalflex.studio.state import Studio

_ROOT = "fetalflex-export"
_NO_COMMAND = "No single command makes this again; the recipe, both layouts and the PNG's metadata say how.\n"
_README = """Results of FetalFlex Studio. Synthetic images; for research and education, not for diagnosis.

annotations.json, images/   a data set folder: COCO annotations of all results; `--dataset` of any command takes it
results/NAME/               one result each:
  image.png                   the image, with prompt, seed, model and settings in its metadata
  image.layout.json           what it shows
  mask.png                    where it is synthetic; elsewhere it is the source, pixel for pixel
  source.png, source.layout.json   what it was made from
  edit.recipe.json            the edits between the two layouts
  command.txt                 makes it again, in its folder
  difference.png              of a pair: orange is brighter than without the edit, blue darker
"""


def packed(results: Sequence[str], studio: Studio) -> bytes:
    """Return a ZIP file with some results, each at most once.

    Raises:
        FetalFlexError: If one is not on the desk.
    """
    known = [studio.desk.result(one) for one in dict.fromkeys(results)]
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{_ROOT}/README.txt", _README)
        with tempfile.TemporaryDirectory(prefix="fetalflex-") as temporary:
            folder = Path(temporary) / _ROOT
            DatasetFolder.write(folder, ((_record(one), _pixels(one, studio)) for one in known), studio.registry)
            for path in sorted(folder.rglob("*")):
                if path.is_file() and not path.name.startswith("."):
                    archive.write(path, f"{_ROOT}/{path.relative_to(folder).as_posix()}")
        for one in known:
            for name, content in _files(one, studio).items():
                archive.writestr(f"{_ROOT}/results/{name_of(one)}/{name}", content)
    return buffer.getvalue()


def name_of(facts: Result) -> str:
    """Return what the files of a result are called: letters, digits, dots, hyphens and underscores."""
    stem = re.sub(r"[^A-Za-z0-9_-]+", "_", str(facts["name"]).rpartition(".")[0] or str(facts["name"]))
    return f"{stem.strip('_')[:60] or 'image'}-{facts['id'][:8]}"


def _record(facts: Result) -> Record:
    mark = SyntheticMark({"seed": facts["seed"], "model": facts["model"], "source_image": facts["name"]})
    return Record(f"images/{name_of(facts)}.png", Layout.from_dict(facts["layout"]), extra=mark.added_to({}))


def _pixels(facts: Result, studio: Studio) -> NDArray[np.uint8]:
    return read_image(studio.desk.result_file(facts["id"]))


def _files(facts: Result, studio: Studio) -> dict[str, bytes | str]:
    """Return the files of a result by name."""
    before, after = Layout.from_dict(facts["before"]), Layout.from_dict(facts["layout"])
    mask = studio.desk.result_mask(facts["id"]).astype("uint8") * 255
    path = studio.desk.result_file(facts["id"])
    command = command_line(facts, studio.model)
    files: dict[str, bytes | str] = {
        "image.png": path.read_bytes(),
        "image.layout.json": after.to_json(),
        "mask.png": encode_png(mask, picture_text("mask of the synthetic region", synthetic=False)),
        "source.png": studio.desk.image_file(facts["image"]),
        "source.layout.json": before.to_json(),
        "edit.recipe.json": recipe_between(before, after).to_json(),
        "command.txt": _NO_COMMAND if command is None else f"{command}\n",
    }
    difference = path.with_suffix(".difference.png")
    if difference.is_file():
        files["difference.png"] = difference.read_bytes()
    return files

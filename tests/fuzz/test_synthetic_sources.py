"""Every importer reads the mark of pictures whose annotations say nothing of it."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from importer_seeds import Files, seeds
from PIL import Image

from fetalflex.anatomy.registry import default_registry
from fetalflex.data.checking import CheckedSource, check_source
from fetalflex.data.image_files import encode_png
from fetalflex.data.importers import ImportOptions, get_importer
from fetalflex.provenance import NOTICE, SyntheticList, SyntheticMark

MARK = SyntheticMark({"seed": 3, "model": "mini-1"})
IMPORTERS = {name: seed for name, seed in seeds().items() if not name.startswith(("image", "records", "dicom"))}
_PLANES_OF_THEIR_OWN = ("hc18", "fetus_framework", "fetal_planes", "head_biometry")


def pictures(files: Files) -> dict[str, np.ndarray]:
    """Return the pixels of a source's image files by name."""
    found = {}
    for name, content in files.items():
        if name.lower().endswith((".png", ".jpg", ".tif", ".tiff")):
            with Image.open(io.BytesIO(content)) as image:
                found[name] = np.asarray(image)
    return found


def findings(name: str, folder: Path) -> CheckedSource:
    format_name = IMPORTERS[name][0]
    columns = (
        {key: key for key in ("file", "label", "x0", "y0", "x1", "y1")} if format_name == "fetus_framework" else {}
    )
    plane = None if format_name in _PLANES_OF_THEIR_OWN else "thalamic_transverse"
    options = ImportOptions(plane=plane, columns=columns)
    return check_source(get_importer(format_name).read(folder, options), folder, options, lambda _: None)


@pytest.fixture(params=IMPORTERS)
def source(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, Path, Files]:
    files = IMPORTERS[request.param][1]
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    return request.param, tmp_path, files


def test_real_pictures_are_real(source):
    name, folder, _ = source
    found = findings(name, folder)
    assert found.images
    assert [image.mark for image in found.images] == [None] * len(found.images)
    assert all("synthetic" not in image.record.extra for image in found.images)


def test_the_text_of_a_picture_tells(source):
    name, folder, files = source
    plain = findings(name, folder)
    for path, pixels in pictures(files).items():
        (folder / path).write_bytes(encode_png(pixels, MARK.png_text()))
    found = findings(name, folder)
    assert [image.mark for image in found.images] == [MARK] * len(plain.images)
    for image in found.images:
        assert (image.record.extra["synthetic"], image.record.extra["seed"]) == (True, 3)
        assert not image.is_plain
        image.record.layout.validate(default_registry())


def test_the_comment_of_a_jpeg_tells(source):
    name, folder, files = source
    taken = [image.path.relative_to(folder).as_posix() for image in findings(name, folder).images]
    for path, pixels in pictures(files).items():
        if path in taken:  # lossy masks and outlines would be other ones
            buffer = io.BytesIO()
            Image.fromarray(pixels).save(buffer, "JPEG", comment=NOTICE)
            (folder / path).write_bytes(buffer.getvalue())
    found = findings(name, folder)
    assert [image.mark is not None for image in found.images] == [True] * len(taken)


def test_a_list_above_tells(source):
    name, folder, files = source
    plain = findings(name, folder)
    listed = SyntheticList()
    for path, pixels in pictures(files).items():
        listed.add(path, pixels, MARK)
    listed.write(folder)
    found = findings(name, folder)
    assert [image.mark for image in found.images] == [MARK] * len(plain.images)
    assert sum("taken as synthetic" in note.reason for note in found.notes) == len(plain.images)

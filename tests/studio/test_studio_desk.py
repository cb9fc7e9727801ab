from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from fetalflex.anatomy import Layout
from fetalflex.errors import FetalFlexError
from fetalflex.provenance import SyntheticMark, mark_in_file
from fetalflex.studio.desk import NotThere, desk_at
from fetalflex.studio.results import Made

GREY = np.arange(12, dtype=np.uint8).reshape(3, 4)


def made_of(image: str) -> Made:
    """Return what is known of a result that was made from an image."""
    layout = Layout("femur", 4, 3).to_dict()
    return {
        "kind": "refine",
        "before": layout,
        "region": "mask",
        "is_unedited": True,
        "options": {},
        "image": image,
        "name": "a.png",
        "layout": layout,
        "seed": 3,
        "prompt": "fetal ultrasound",
        "model": "tiny",
        "settings": {},
        "made_at": "2026",
    }


def test_what_lies_on_the_desk_is_there_again(tmp_path: Path) -> None:
    with desk_at(tmp_path / "work") as desk:
        image = desk.add_image(GREY, "a.png", "a file", mark=SyntheticMark({"seed": 3}))
        result_id, path = desk.new_result()
        path.parent.mkdir()
        path.write_bytes(desk.image_file(image.id))
        result = desk.keep_result(result_id, made_of(image.id), GREY > 5)
        assert desk.save_work(0, {"image": image.id}) == 1
    with desk_at(tmp_path / "work") as desk:
        assert desk.image(image.id) == image
        assert np.array_equal(desk.pixels(image.id), GREY)
        assert desk.results() == [result]
        assert np.array_equal(desk.result_mask(result_id), GREY > 5)
        assert desk.work() == {"revision": 1, "document": {"image": image.id}}
        assert mark_in_file(tmp_path / "work/images" / f"{image.id}.png") is not None


def test_a_killed_studio_loses_nothing_that_was_saved(tmp_path: Path) -> None:
    code = f"""
import time
from pathlib import Path
from fetalflex.studio.desk import desk_at
with desk_at(Path({str(tmp_path / "work")!r})) as desk:
    revision = 0
    while True:
        revision = desk.save_work(revision, {{"step": revision, "ballast": "x" * 200_000}})
        if revision == 3:
            print("saved", flush=True)
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"saved\n"
        process.send_signal(signal.SIGKILL)
    with desk_at(tmp_path / "work") as desk:
        work = desk.work()
        assert work["revision"] >= 3
        assert work["document"]["step"] == work["revision"] - 1
        assert desk.save_work(work["revision"], {}) == work["revision"] + 1


def test_damaged_files_are_left_alone(tmp_path: Path) -> None:
    with desk_at(tmp_path / "work") as desk:
        image = desk.add_image(GREY, "a.png", "a file")
    folder = tmp_path / "work/images"
    (folder / "0123456789abcdef.json").write_text("{")
    (folder / "0123456789abcdef.png").write_bytes(b"no image")
    (folder / "fedcba9876543210.json").write_text(json.dumps({"id": "../../secret", "name": "a"}))
    (folder / "fedcba9876543210.png").write_bytes(b"no image")
    with desk_at(tmp_path / "work") as desk:
        assert desk.image(image.id).name == "a.png"
        with pytest.raises(NotThere):
            desk.image("0123456789abcdef")
        with pytest.raises(NotThere):
            desk.image("../../secret")


@pytest.mark.parametrize("lacking", ["layout", "seed", "options", "made_at"])
def test_a_result_of_which_something_is_lost_is_left_alone(tmp_path: Path, lacking: str) -> None:
    folder = tmp_path / "work/results"
    with desk_at(tmp_path / "work"):
        folder.mkdir()
    whole = {"id": "0123456789abcdef", **made_of("fedcba9876543210")}
    for values in (whole, {name: value for name, value in whole.items() if name != lacking}):
        (folder / "0123456789abcdef.json").write_text(json.dumps(values))
        (folder / "0123456789abcdef.png").write_bytes(b"looked at when it is needed")
        with desk_at(tmp_path / "work") as desk:
            assert desk.results() == ([whole] if values == whole else [])


def test_a_damaged_work_is_named(tmp_path: Path) -> None:
    with desk_at(tmp_path / "work") as desk:
        (tmp_path / "work/work.json").write_text("{}")
        with pytest.raises(FetalFlexError, match=r"work\.json is damaged"):
            desk.work()


def test_folders_of_others_are_not_used(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(FetalFlexError, match="not empty"), desk_at(tmp_path):
        pass


@pytest.mark.parametrize("wanted", ["", "..", "/etc/passwd", "a" * 16])
def test_unknown_ids_are_refused(tmp_path: Path, wanted: str) -> None:
    with desk_at(tmp_path / "work") as desk:
        for find in (desk.image, desk.pixels, desk.image_file, desk.result, desk.result_file, desk.result_mask):
            with pytest.raises(NotThere, match="there is no"):
                find(wanted)

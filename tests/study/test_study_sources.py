from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image
from study_helpers import picture

from fetalflex.anatomy import Layout, default_registry
from fetalflex.data import DatasetFolder, Record
from fetalflex.data.image_files import write_png
from fetalflex.errors import FetalFlexError
from fetalflex.provenance import SyntheticMark
from fetalflex.study.candidates import ANY_PLANE
from fetalflex.study.sources import read_sources


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    """Scans by plane, and syntheses of them that say so."""
    for number, plane in enumerate(("Abdominal transverse", "thalamic_transverse")):
        (tmp_path / "scans" / plane).mkdir(parents=True)
        Image.fromarray(picture(number)).save(tmp_path / "scans" / plane / f"scan{number}.png")
        mark = SyntheticMark({"source_image": f"images/scan{number}.jpg", "seed": 1})
        write_png(tmp_path / "made" / plane / f"{number}.png", picture(10 + number), mark.png_text())
    return tmp_path


def read(*sources: object, real: tuple[str, ...] = ()) -> list:
    return read_sources([str(source) for source in sources], default_registry(), real)


def test_folders_give_method_plane_case_and_truth(folders: Path) -> None:
    found = read(f"clinic={folders / 'scans'}", f"ours={folders / 'made'}", real=("clinic",))
    assert [(one.method, one.plane, one.case, one.mark is not None) for one in found] == [
        ("clinic", "abdominal_transverse", "scan0", False),
        ("clinic", "thalamic_transverse", "scan1", False),
        ("ours", "abdominal_transverse", "scan0", True),
        ("ours", "thalamic_transverse", "scan1", True),
    ]
    assert (found[0].load() == picture(0)).all()
    assert found[0].size == (36, 24)


def test_images_of_others_are_synthetic_if_the_real_ones_are_named(folders: Path) -> None:
    found = read(
        f"gan={folders / 'scans'}", f"ours={folders / 'made'}", f"clinic={folders / 'scans'}", real=("clinic",)
    )
    assert [one.mark is not None for one in found] == [True] * 4 + [False] * 2


def test_data_sets_give_planes_and_sources(tmp_path: Path) -> None:
    extra = {"synthetic": True, "source_image": "images/scan7.png"}
    layout = Layout("abdominal_transverse", width=36, height=24)
    DatasetFolder.write(tmp_path / "set", [(Record("images/0001.png", layout, extra=extra), picture(3))])
    [one] = read(f"ours={tmp_path / 'set'}")
    assert (one.plane, one.case, one.size) == ("abdominal_transverse", "scan7", (36, 24))
    assert one.mark is not None
    assert (one.load() == picture(3)).all()


def test_layouts_beside_images_give_planes(tmp_path: Path) -> None:
    Image.fromarray(picture(3)).save(tmp_path / "a.png")
    Layout("facial_sagittal", width=36, height=24).save(tmp_path / "a.layout.json")
    assert [one.plane for one in read(f"clinic={tmp_path}", real=("clinic",))] == ["facial_sagittal"]


def test_manifests_are_csv_or_jsonl(folders: Path) -> None:
    rows = [
        {"image": "scans/Abdominal transverse/scan0.png", "method": "clinic", "plane": "abdomen", "synthetic": False},
        {"image": "made/thalamic_transverse/1.png", "method": "ours", "plane": "thalamic transverse", "case": "x"},
    ]
    (folders / "a.jsonl").write_text("\n".join(json.dumps(row) for row in rows) + "\n\n")
    lines = ["image;method;plane;case;synthetic"]
    lines += [";".join(str(row.get(name, "")) for name in lines[0].split(";")) for row in rows]
    (folders / "a.csv").write_text("\n".join(lines))
    for name in ("a.jsonl", "a.csv"):
        found = read(folders / name)
        assert [(one.method, one.plane, one.case, one.mark is not None) for one in found] == [
            ("clinic", "abdominal_transverse", "scan0", False),
            ("ours", "thalamic_transverse", "x", True),
        ]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("image,method\n", "names no image"),
        ("", "has no column 'image'"),
        ("image,plane\nscan.png,x\n", "has no column 'method'"),
        ("image,method,plan\nscan.png,a,b\n", "unknown key 'plan'.*Did you mean plane"),
        ("image,method\nmissing.png,a\n", "line 2: there is no image file .*missing.png"),
        ("image,method\n,a\n", "line 2: image must be a text"),
        ("image,method,synthetic\nscan.png,a,perhaps\n", "line 2: synthetic must be true or false, got 'perhaps'"),
        ("image,method,plane\nscan.png,a,kidney\n", "line 2: .*kidney"),
        ("image,method\nscan.png,a\n", "not known whether the images of 'a' are synthetic.*--real"),
        ("image,method\nnotes.txt,a\n", "notes.txt is no readable image"),
    ],
)
def test_odd_manifests_are_told_with_their_line(tmp_path: Path, text: str, told: str) -> None:
    Image.fromarray(picture(0)).save(tmp_path / "scan.png")
    (tmp_path / "notes.txt").write_text("no image")
    (tmp_path / "m.csv").write_text(text)
    with pytest.raises(FetalFlexError, match=told):
        read(tmp_path / "m.csv")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[1]", "line 1 must be a mapping"),
        ('{"image": "a.png"}', "line 1 lacks the key 'method'"),
        ('{"image": "a.png", "method": 3}', "method must be a text, got 3"),
        ('{"image": "a.png", ', "line 1 is not valid JSON"),
    ],
)
def test_odd_lines_of_json_are_told(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "m.jsonl").write_text(text)
    with pytest.raises(FetalFlexError, match=told):
        read(tmp_path / "m.jsonl")


def test_sources_that_cannot_be_are_refused(folders: Path) -> None:
    scans = folders / "scans"
    (folders / "empty").mkdir()
    for source, real, told in (
        (scans, (), "says not which method"),
        (folders / "none.csv", (), "cannot be read"),
        (f"a={folders / 'nowhere'}", (), "there is no folder"),
        (f"a={folders / 'empty'}", (), "holds no image for the method 'a'"),
        (f"={scans}", ("x",), "must be a name"),
        (f"a={scans}", ("b",), "no source has the method 'b'.*there are a"),
        (f"ours={folders / 'made'}", ("ours",), "called real, but is marked as a synthetic image"),
    ):
        with pytest.raises(FetalFlexError, match=told):
            read(source, real=real)


def test_images_without_a_plane_are_of_one_but_not_beside_others(folders: Path) -> None:
    (folders / "flat").mkdir()
    Image.fromarray(picture(5)).save(folders / "flat" / "a.png")
    assert [one.plane for one in read(f"clinic={folders / 'flat'}", real=("clinic",))] == [ANY_PLANE]
    with pytest.raises(FetalFlexError, match=r"a\.png has no plane, 2 other images have one"):
        read(f"clinic={folders / 'flat'}", f"other={folders / 'scans'}", real=("clinic", "other"))

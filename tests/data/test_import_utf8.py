"""File names and texts that are not UTF-8 are refused one by one, and never stop the rest."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from data_helpers import read_all, reasons, save_image, save_json, save_text
from export_helpers import SCAN, items_of

from fetalflex.data import DatasetFolder, contact_sheet
from fetalflex.data.exporters import EXPORTERS
from fetalflex.data.exporting import export
from fetalflex.data.importers import ImportOptions, get_importer
from fetalflex.data.preparation import prepare
from fetalflex.data.record_lines import record_line
from fetalflex.data.records import Record
from fetalflex.data.utf8_text import check_text, displayable, encodable, tolerant
from fetalflex.errors import FetalFlexError

ODD = "\udcfc"
BYTE = b"\xfc"
BOX = "<bndbox><xmin>10</xmin><ymin>10</ymin><xmax>50</xmax><ymax>30</ymax></bndbox>"

Writer = Callable[[Path, str, str], None]


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(contact_sheet, "_PICTURE", (48, 32))
    monkeypatch.setattr(os, "fsync", lambda _: None)


def save(path: Path, text: str) -> None:
    """Write a text in which `ODD` stands for a byte that is no UTF-8."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode("utf-8", "surrogateescape"))


# Each writes annotations of a.png and b.png; a.png's label, and the name by which b.png is called, are given.


def coco(root: Path, label: str, name: str) -> None:
    images = [{"id": 1, "file_name": "a.png"}, {"id": 2, "file_name": name}]
    annotations = [{"image_id": 1, "category_id": 1, "bbox": [10, 10, 40, 20]}]
    annotations += [{"image_id": image, "category_id": 2, "bbox": [20, 10, 40, 20]} for image in (1, 2)]
    categories = [{"id": 1, "name": label}, {"id": 2, "name": "HC"}]
    content = {"images": images, "annotations": annotations, "categories": categories}
    save(root / "ann.json", json.dumps(content, ensure_ascii=False))


def voc(root: Path, label: str, name: str) -> None:
    first = f"<object><name>{label}</name>{BOX}</object><object><name>HC</name>{BOX}</object>"
    save(root / "Annotations" / "a.xml", f"<annotation><filename>a.png</filename>{first}</annotation>")
    second = f"<object><name>HC</name>{BOX}</object>"
    save(root / "Annotations" / "b.xml", f"<annotation><filename>{name}</filename>{second}</annotation>")


def labelme(root: Path, label: str, name: str) -> None:
    for stem, path, labels in (("a", "a.png", (label, "HC")), ("b", name, ("HC",))):
        shapes = [
            {"label": one, "points": [[10 + at, 10], [50, 30]], "shape_type": "rectangle"}
            for at, one in enumerate(labels)
        ]
        save(root / f"{stem}.json", json.dumps({"shapes": shapes, "imagePath": path}, ensure_ascii=False))


def cvat(root: Path, label: str, name: str) -> None:
    box = '<box label="{}" xtl="10" ytl="10" xbr="50" ybr="30"/>'
    first = f'<image name="a.png" width="100" height="80">{box.format(label)}{box.format("HC")}</image>'
    second = f'<image name="{name}" width="90" height="80">{box.format("HC")}</image>'
    save(root / "a.xml", f'<?xml version="1.0" encoding="utf-8"?><annotations>{first}{second}</annotations>')


def table(root: Path, label: str, name: str) -> None:
    rows = [f"a.png,{label},10,10,50,30", "a.png,HC,11,10,50,30", f"{name},HC,10,10,50,30"]
    save(root / "boxes.csv", "\n".join(["file,label,x0,y0,x1,y1", *rows]))


def yolo(root: Path, label: str, name: str) -> None:
    save(root / "classes.txt", f"HC\n{label}\n")
    save(root / "a.txt", "1 0.5 0.5 0.4 0.3\n0 0.5 0.5 0.4 0.3\n")
    save(root / f"{name.removesuffix('.png')}.txt", "0 0.5 0.5 0.4 0.3\n")


def yolo_yaml(root: Path, label: str, name: str) -> None:
    yolo(root, "x", name)
    (root / "classes.txt").unlink()
    save(root / "data.yaml", f"names: {{0: HC, 1: '{label}'}}\n")


WRITERS: dict[str, tuple[str, Writer]] = {
    "coco": ("coco", coco),
    "voc": ("voc", voc),
    "labelme": ("labelme", labelme),
    "cvat": ("cvat", cvat),
    "table": ("table", table),
    "yolo": ("yolo", yolo),
    "yolo_yaml": ("yolo", yolo_yaml),
}
formats = pytest.mark.parametrize("name", WRITERS)


def written(root: Path, name: str, label: str = "HC", second: str = "b.png") -> Path:
    source = root / "source"
    for image, size in (("a.png", 100), ("b.png", 90)):
        save_image(source / image, width=size, height=80)
    WRITERS[name][1](source, label, second)
    return source


@formats
class TestText:
    def test_a_label_costs_its_box(self, tmp_path, name):
        source = written(tmp_path, name, label=f"Sch{ODD}del")
        (first, second), refusals = read_all(WRITERS[name][0], source, plane="thalamic_transverse")
        assert len(first.layout.structures) == len(second.layout.structures) == 1
        assert "Sch" in reasons(refusals)

    def test_an_image_name_costs_its_image(self, tmp_path, name):
        source = written(tmp_path, name, second=f"b{ODD}.png")
        report = prepare(source, WRITERS[name][0], tmp_path / "out", ImportOptions(plane="thalamic_transverse"))
        assert [Path(record.file_name).name for record in report.records] == ["a.png"]
        assert report.refused

    def test_files_with_odd_names_cost_themselves(self, tmp_path, name):
        source = written(tmp_path, name)
        for ending in (".png", ".dcm", ".xml", ".json", ".csv", ".txt"):
            save_image(source / f"c{ODD}.png") if ending == ".png" else save(source / f"c{ODD}{ending}", "x")
        save_image(source / f"folder{ODD}" / "d.png")
        report = prepare(source, WRITERS[name][0], tmp_path / f"out{ODD}", ImportOptions(plane="thalamic_transverse"))
        assert report.taken == 2
        where = [refusal.where for refusal in report.refused]
        assert {"c\\udcfc.png", "c\\udcfc.dcm", "folder\\udcfc/d.png"} <= set(where)

    def test_a_source_with_an_odd_name_is_read(self, tmp_path, name):
        source = written(tmp_path, name)
        source.rename(tmp_path / f"Aufnahmen{ODD}")
        options = ImportOptions(plane="thalamic_transverse")
        report = prepare(tmp_path / f"Aufnahmen{ODD}", WRITERS[name][0], tmp_path / "out", options)
        assert (report.taken, report.source) == (2, "Aufnahmen\\udcfc")


@pytest.mark.parametrize("half", ["\\ud800", "\\udc80x"])
@pytest.mark.parametrize("field", ["patient", "device", "source", "file_name"])
def test_half_a_character_in_coco_costs_its_image(tmp_path, field, half):
    source = written(tmp_path, "coco")
    coco = json.loads((source / "ann.json").read_text())
    coco["images"][1][field] = "HALF"
    (source / "ann.json").write_text(json.dumps(coco).replace("HALF", half))
    report = prepare(source, "coco", tmp_path / "out", ImportOptions(plane="thalamic_transverse"))
    assert [record.file_name for record in report.records] == ["images/a.png"]


@pytest.mark.parametrize("form", ["byte", "escape"])
@pytest.mark.parametrize("field", ["patient", "device", "file_name"])
@pytest.mark.parametrize("format", ["yolo", "voc", "table"])
def test_a_record_costs_its_image(tmp_path, format, field, form):
    source = written(tmp_path, format)
    folder = "JPEGImages" if (source / "JPEGImages").exists() else ""
    lines = []
    for stem, width in (("a", 100), ("b", 90)):
        layout = replace(SCAN.layout, plane="thalamic_transverse", structures=(), width=width)
        record = Record(f"{folder}{stem}.png", layout, patient="p", extra={"device": "x"})
        line = json.loads(record_line(record, "x.png"))
        if stem == "b":
            line["image"][field] = f"x{ODD}"
        lines.append(json.dumps(line, ensure_ascii=form == "escape"))
    save(source / "records.jsonl", "\n".join(lines))
    report = prepare(source, format, tmp_path / "out")
    names = [record.file_name for record in report.records]
    # A record that calls no image by its name leaves b.png without one, and with it without a plane.
    assert names == ["images/a.png"]
    assert "UTF-8" in reasons(report.refused)


@pytest.mark.parametrize("field", ["plane", "patient_pattern", "columns", "label_map"])
def test_option_values_are_refused(field):
    value = {"file": ODD} if field == "columns" else {ODD: "skull"} if field == "label_map" else f"({ODD})"
    with pytest.raises(FetalFlexError, match=f"'{field}' holds text that is not UTF-8"):
        ImportOptions(**{field: value})


class TestRecords:
    @pytest.mark.parametrize("field", ["file_name", "patient", "source"])
    def test_a_record_holds_none(self, field):
        with pytest.raises(FetalFlexError, match=f"'{field}' holds text that is not UTF-8"):
            replace(SCAN, **{field: f"x{ODD}"})

    @pytest.mark.parametrize("format", EXPORTERS)
    def test_an_export_holds_none(self, tmp_path, format):
        with pytest.raises(FetalFlexError, match=r"images/scan\.png: .* is not UTF-8"):
            export(items_of([replace(SCAN, extra={"device": ODD})]), format, tmp_path / "out")
        assert not (tmp_path / "out").exists()

    def test_a_data_set_that_has_some_is_refused_in_one_line(self, tmp_path):
        DatasetFolder.write(tmp_path / "data", items_of([SCAN]))
        path = tmp_path / "data" / "annotations.json"
        path.write_text(path.read_text().replace('"p1"', '"p\\ud800"'))
        with pytest.raises(FetalFlexError, match="half a character"):
            DatasetFolder(tmp_path / "data")


def test_own_text_helpers():
    assert tolerant(b"a" + BYTE) == "a" + ODD
    assert not encodable(ODD)
    assert displayable(f"a{ODD}") == "a\\udcfc"
    check_text({"a": ["ü", 1, None]}, "x")
    with pytest.raises(FetalFlexError, match="'x' holds text that is not UTF-8"):
        check_text({"a": [ODD]}, "x")


def test_fetal_planes_lose_one_row(tmp_path):
    for stem in ("a", "b"):
        save_image(tmp_path / "Images" / f"{stem}.png")
    header = "Image_name;Patient_num;Plane;Brain_plane;Operator;US_Machine;Train"
    rows = ["a;1;Fetal femur;None;Op;Voluson;1", f"b;2;Fetal femur;None;M{ODD}ller;Voluson;1"]
    save(tmp_path / "FETAL_PLANES_DB_data.csv", "\n".join([header, *rows]))
    results = list(get_importer("fetal_planes").read(tmp_path, ImportOptions()))
    assert [type(one).__name__ for one in results] == ["ImportedItem", "Finding"]


def test_text_in_another_encoding_that_says_so_is_read(tmp_path):
    save_image(tmp_path / "ä.png")
    text = f"<annotation><filename>ä.png</filename><object><name>HC</name>{BOX}</object></annotation>"
    (tmp_path / "a.xml").write_bytes(f'<?xml version="1.0" encoding="iso-8859-1"?>{text}'.encode("latin-1"))
    (item,), _ = read_all("voc", tmp_path, plane="thalamic_transverse")
    assert item.image_path.name == "ä.png"
    (tmp_path / "a.xml").write_bytes(text.encode("utf-16"))
    assert len(read_all("voc", tmp_path, plane="thalamic_transverse")[0]) == 1
    save_json(tmp_path / "unused.json", {})
    save_text(tmp_path / "unused.txt", "")


@pytest.mark.parametrize("encoding", ["utf-8:strict", "ascii:strict"])
def test_names_that_are_not_utf8_are_printed_anywhere(tmp_path, encoding):
    source = written(tmp_path, "table")
    source.rename(tmp_path / f"Aufnahmen{ODD}ä")
    command = [sys.executable, "-m", "fetalflex", "prepare", f"Aufnahmen{ODD}ä", "--format", "table"]
    command += ["--plane", "thalamic_transverse", "--out", f"out{ODD}"]
    surroundings = os.environ | {"PYTHONIOENCODING": encoding, "PYTHONUTF8": "1"}
    done = subprocess.run(command, cwd=tmp_path, env=surroundings, capture_output=True, check=False)
    assert (done.returncode, b"Traceback" in done.stderr) == (0, False)
    assert b"The data set is in out" in done.stdout


@pytest.mark.parametrize("format", ["yolo", "voc"])
def test_names_that_would_move_a_terminal_are_spelt_out(tmp_path, format):
    name = "a\x1b[2J\nb\x07"
    save_image(tmp_path / f"{name}.png")
    save_text(tmp_path / "c.png.txt", "0 0.5 0.5 0.1 0.1")
    save_text(tmp_path / "classes.txt", "HC")
    save_text(
        tmp_path / "c.xml", f"<annotation><filename>c.png</filename><object><name>HC</name>{BOX}</object></annotation>"
    )
    _, refusals = read_all(format, tmp_path, plane="thalamic_transverse")
    told = next(one.where for one in refusals if one.where.startswith("a"))
    assert told == "a\\x1b[2J\\nb\\x07.png"
    assert all(one.where.isprintable() and one.reason.isprintable() for one in refusals)

from __future__ import annotations

import zipfile

import pytest
from data_helpers import FIXTURES, boxes, read_all, reasons, save_image, save_text
from openpyxl import Workbook

from fetalflex.data.importers import table
from fetalflex.errors import FetalFlexError

PLANE = {"plane": "thalamic_transverse"}
HEADER = "file,label,x0,y0,x1,y1"
GOOD = "a.png,HC,10,20,70,60"
PUBLISHED_COLUMNS = {"file": "fname", "label": "structure", "x0": "w_min", "y0": "h_min", "x1": "w_max", "y1": "h_max"}


def read(root, text, **options):
    save_image(root / "images" / "a.png")
    save_text(root / "boxes.csv", text)
    return read_all("table", root, **{**PLANE, **options})


def save_workbook(path, *sheets):
    book = Workbook()
    book.remove(book.active)
    for rows in sheets:
        sheet = book.create_sheet()
        for row in rows:
            sheet.append(row)
    book.save(path)


@pytest.mark.parametrize(
    ("header", "row", "options"),
    [
        ("file,label,x0,y0,x1,y1", "a.png,HC,10,20,70,60", {}),
        ("label;y1;x1;y0;x0;file", "HC;60;70;20;10;a.png", {}),
        ("file\tlabel\tx\ty\twidth\theight", "a\tHC\t10\t20\t60\t40", {}),
        ("FILE,Label,X,Y,W,H", "a.png,HC,10,20,60,40", {}),
        ("file,label,cx,cy,width,height", "images/a.png,HC,40,40,60,40", {}),
        ("file,label,cx,cy,w,h", "a.png,HC,0.4,0.5,0.6,0.5", {"fractional": True}),
        ("file,label,x0,y0,x1,y1", '"a.png","HC",1e-1,0.25,.7,7.5e-1', {"fractional": True}),
        (
            "name,kind,r0,c0,r1,c1",
            "a.png,HC,20,10,60,70",
            {"columns": {"file": "name", "label": "kind", "y0": "r0", "x0": "c0", "y1": "r1", "x1": "c1"}},
        ),
        (
            "file,label,x,y,width,height,mx,my",
            "a.png,HC,1,1,60,40,40,40",
            {"columns": {"cx": "mx", "cy": "my"}},
        ),
    ],
)
def test_ways_to_write_one_box(tmp_path, header, row, options):
    (item,), refusals = read(tmp_path, f"\ufeff{header}\r\n{row}\r\n", **options)
    assert refusals == []
    assert boxes(item) == [("skull", 40, 40, 60, 40, 0)]


def test_further_columns(tmp_path):
    (item,), _ = read(
        tmp_path,
        f"{HEADER},angle,plane,patient,source,split,pixel_spacing_mm\n{GOOD},15,brain-tv,007,clinic,val,0.1\n",
        plane=None,
    )
    assert boxes(item) == [("skull", 40, 40, 60, 40, 15)]
    assert (item.layout.plane, item.layout.pixel_spacing_mm) == ("ventricular_transverse", 0.1)
    assert (item.patient, item.source, item.split) == ("007", "clinic", "val")


def test_rows_of_one_image_come_together_and_empty_rows_do_not_matter(tmp_path):
    (item,), refusals = read(tmp_path, f"\n{HEADER}\n{GOOD}\n,,,,,\n\na.png,CSP,40,30,50,36\n")
    assert refusals == []
    assert item.layout.names() == ("cavum_septi_pellucidi", "skull")


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("a.png,elbow,10,20,70,60", "unknown structure"),
        ("a.png,,10,20,70,60", "no label"),
        ("a.png,HC,10,20,,60", "x1 is missing"),
        ("a.png,HC,10", "y0 is missing"),
        ("a.png,HC,nan,20,70,60", "x0 must be a number, got 'nan'"),
        ("a.png,HC,ten,20,70,60", "x0 must be a number, got 'ten'"),
        ("a.png,HC,10,20,10,60", "x0 < x1"),
        ("a.png,HC,110,20,170,60", "outside the image"),
        (GOOD, "the same box twice"),
    ],
)
def test_a_bad_row_is_refused_alone(tmp_path, row, reason):
    items, refusals = read(tmp_path, f"{HEADER}\n{GOOD}\n{row}\n")
    assert [len(item.layout.structures) for item in items] == [1]
    assert [refusal.where for refusal in refusals] == ["boxes.csv row 3"]
    assert reason in refusals[0].reason


def test_a_row_that_contradicts_the_first_is_refused(tmp_path):
    text = f"{HEADER},patient\n{GOOD},1\na.png,CSP,40,30,50,36,2\n"
    (item,), (refusal,) = read(tmp_path, text)
    assert item.layout.names() == ("skull",)
    assert refusal.reason == "patient is not that of row 2, which is about the same image"


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("b.png,HC,10,20,70,60,", "there is no image 'b.png'"),
        ("../../b.png,HC,10,20,70,60,", "leads out"),
        (",HC,10,20,70,60,", "the row names no file"),
    ],
)
def test_rows_without_image_are_refused(tmp_path, row, reason):
    items, refusals = read(tmp_path, f"{HEADER},split\n{row}\n")
    assert items == []
    assert reason in reasons(refusals)
    assert "images/a.png: no usable annotation names this image" in reasons(refusals)


def test_an_unknown_split_is_refused(tmp_path):
    items, refusals = read(tmp_path, f"{HEADER},split\n{GOOD},holdout\n")
    assert items == []
    assert "split is 'holdout'" in reasons(refusals)


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("", {}, r"boxes\.csv is empty"),
        ("file,x0,y0,x1,y1\n", {}, "no column for 'label'; the columns are file, x0"),
        ("file,label,x0,y0\n", {}, "no columns for a box"),
        (HEADER, {"columns": {"file": "name"}}, "there is no column 'name' for file"),
        (HEADER, {"columns": {"fyle": "file"}}, "columns names the field 'fyle'"),
    ],
)
def test_an_unusable_table_raises(tmp_path, text, options, message):
    with pytest.raises(FetalFlexError, match=message):
        read(tmp_path, text, **options)


def test_other_encodings_raise_with_the_remedy(tmp_path):
    save_image(tmp_path / "a.png")
    (tmp_path / "a.csv").write_bytes(HEADER.encode() + b"\n\xe4.png,HC,1,2,3,4")
    items, refusals = read_all("table", tmp_path, **PLANE)
    assert items == []
    assert "a.csv rows of \\udce4.png, first 2: the image's name '\\udce4.png' is not UTF-8" in reasons(refusals)


def test_too_many_rows_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(table, "MAX_ROWS", 2)
    with pytest.raises(FetalFlexError, match="more than 2 rows"):
        read(tmp_path, f"{HEADER}\n{GOOD}\n{GOOD}\n")


class TestWorkbook:
    def test_a_published_one(self, tmp_path):
        """The boxes of a published data set, here with blank images; all labels are known by synonym."""
        source = FIXTURES / "fetus_framework" / "ObjectDetection.xlsx"
        (tmp_path / "a.xlsx").write_bytes(source.read_bytes())
        names = (817, 968, 719, 812, 737, 99, 935, 718, 328, 894, 755, 32)
        for name in names:
            save_image(tmp_path / f"{name}.png", 1200, 900)
        items, refusals = read_all("table", tmp_path, plane="facial_sagittal", columns=PUBLISHED_COLUMNS)
        assert refusals == []
        assert len(items) == 12
        assert sum(len(item.layout.structures) for item in items) == 106
        (item,) = [item for item in items if item.image_path.stem == "817"]
        assert boxes(item)[0] == ("intracranial_translucency", 384, 356, 68, 36, 0)

    def test_numbers_as_file_names_and_the_sheet_with_the_columns(self, tmp_path):
        save_image(tmp_path / "817.png")
        save_workbook(tmp_path / "a.xlsx", [], [["notes"]], [HEADER.split(","), [817, "HC", 10, 20.0, 70, "60"]])
        (item,), refusals = read_all("table", tmp_path, **PLANE)
        assert refusals == []
        assert boxes(item) == [("skull", 40, 40, 60, 40, 0)]

    def test_cells_that_are_no_numbers_are_refused(self, tmp_path):
        save_image(tmp_path / "a.png")
        rows = [["a.png", "HC", True, 20, 70, 60], ["a.png", "HC", "#REF!", 20, 70, 60]]
        save_workbook(tmp_path / "a.xlsx", [HEADER.split(","), *rows])
        items, refusals = read_all("table", tmp_path, **PLANE)
        assert items == []
        assert "x0 must be a number, got True" in reasons(refusals)
        assert "x0 must be a number, got '#REF!'" in reasons(refusals)

    @pytest.mark.parametrize("content", [b"", b"no workbook", b"PK\x03\x04" + b"x" * 50])
    def test_damaged_ones_raise(self, tmp_path, content):
        (tmp_path / "a.xlsx").write_bytes(content)
        with pytest.raises(FetalFlexError, match=r"a\.xlsx is no readable XLSX file"):
            read_all("table", tmp_path, **PLANE)

    def test_bombs_are_refused_unopened(self, tmp_path, monkeypatch):
        monkeypatch.setattr(table, "MAX_TEXT_BYTES", 1000)
        with zipfile.ZipFile(tmp_path / "a.xlsx", "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("xl/workbook.xml", "x" * 2000)
        with pytest.raises(FetalFlexError, match="unpacks to 2,000 bytes"):
            read_all("table", tmp_path, **PLANE)

    def test_many_sheets_are_refused_before_the_reader_looks_through_them(self, tmp_path):
        save_workbook(tmp_path / "a.xlsx", *([["notes"]] for _ in range(table.MAX_SHEETS + 1)))
        with pytest.raises(FetalFlexError, match="65 sheets; at most 64 are read"):
            read_all("table", tmp_path, **PLANE)

    @pytest.mark.parametrize("by", ["key", "target"])
    def test_sheets_that_are_one_part_are_refused(self, tmp_path, by):
        save_workbook(tmp_path / "b.xlsx", [HEADER.split(",")], [["notes"]])
        with (
            zipfile.ZipFile(tmp_path / "b.xlsx") as sound,
            zipfile.ZipFile(tmp_path / "a.xlsx", "w", zipfile.ZIP_DEFLATED) as archive,
        ):
            for name in sound.namelist():
                content = sound.read(name).decode()
                if by == "key" and name == "xl/workbook.xml":
                    content = content.replace('r:id="rId2"', 'r:id="rId1"')
                if by == "target" and name == "xl/_rels/workbook.xml.rels":
                    content = content.replace("sheet2.xml", "sheet1.xml")
                archive.writestr(name, content)
        (tmp_path / "b.xlsx").unlink()
        with pytest.raises(FetalFlexError, match="several sheets that are one part"):
            read_all("table", tmp_path, **PLANE)

    def test_other_archives_are_no_workbooks(self, tmp_path):
        with zipfile.ZipFile(tmp_path / "a.xlsx", "w") as archive:
            archive.writestr("a.txt", "x")
        with pytest.raises(FetalFlexError, match="no readable XLSX file"):
            read_all("table", tmp_path, **PLANE)


@pytest.mark.parametrize(
    "data",
    [
        b"file;label;x;y;width;height\na.png;HC;10,0;20;30,5;40\n",
        b"sep=;\nfile;label;x;y;width;height\na.png;HC;10;20;30,5;40\n",
        "file\tlabel\tx\ty\twidth\theight\na.png\tHC\t10\t20\t30.5\t40\n".encode("utf-16"),
    ],
)
def test_tables_of_european_spreadsheets(tmp_path, data):
    save_image(tmp_path / "a.png")
    (tmp_path / "a.csv").write_bytes(data)
    (item,), refusals = read_all("table", tmp_path, **PLANE)
    assert refusals == []
    assert boxes(item) == [("skull", 25.25, 40, 30.5, 40, 0)]

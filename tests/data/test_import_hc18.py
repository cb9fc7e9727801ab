from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from data_helpers import FIXTURES, read_all, reasons, save_image, save_text
from PIL import Image, ImageDraw

from fetalflex.anatomy import default_registry, measure
from fetalflex.data import DatasetFolder
from fetalflex.data.image_files import read_image
from fetalflex.data.importers.hc18 import _ellipse_on
from fetalflex.errors import FetalFlexError

SET = FIXTURES / "hc18"
EXAMPLES = Path(__file__).parents[2] / "examples"
HEADER = "filename,pixel size(mm),head circumference (mm)\n"


def make_set(tmp_path: Path, *names: str, table: str | None = None, folder: str = "training_set") -> Path:
    """Make images of 200 x 150 with an elliptic outline of 120 x 80; through the pixel centres it is 314 px long."""
    for name in names:
        save_image(tmp_path / folder / f"{name}.png", 200, 150)
        outline = Image.new("L", (200, 150))
        ImageDraw.Draw(outline).ellipse((40, 30, 159, 109), outline=255)
        outline.save(tmp_path / folder / f"{name}_Annotation.png")
    if table is not None:
        save_text(tmp_path / f"{folder}_pixel_size_and_HC.csv", HEADER + table)
    return tmp_path


def test_ellipses_have_the_published_circumference():
    """Mean error 0.01 %, largest 0.02 %, over eight outlines."""
    with (SET / "training_set_pixel_size_and_HC.csv").open() as file:
        rows = list(csv.DictReader(file))
    errors = []
    for row in rows:
        outline = SET / "training_set" / row["filename"].replace(".png", "_Annotation.png")
        drawn = _ellipse_on(read_image(outline)).circumference() * float(row["pixel size(mm)"])
        errors.append(abs(drawn / float(row["head circumference (mm)"]) - 1))
    assert len(errors) == 8
    assert np.mean(errors) < 1e-4
    assert max(errors) < 2e-4


def test_the_published_set():
    items, refusals = read_all("hc18", SET)
    first, second = items
    assert (first.layout.plane, first.layout.width, first.layout.height) == ("thalamic_transverse", 800, 540)
    assert first.layout.pixel_spacing_mm == 0.114476803
    assert first.extra == {"head_circumference_mm": 97.25}
    assert [(item.patient, item.source, item.split) for item in items] == [
        ("hc137", "hc18", "train"),
        ("hc450", "hc18", "train"),
    ]
    (skull,) = second.layout.structures
    assert skull.name == "skull"
    assert (skull.box.cx, skull.box.cy) == pytest.approx((405.66, 268.18), abs=0.01)
    assert (skull.box.width, skull.box.height) == pytest.approx((547.0, 412.6), abs=0.1)
    assert skull.box.angle == pytest.approx(8.36, abs=0.01)
    text = reasons(refusals)
    assert text.count("there is no image for this outline") == 6
    assert text.count("the table names this image, but it is not there") == 6


def test_layouts_measure_the_published_circumference():
    """Of the originals within 0.1 %, of the example, whose ellipse was fitted to a scaled outline, within 2.5 %."""
    items, _ = read_all("hc18", SET)
    layouts = [(item.layout, item.extra["head_circumference_mm"], 0.001) for item in items]
    [example] = [record for record in DatasetFolder(EXAMPLES) if record.source == "hc18"]
    layouts.append((example.layout, example.extra["head_circumference_mm"], 0.025))
    assert len(layouts) == 3
    for layout, published, tolerance in layouts:
        assert measure(layout, "HC", default_registry()).mm == pytest.approx(published, rel=tolerance)


def test_the_box_touches_the_outline_in_pixel_edges(tmp_path):
    (item,), _ = read_all("hc18", make_set(tmp_path, "001_HC", table="001_HC.png,0.2,62.8\n"))
    assert item.layout.structures[0].box.corners() == pytest.approx((40, 30, 160, 110), abs=0.6)
    assert item.layout.pixel_spacing_mm == 0.2


def test_images_of_one_number_are_of_one_patient(tmp_path):
    items, _ = read_all("hc18", make_set(tmp_path, "010_HC", "010_2HC", "011_HC"))
    assert sorted(str(item.patient) for item in items) == ["hc010", "hc010", "hc011"]


def test_a_photograph_of_another_size_than_its_outline_is_refused(tmp_path):
    make_set(tmp_path, "001_HC")
    save_image(tmp_path / "training_set" / "001_HC.png", 100, 75)
    items, refusals = read_all("hc18", tmp_path)
    assert items == []
    assert "for 200 x 150 pixels, but training_set/001_HC.png has 100 x 75" in reasons(refusals)


def test_outline_and_table_that_disagree_are_noted(tmp_path):
    (item,), refusals = read_all("hc18", make_set(tmp_path, "001_HC", table="001_HC.png,0.2,80\n"))
    assert item.extra == {"head_circumference_mm": 80.0}
    (note,) = refusals
    assert note.kind == "noted"
    assert "circumference is 62.8 mm, but the table says 80.0 mm" in note.reason


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("001_HC.png,0,63", "pixel size(mm) must be greater than 0, got 0"),
        ("001_HC.png,-1,63", "pixel size(mm) must be greater than 0, got -1"),
        ("001_HC.png,x,63", "pixel size(mm) must be a number, got 'x'"),
        ("001_HC.png,,63", "pixel size(mm) is missing"),
        ("001_HC.png,0.2,nan", "head circumference (mm) must be a number, got 'nan'"),
    ],
)
def test_a_bad_row_is_refused_and_the_image_taken_without(tmp_path, row, reason):
    (item,), refusals = read_all("hc18", make_set(tmp_path, "001_HC", table=row + "\n"))
    assert item.layout.pixel_spacing_mm is None
    assert f"training_set_pixel_size_and_HC.csv line 2: {reason}" in reasons(refusals)
    assert "no table gives this image's pixel size" in reasons(refusals)


def test_a_table_without_its_columns_is_refused(tmp_path):
    make_set(tmp_path, "001_HC")
    save_text(tmp_path / "training_set_pixel_size_and_HC.csv", "name,size\na,1\n")
    items, refusals = read_all("hc18", tmp_path)
    assert len(items) == 1
    assert "has no column 'filename'" in reasons(refusals)


class TestTestSet:
    """The test set has no outlines, and the numbers of the training set for other patients."""

    @pytest.fixture
    def source(self, tmp_path):
        make_set(tmp_path, "000_HC", table="000_HC.png,0.2,63.5\n")
        save_image(tmp_path / "test_set" / "000_HC.png", 210, 150)
        save_text(tmp_path / "test_set_pixel_size.csv", "filename,pixel size(mm)\n000_HC.png,0.3\n")
        return tmp_path

    def test_it_is_left_out(self, source):
        (item,), refusals = read_all("hc18", source)
        assert item.layout.pixel_spacing_mm == 0.2
        assert reasons(refusals) == "test_set/000_HC.png: there is no outline 000_HC_Annotation.png"

    def test_it_is_taken_without_boxes(self, source):
        items, refusals = read_all("hc18", source, keep_unannotated=True)
        assert refusals == []
        test, train = sorted(items, key=lambda item: str(item.split))
        assert (test.split, test.patient, test.layout.structures) == ("test", "hctest000", ())
        assert (test.layout.pixel_spacing_mm, train.layout.pixel_spacing_mm) == (0.3, 0.2)
        assert train.patient == "hc000"


def drawn(kind: str) -> np.ndarray:
    image = Image.new("L", (200, 150))
    pen = ImageDraw.Draw(image)
    if kind == "filled":
        pen.ellipse((40, 30, 160, 110), fill=255)
    elif kind == "rectangle":
        pen.rectangle((40, 30, 160, 110), outline=255)
    elif kind == "line":
        pen.line((40, 30, 160, 30), fill=255)
    elif kind == "cut":
        pen.ellipse((-30, 30, 130, 110), outline=255)
    return np.asarray(image)


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("nothing", "at least 6 points"),
        ("line", "on one line"),
        ("filled", "the outline is filled"),
        ("rectangle", "no outline of an ellipse"),
    ],
)
def test_what_is_no_ellipse_is_refused(kind, reason):
    with pytest.raises(FetalFlexError, match=reason):
        _ellipse_on(drawn(kind))


def test_an_outline_cut_off_by_the_image_is_completed():
    assert _ellipse_on(drawn("cut")).box().corners() == pytest.approx((-30, 30, 131, 111), abs=1.5)

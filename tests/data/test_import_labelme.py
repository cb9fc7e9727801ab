from __future__ import annotations

import re

import numpy as np
import pytest
from data_helpers import FIXTURES, boxes, read_all, reasons, save_image, save_json, save_text
from PIL import Image

from fetalflex.anatomy.box import Box

PLANE = {"plane": "thalamic_transverse"}
HEAD = FIXTURES / "head_biometry" / "Trans-ventricular"


def shape(points, label="HC", kind="polygon"):
    return {"label": label, "points": points, "shape_type": kind, "group_id": None, "flags": {}}


def read(root, things, **changes):
    save_image(root / "images" / "a.png")
    content = {
        "version": "5.0",
        "shapes": things,
        "imagePath": "../images/a.png",
        "imageData": None,
        "imageWidth": 100,
        "imageHeight": 80,
    }
    save_json(root / "labels" / "a.json", content | changes)
    return read_all("labelme", root, **PLANE)


class TestDesktopTool:
    @pytest.mark.parametrize(
        ("points", "kind", "expected"),
        [
            ([[10, 20], [70, 20], [70, 60], [10, 60]], "polygon", (40, 40, 60, 40, 0)),
            ([[70, 60], [10, 20]], "rectangle", (40, 40, 60, 40, 0)),
            ([[10, 20], [70, 20], [70, 60], [10, 60]], "rectangle", (40, 40, 60, 40, 0)),
            ([[50, 40], [53, 44]], "circle", (50, 40, 10, 10, 0)),
            ([[10, 20], [69, 59]], "mask", (40, 40, 60, 40, 0)),
        ],
    )
    def test_shapes_with_an_area(self, tmp_path, points, kind, expected):
        (item,), refusals = read(tmp_path, [shape(points, kind=kind)])
        assert refusals == []
        assert boxes(item) == [("skull", *expected)]

    def test_a_rotated_rectangle_keeps_its_angle(self, tmp_path):
        box = Box(50, 40, 40, 20, 30)
        (item,), _ = read(tmp_path, [shape(box.polygon().tolist(), kind="rotation")])
        assert item.layout.structures[0].box.iou(box) > 0.999

    @pytest.mark.parametrize(
        ("bad", "reason"),
        [
            (shape([[1, 2], [30, 40]], kind="line"), "type 'line'"),
            (shape([[1, 2]], kind="point"), "type 'point'"),
            (shape([[1, 2]], kind="circle"), "type 'circle' with 1 points"),
            (shape([[1, 2], [3, 4]]), "N >= 3"),
            (shape([]), "points is"),
            (shape([[1, 2, 3]]), "no [x, y]"),
            (shape([[1, "2"], [3, 4], [5, 6]]), "coordinate must be a number"),
            (shape([[1, 2], [3, 4], [5, 9]], label="elbow"), "unknown structure"),
            (shape([[101, 2], [103, 4], [105, 9]]), "outside the image"),
            ({"points": []}, "no label"),
            ("x", "no label"),
        ],
    )
    def test_a_bad_shape_is_refused_alone(self, tmp_path, bad, reason):
        good = shape([[10, 20], [70, 60]], "CSP", "rectangle")
        items, refusals = read(tmp_path, [bad, good])
        assert [item.layout.names() for item in items] == [("cavum_septi_pellucidi",)]
        assert [refusal.where for refusal in refusals] == ["labels/a.json shapes[0]"]
        assert reason in refusals[0].reason

    @pytest.mark.parametrize(
        ("changes", "reason"),
        [
            ({"shapes": None}, "no LabelMe file"),
            ({"imagePath": None}, "imagePath is None"),
            ({"imagePath": "../../b.png"}, "leads out"),
            ({"imagePath": "/home/someone/b.png"}, "there is no image"),
            ({"imagePath": "b.png"}, "there is no image"),
            ({"imageWidth": 90}, "for 90 x 80"),
            ({"imageWidth": "wide"}, "imageWidth"),
        ],
    )
    def test_a_bad_file_is_refused(self, tmp_path, changes, reason):
        items, refusals = read(tmp_path, [shape([[10, 20], [70, 60]], kind="rectangle")], **changes)
        assert items == []
        assert reason in reasons(refusals)

    def test_corrupt_json_is_refused(self, tmp_path):
        read(tmp_path, [])
        save_text(tmp_path / "labels" / "a.json", "{")
        items, refusals = read_all("labelme", tmp_path, **PLANE)
        assert items == []
        assert "not valid JSON" in reasons(refusals)


class TestWebTool:
    """Published annotations of one image; those of a second one lack it."""

    def test_rotated_boxes_and_masks(self):
        (item,), refusals = read_all("labelme", HEAD, plane="ventricular_transverse")
        assert item.image_path.name == "Patient00978_Plane3_2_of_3.png"
        assert boxes(item, 1) == [
            ("lateral_ventricle", 612.4, 398.4, 85.7, 56.6, -11.2),
            ("skull", 457.5, 295.5, 665, 531, 0),
        ]
        (refusal,) = refusals
        assert refusal.where == "default/Patient01782_Plane3_1_of_2.xml"
        assert "there is no image" in refusal.reason

    def test_the_boxes_cover_the_published_masks(self, tmp_path):
        name = "Patient01782_Plane3_1_of_2"
        save_image(tmp_path / f"{name}.png", 959, 661)
        save_text(tmp_path / f"{name}.xml", (HEAD / "default" / f"{name}.xml").read_text())
        (item,), _ = read_all("labelme", tmp_path, plane="ventricular_transverse")
        colours = np.asarray(Image.open(HEAD / "SegmentationClass" / f"{name}.png"))
        for label, channel in (("cavum_septi_pellucidi", 1), ("lateral_ventricle", 2), ("skull", 0)):
            (placed,) = item.layout.find(label)
            rows, columns = np.nonzero(colours[..., channel])
            around = Box.from_corners(columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
            assert Box.from_corners(*placed.box.corners()).iou(around) > 0.95

    @pytest.mark.parametrize(
        ("content", "reason"),
        [
            ("<name>HC</name><deleted>1</deleted>", "marked as deleted"),
            ("<deleted>0</deleted>", "no name"),
            ("<name>HC</name>", "polygon of 0 points"),
            ("<name>HC</name><polygon><pt><x>1</x></pt></polygon>", "y is missing"),
            ("<name>HC</name><segm><box><xmin>a</xmin></box></segm>", "xmin must be a number, got 'a'"),
        ],
    )
    def test_a_bad_object_is_refused_alone(self, tmp_path, content, reason):
        points = "".join(f"<pt><x>{x}</x><y>{y}</y></pt>" for x, y in ((10, 20), (70, 20), (70, 60)))
        good = f"<object><name>CSP</name><polygon>{points}</polygon></object>"
        save_image(tmp_path / "a.png")
        save_text(tmp_path / "a.xml", f"<annotation><object>{content}</object>{good}</annotation>")
        items, refusals = read_all("labelme", tmp_path, **PLANE)
        assert [boxes(item) for item in items] == [[("cavum_septi_pellucidi", 40, 40, 60, 40, 0)]]
        assert [refusal.where for refusal in refusals] == ["a.xml object 1"]
        assert reason in refusals[0].reason

    @pytest.mark.parametrize("rotation", ["", "abc", "nan"])
    def test_a_rotation_that_is_no_number_is_refused(self, tmp_path, rotation):
        points = "".join(f"<pt><x>{x}</x><y>{y}</y></pt>" for x, y in ((10, 20), (70, 20), (70, 60)))
        content = f"<name>HC</name><attributes>a=1, rotation={rotation}</attributes><polygon>{points}</polygon>"
        save_image(tmp_path / "a.png")
        save_text(tmp_path / "a.xml", f"<annotation><object>{content}</object></annotation>")
        _, refusals = read_all("labelme", tmp_path, **PLANE)
        assert re.match("rotation (must be a number|is missing)", refusals[0].reason)

    def test_another_root_is_refused(self, tmp_path):
        save_image(tmp_path / "a.png")
        save_text(tmp_path / "a.xml", "<annotations/>")
        items, refusals = read_all("labelme", tmp_path, **PLANE)
        assert items == []
        assert "<annotations>" in reasons(refusals)

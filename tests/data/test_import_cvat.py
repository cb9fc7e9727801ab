from __future__ import annotations

import pytest
from data_helpers import boxes, read_all, reasons, save_image, save_text

from fetalflex.errors import FetalFlexError

PLANE = {"plane": "thalamic_transverse"}
BOX = '<box label="HC" xtl="10" ytl="20" xbr="70" ybr="60"/>'
GOOD = '<box label="CSP" xtl="40" ytl="30" xbr="50" ybr="36"/>'


def task(shapes: str, name: str = "a.png", size: str = 'width="100" height="80"') -> str:
    return f'<annotations><image id="0" name="{name}" {size}>{shapes}</image></annotations>'


def read(root, text, **options):
    save_image(root / "images" / "a.png")
    save_text(root / "annotations.xml", text)
    return read_all("cvat", root, **{**PLANE, **options})


def exported_frame(number: int) -> str:
    """One frame as CVAT's "for images 1.1" export lays it out, newest frame first, with tags and attributes."""
    return f"""
  <image id="{number}" name="frame_00000{number}.png" width="320" height="200">
    <box label="abdomen" occluded="0" source="manual" xtl="40.00" ytl="30.00" xbr="{140 + number}.00" ybr="120.00"
         z_order="0">
    </box>
    <box label="arm" occluded="0" source="manual" xtl="150.00" ytl="10.00" xbr="190.00" ybr="60.00" z_order="0">
    </box>
    <tag label="Orientation" source="manual">
      <attribute name="Pose">down</attribute>
    </tag>
  </image>"""


EXPORT = f"""<?xml version="1.0" encoding="utf-8"?>
<annotations>
  <version>1.1</version>
  <meta>
    <task>
      <id>1</id>
      <size>3</size>
      <labels>
        <label>
          <name>abdomen</name>
        </label>
      </labels>
    </task>
  </meta>{"".join(exported_frame(number) for number in (2, 1, 0))}
</annotations>
"""


class TestWholeExport:
    def test_frames_without_images_are_refused_one_by_one(self, tmp_path):
        save_text(tmp_path / "annotations.xml", EXPORT)
        items, refusals = read_all("cvat", tmp_path, plane="abdominal_transverse")
        assert items == []
        assert [refusal.reason for refusal in refusals] == [
            f"there is no image 'frame_00000{frame}.png'" for frame in (2, 1, 0)
        ]

    def test_boxes_and_tags_are_taken_and_labels_without_a_meaning_refused(self, tmp_path):
        save_text(tmp_path / "annotations.xml", EXPORT)
        for frame in range(3):
            save_image(tmp_path / f"frame_00000{frame}.png", 320, 200)
        items, refusals = read_all("cvat", tmp_path, plane="abdominal_transverse", label_map={"arm": "ignore"})
        assert len(items) == 3
        assert boxes(items[-1]) == [("abdomen", 90, 75, 100, 90, 0)]
        assert items[-1].extra["tags"]["Orientation"] == {"Pose": "down"}
        assert {refusal.reason for refusal in refusals} == {"label 'arm' is left out, as label_map says"}
        assert len(refusals) == 3


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        (BOX, (40, 40, 60, 40, 0)),
        (BOX.replace("/>", ' rotation="350.0"/>'), (40, 40, 60, 40, -10)),
        ('<ellipse label="HC" cx="50" cy="40" rx="30" ry="20" rotation="15"/>', (50, 40, 60, 40, 15)),
        ('<polygon label="HC" points="10,20;70,20.0;70,60"/>', (40, 40, 60, 40, 0)),
        ('<mask label="HC" rle="0, 2400" left="10" top="20" width="60" height="40"/>', (40, 40, 60, 40, 0)),
    ],
)
def test_shapes_with_an_area(tmp_path, shape, expected):
    (item,), refusals = read(tmp_path, task(shape))
    assert refusals == []
    assert boxes(item) == [("skull", *expected)]


def test_polygons_may_become_rotated_boxes(tmp_path):
    (item,), _ = read(tmp_path, task('<polygon label="HC" points="50,10;80,40;50,70;20,40"/>'), rotated=True)
    assert item.layout.structures[0].box.area == pytest.approx(1800)


@pytest.mark.parametrize(
    ("shape", "reason"),
    [
        ('<polyline label="HC" points="1,2;3,4"/>', "<polyline> has no box"),
        ('<points label="HC" points="1,2"/>', "<points> has no box"),
        ('<cuboid label="HC"/>', "<cuboid> has no box"),
        (BOX.replace("HC", "elbow"), "unknown structure"),
        (BOX.replace('label="HC"', ""), "unknown structure ''"),
        (BOX.replace('xtl="10"', ""), "xtl is missing"),
        (BOX.replace("10", "NaN"), "xtl must be a number, got 'NaN'"),
        (BOX.replace("70", "10"), "x0 < x1"),
        (BOX.replace("10", "510").replace("70", "570"), "outside the image"),
        (BOX.replace("/>", ' rotation="x"/>'), "rotation must be a number, got 'x'"),
        ('<polygon label="HC" points=""/>', "no list of x,y"),
        ('<polygon label="HC" points="1,2;3,4"/>', "N >= 3"),
        ('<ellipse label="HC" cx="50" cy="40" rx="0" ry="20"/>', "semi-axis"),
    ],
)
def test_a_bad_shape_is_refused_alone(tmp_path, shape, reason):
    items, refusals = read(tmp_path, task(shape + GOOD))
    assert [item.layout.names() for item in items] == [("cavum_septi_pellucidi",)]
    assert [refusal.where for refusal in refusals] == ["annotations.xml image 'a.png' shape 1"]
    assert reason in refusals[0].reason


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (task(BOX, name="../../b.png"), "leads out"),
        (task(BOX, name=""), "no file name"),
        (task(BOX, size='width="90" height="80"'), "for 90 x 80"),
        (task(BOX, size='width="x" height="80"'), "width must be a number, got 'x'"),
        (task(""), "no usable box"),
    ],
)
def test_a_bad_image_is_refused(tmp_path, text, reason):
    items, refusals = read(tmp_path, text)
    assert items == []
    assert reason in reasons(refusals)


def test_the_subset_is_the_split(tmp_path):
    (item,), _ = read(tmp_path, task(BOX, size='subset="Validation"'))
    assert item.split == "val"


@pytest.mark.parametrize("text", ["<annotations>", "<annotation/>", '<!DOCTYPE a [<!ENTITY b "c">]><annotations/>'])
def test_a_source_without_cvat_file_raises(tmp_path, text):
    with pytest.raises(FetalFlexError, match="holds no CVAT file"):
        read(tmp_path, text)


class TestTracks:
    TRACK = (
        '<track id="0" label="HC">'
        '<box frame="0" outside="0" xtl="10" ytl="20" xbr="70" ybr="60"/>'
        '<box frame="1" outside="0" xtl="12" ytl="20" xbr="72" ybr="60"/>'
        '<box frame="2" outside="1" xtl="14" ytl="20" xbr="74" ybr="60"/>'
        "</track>"
    )

    def read(self, root, tracks):
        for name in ("frame_000000.png", "frame_000001.png", "frame_000002.png"):
            save_image(root / name)
        save_text(root / "a.xml", f"<annotations>{tracks}</annotations>")
        return read_all("cvat", root, **PLANE)

    def test_frames_are_matched_by_number(self, tmp_path):
        items, refusals = self.read(tmp_path, self.TRACK)
        assert [(item.image_path.name, item.layout.structures[0].box.cx) for item in items] == [
            ("frame_000000.png", 40),
            ("frame_000001.png", 42),
        ]
        assert [refusal.where for refusal in refusals] == ["frame_000002.png"]

    def test_several_tracks_meet_in_one_image(self, tmp_path):
        other = self.TRACK.replace("HC", "CSP").replace('id="0"', 'id="1"')
        items, _ = self.read(tmp_path, self.TRACK + other)
        assert items[0].layout.names() == ("cavum_septi_pellucidi", "skull")

    @pytest.mark.parametrize(
        ("frame", "reason"),
        [("7", "0 images have the frame's number"), ("x", "must be a number"), ("-1", "must be a number")],
    )
    def test_a_bad_frame_is_refused(self, tmp_path, frame, reason):
        items, refusals = self.read(tmp_path, self.TRACK.replace('frame="0"', f'frame="{frame}"'))
        assert len(items) == 1
        assert reason in reasons(refusals)

    def test_a_number_that_two_images_have_is_refused(self, tmp_path):
        save_image(tmp_path / "other_0.png")
        items, refusals = self.read(tmp_path, self.TRACK)
        assert [item.image_path.name for item in items] == ["frame_000001.png"]
        assert "2 images have the frame's number" in reasons(refusals)


@pytest.mark.parametrize(
    ("numbers", "meta", "options", "first"),
    [
        ((0, 1, 2), "<size>3</size>", {}, 0),
        ((1, 2, 3), "<size>3</size>", {}, 1),
        ((1, 2, 3), "", {}, 1),
        ((1, 2), "<size>9</size>", {}, None),
        ((5, 6, 7), "<size>3</size>", {}, None),
        ((5, 6, 7), "<size>3</size>", {"first_frame": 5}, 5),
    ],
)
def test_video_frames_find_their_images(tmp_path, numbers, meta, options, first):
    for number in numbers:
        save_image(tmp_path / "images" / f"frame_{number:04}.png")
    shapes = "".join(f'<box frame="{n}" xtl="{n}" ytl="2" xbr="40" ybr="30"/>' for n in range(3))
    text = f'<annotations><meta><task>{meta}</task></meta><track label="HC">{shapes}</track></annotations>'
    save_text(tmp_path / "a.xml", text)
    items, refusals = read_all("cvat", tmp_path, **PLANE, **options)
    if first is None:
        assert items == []
        assert "--first-frame" in reasons(refusals)
    else:
        found = {int(item.image_path.stem[-4:]): item.layout.structures[0].box.corners()[0] for item in items}
        assert found == {number: number - first for number in numbers}

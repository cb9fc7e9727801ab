from __future__ import annotations

import copy
import json
import math

import jsonschema
import pytest
from anatomy_strategies import layouts
from hypothesis import given
from hypothesis import strategies as st

from fetalflex.anatomy import Box, Layout, PlacedStructure, layout_schema
from fetalflex.errors import FetalFlexError

STOMACH = PlacedStructure("stomach", Box(50, 50, 20, 10))


def close(first: Layout, second: Layout) -> bool:
    """Whether two layouts agree to 1e-6 px."""
    return (first.plane, first.width, first.height, len(first.structures)) == (
        second.plane,
        second.width,
        second.height,
        len(second.structures),
    ) and all(
        a.name == b.name and a.box.polygon() == pytest.approx(b.box.polygon(), abs=1e-5)
        for a, b in zip(first.structures, second.structures, strict=True)
    )


class TestValues:
    @pytest.mark.parametrize("size", [0, -1, 16385, 1.5, "10", None, math.nan, True])
    def test_size_is_checked(self, size):
        with pytest.raises(FetalFlexError, match="layout width must be a whole number from 1 to 16384"):
            Layout("femur", size, 10)
        with pytest.raises(FetalFlexError, match="layout height must be a whole number from 1 to 16384"):
            Layout("femur", 10, size)

    @pytest.mark.parametrize("spacing", [0, -1, math.nan, math.inf, "1", True, 1e308, 1e-320])
    def test_spacing_is_checked(self, spacing):
        with pytest.raises(FetalFlexError, match="layout pixel_spacing_mm must be"):
            Layout("femur", 10, 10, (), spacing)

    @pytest.mark.parametrize("plane", ["", "Femur", "a b", "../femur", None, 3])
    def test_plane_is_a_canonical_name(self, plane):
        with pytest.raises(FetalFlexError, match="layout plane must be lower case"):
            Layout(plane, 10, 10)

    @pytest.mark.parametrize("name", ["", "Nasal bone", None])
    def test_structure_is_a_canonical_name(self, name):
        with pytest.raises(FetalFlexError, match="structure name must be lower case"):
            PlacedStructure(name, Box(1, 1, 1, 1))

    def test_structure_needs_a_box(self):
        with pytest.raises(FetalFlexError, match="stomach: box must be a Box, got a tuple of 4 items"):
            PlacedStructure("stomach", (0, 0, 1, 1))

    @pytest.mark.parametrize("box", [Box(-10, 5, 10, 10), Box(105, 5, 10, 10), Box(110, 110, 20, 1, -45)])
    def test_box_outside_the_image_is_refused(self, box):
        with pytest.raises(FetalFlexError, match=r"structure stomach: box from .* outside the image of 100 x 100 px"):
            Layout("femur", 100, 100, (PlacedStructure("stomach", box),))

    def test_box_partly_outside_is_allowed(self):
        assert Layout("femur", 100, 100, (PlacedStructure("femur", Box(0, 50, 10, 10)),)).names() == ("femur",)

    def test_structures_must_be_placed_structures(self):
        with pytest.raises(FetalFlexError, match="must be PlacedStructure values"):
            Layout("femur", 10, 10, (Box(1, 1, 1, 1),))
        with pytest.raises(FetalFlexError, match="must be a tuple of PlacedStructure"):
            Layout("femur", 10, 10, "stomach")
        assert Layout("femur", 100, 100, [STOMACH]).structures == (STOMACH,)

    def test_number_of_structures_is_limited(self):
        assert len(Layout("femur", 100, 100, (STOMACH,) * 1000).structures) == 1000
        with pytest.raises(FetalFlexError, match="layout has 1001 structures; at most 1000 are allowed"):
            Layout("femur", 100, 100, (STOMACH,) * 1001)

    def test_is_an_immutable_hashable_picklable_value(self, abdomen):
        assert copy.deepcopy(abdomen) == abdomen
        assert hash(copy.deepcopy(abdomen)) == hash(abdomen)
        with pytest.raises(AttributeError):
            abdomen.width = 3


class TestQuestions:
    def test_names_and_find(self, abdomen):
        assert abdomen.names() == ("abdomen", "kidney", "stomach")
        assert [item.box.cx for item in abdomen.find("kidney")] == [120, 150]
        assert abdomen.find("spine") == ()

    def test_outline(self, abdomen, registry):
        assert abdomen.outline(registry).name == "abdomen"
        assert abdomen.with_structures([STOMACH]).outline(registry) is None
        assert Layout("facial_sagittal", 10, 10).outline(registry) is None

    def test_outline_is_the_largest_of_several(self, abdomen, registry):
        small = PlacedStructure("abdomen", Box(20, 20, 5, 5))
        assert abdomen.with_structures([small, *abdomen.structures, small]).outline(registry).box.width == 160

    def test_fitting_layout_has_no_problems(self, abdomen, registry):
        assert abdomen.problems(registry) == []
        abdomen.validate(registry)

    @pytest.mark.parametrize(
        ("name", "message", "known"),
        [
            ("stomac", "unknown structure 'stomac'. Did you mean stomach", False),
            ("gastric_bubble", "structure gastric_bubble is a synonym; use the name stomach", False),
            ("skull", "structure skull does not belong to the plane abdominal_transverse, which has abdomen", True),
        ],
    )
    def test_problems_with_structures(self, abdomen, registry, name, message, known):
        layout = abdomen.with_structures([*abdomen.structures, PlacedStructure(name, Box(5, 5, 4, 4))])
        assert len(layout.problems(registry)) == 1
        assert message in layout.problems(registry)[0]
        with pytest.raises(FetalFlexError, match=message.split(".")[0]):
            layout.validate(registry)
        if known:
            layout.validate(registry, strict=False)
        else:
            with pytest.raises(FetalFlexError):
                layout.validate(registry, strict=False)

    def test_problems_with_the_plane(self, registry):
        assert "Did you mean" in Layout("thalamic_transvers", 10, 10).problems(registry)[0]
        assert Layout("transthalamic", 10, 10).problems(registry) == [
            "plane transthalamic is a synonym; use the name thalamic_transverse"
        ]
        with pytest.raises(FetalFlexError, match="unknown plane"):
            Layout("elbow", 10, 10).validate(registry, strict=False)

    @given(layouts())
    def test_generated_layouts_are_valid(self, layout):
        from fetalflex.anatomy import default_registry

        layout.validate(default_registry())


class TestChanges:
    @given(layouts())
    def test_mirroring_twice_is_identity(self, layout):
        assert close(layout.mirrored_horizontally().mirrored_horizontally(), layout)
        assert close(layout.mirrored_vertically().mirrored_vertically(), layout)

    @given(layouts(), st.floats(0.2, 5))
    def test_rescaling_is_undone(self, layout, scale):
        there = layout.rescaled(scale, 7, 9, width=4000, height=4000)
        back = there.rescaled(1 / scale, -7 / scale, -9 / scale, width=layout.width, height=layout.height)
        assert close(back, layout)
        if layout.pixel_spacing_mm:
            assert there.pixel_spacing_mm == pytest.approx(layout.pixel_spacing_mm / scale)
            assert back.pixel_spacing_mm == pytest.approx(layout.pixel_spacing_mm)

    def test_rescaling_finds_the_size_by_itself(self, abdomen):
        assert (abdomen.rescaled(0.5).width, abdomen.rescaled(0.5).height) == (100, 50)
        assert Layout("femur", 10, 1).rescaled(0.1).height == 1

    def test_rescaling_checks(self, abdomen):
        with pytest.raises(FetalFlexError, match="scale must be greater than 0"):
            abdomen.rescaled(0)
        with pytest.raises(FetalFlexError, match="outside the image"):
            abdomen.rescaled(1, dx=1000)

    def test_with_structures_takes_any_iterable(self, abdomen):
        assert abdomen.with_structures(iter([STOMACH])).names() == ("stomach",)


class TestFiles:
    @given(layouts())
    def test_json_round_trip_and_schema(self, layout):
        text = layout.to_json()
        assert Layout.from_json(text) == layout
        assert Layout.from_dict(layout.to_dict()) == layout
        jsonschema.validate(json.loads(text), layout_schema(), cls=jsonschema.Draft202012Validator)

    def test_save_and_load(self, abdomen, tmp_path):
        abdomen.save(tmp_path / "layout.json")
        assert Layout.load(tmp_path / "layout.json") == abdomen
        assert Layout.load(str(tmp_path / "layout.json")) == abdomen

    def test_schema_is_valid_and_a_fresh_copy(self):
        jsonschema.Draft202012Validator.check_schema(layout_schema())
        layout_schema().clear()
        assert layout_schema()["title"]

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (lambda d: d.update(colour="red"), "layout has the unknown key 'colour'"),
            (lambda d: d.update(widht=3), "unknown key 'widht'.*Did you mean width"),
            (lambda d: d.pop("plane"), "layout lacks the key 'plane'"),
            (lambda d: d.pop("structures"), "layout lacks the key 'structures'"),
            (lambda d: d.pop("format"), "layout lacks the key 'format'"),
            (lambda d: d.update(version=2), "version 2; expected 'fetalflex/layout', version 1"),
            (lambda d: d.update(width=0), "layout width must be"),
            (lambda d: d.update(width="10"), "layout width must be"),
            (lambda d: d.update(pixel_spacing_mm=-1), "pixel_spacing_mm must be"),
            (lambda d: d.update(structures={}), "layout structures must be a list"),
            (lambda d: d["structures"].append(3), r"structures\[4\] must be a mapping"),
            (lambda d: d["structures"][1].update(note="x"), r"structures\[1\] has the unknown key 'note'"),
            (lambda d: d["structures"][1].update(name="Nasal Bone"), r"structures\[1\]: structure name must be lower"),
            (lambda d: d["structures"][1]["box"].update(w=3), r"structures\[1\]: box has the unknown key 'w'"),
            (lambda d: d["structures"][1]["box"].update(width=0), r"structures\[1\]: box width must be greater"),
            (lambda d: d["structures"][1].update(box=[1, 2, 3, 4]), r"structures\[1\]: box must be a mapping"),
        ],
    )
    def test_mistakes_are_named_and_the_schema_refuses_them_too(self, abdomen, tmp_path, change, message):
        data = abdomen.to_dict()
        change(data)
        path = tmp_path / "layout.json"
        path.write_text(json.dumps(data))
        with pytest.raises(FetalFlexError, match=rf"layout\.json: .*{message}"):
            Layout.load(path)
        assert not jsonschema.Draft202012Validator(layout_schema()).is_valid(data)

    @pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"\x89PNG\r\n\x1a\n", b'{"format": NaN}'])
    def test_corrupt_files_are_refused(self, tmp_path, content):
        path = tmp_path / "layout.json"
        path.write_bytes(content)
        with pytest.raises(FetalFlexError, match=r"layout\.json"):
            Layout.load(path)

    def test_truncated_file_is_refused(self, abdomen, tmp_path):
        path = tmp_path / "layout.json"
        path.write_text(abdomen.to_json()[:-20])
        with pytest.raises(FetalFlexError, match="not valid JSON at line"):
            Layout.load(path)

    def test_null_spacing_and_missing_angle_are_fine(self, abdomen):
        data = abdomen.to_dict() | {"pixel_spacing_mm": None}
        del data["structures"][0]["box"]["angle"]
        jsonschema.validate(data, layout_schema())
        assert Layout.from_dict(data).pixel_spacing_mm is None

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fetalflex.anatomy import (
    GROWTH_CHARTS,
    MEASURES,
    Box,
    GestationalAge,
    GrowthTarget,
    Layout,
    PlacedStructure,
    Recipe,
    biometry_recipe,
    centile_of,
    default_registry,
    measure,
    measure_all,
    parse_growth_target,
    set_biometry,
)
from fetalflex.errors import FetalFlexError

REGISTRY = default_registry()
AGE = GestationalAge.parse("22w3d")
ROOM = 1200


def layout_of(*structures: tuple[str, Box], plane: str = "ventricular_transverse") -> Layout:
    placed = tuple(PlacedStructure(name, box) for name, box in structures)
    return Layout(plane, ROOM, ROOM, placed, 0.2)


HEAD = layout_of(
    ("skull", Box(600, 600, 380, 300, 20)),
    ("lateral_ventricle", Box(650, 620, 60, 35, 30)),
    ("lateral_ventricle", Box(650, 560, 50, 30)),
    ("thalami", Box(590, 600, 80, 60)),
    ("cyst", Box(900, 900, 40, 40)),
)
ABDOMEN = layout_of(
    ("abdomen", Box(600, 600, 400, 380)),
    ("stomach", Box(500, 560, 80, 50)),
    plane="abdominal_transverse",
)
FACE = layout_of(
    ("nasal_bone", Box(300, 500, 20, 8, -30)),
    ("nuchal_translucency", Box(800, 700, 10, 90)),
    plane="facial_sagittal",
)
LAYOUT_OF = {"HC": HEAD, "BPD": HEAD, "OFD": HEAD, "LV": HEAD, "AC": ABDOMEN, "NB": FACE, "NT": FACE}


def heads() -> st.SearchStrategy[Layout]:
    skulls = st.builds(Box, st.just(600), st.just(600), st.floats(150, 400), st.floats(150, 400), st.floats(-90, 90))
    inner = st.builds(Box, *[st.floats(500, 700)] * 2, *[st.floats(5, 100)] * 2, st.floats(-90, 90))
    named = st.tuples(st.sampled_from(["thalami", "lateral_ventricle", "cavum_septi_pellucidi"]), inner)
    return st.builds(
        lambda skull, ventricle, others: layout_of(("skull", skull), ("lateral_ventricle", ventricle), *others),
        skulls,
        inner,
        st.lists(named, max_size=3),
    )


@settings(max_examples=60)
@given(heads(), st.sampled_from(["HC", "BPD", "OFD", "LV"]), st.floats(0.4, 1.8))
def test_what_is_set_is_measured(layout, name, factor):
    asked = measure(layout, name, REGISTRY).mm * factor
    changed = set_biometry(layout, GrowthTarget(name, asked), REGISTRY)
    assert measure(changed, name, REGISTRY).mm == pytest.approx(asked, rel=1e-9)
    assert [item.name for item in changed.structures] == [item.name for item in layout.structures]


@pytest.mark.parametrize("name", GROWTH_CHARTS)
@pytest.mark.parametrize("centile", [3, 50, 97.5])
def test_a_centile_is_set_and_asked(name, centile):
    changed = set_biometry(LAYOUT_OF[name], f"22w3d, {name} {centile}th centile", REGISTRY)
    assert centile_of(changed, name, AGE, REGISTRY) == pytest.approx(centile, rel=1e-6)


@pytest.mark.parametrize("name", [known.name for known in MEASURES])
@pytest.mark.parametrize("factor", [0.5, 1.0, 1.6])
def test_every_measure_can_be_set_in_mm(name, factor):
    layout = LAYOUT_OF[name]
    asked = measure(layout, name, REGISTRY).mm * factor
    changed = set_biometry(layout, GrowthTarget(name, asked), REGISTRY)
    assert measure(changed, name, REGISTRY).mm == pytest.approx(asked, rel=1e-9)


def test_the_recipe_is_made_of_edits_that_can_be_saved():
    recipe = biometry_recipe(HEAD, [parse_growth_target("22w3d, HC 5th centile")], REGISTRY)
    assert {edit.kind for edit in recipe.edits} == {"scale"}
    replayed = Recipe.from_json(recipe.to_json()).apply(HEAD, REGISTRY)
    assert replayed == set_biometry(HEAD, "22w3d, HC 5th centile", REGISTRY)


class TestWhatLiesInTheOutline:
    """It follows; the rest stays."""

    def test_a_circumference_keeps_all_proportions(self):
        half = set_biometry(HEAD, GrowthTarget("HC", measure(HEAD, "HC", REGISTRY).mm / 2), REGISTRY)
        for before, after in zip(HEAD.structures[:4], half.structures[:4], strict=True):
            expected = before.box.transformed(0.5, 300, 300)
            assert after.box.to_dict() == pytest.approx(expected.to_dict(), rel=1e-9)
        assert half.find("cyst") == HEAD.find("cyst")

    def test_a_length_moves_and_scales_along_its_side_only(self):
        layout = layout_of(
            ("skull", Box(600, 600, 300, 400, 90)),  # so that the BPD is vertical in the image
            ("thalami", Box(700, 650, 40, 20)),
            ("cyst", Box(600, 600, 30, 30, 45)),
        )
        changed = set_biometry(layout, GrowthTarget("BPD", 30), REGISTRY)
        skull, thalami, cyst = (item.box for item in changed.structures)
        assert (skull.width, skull.height) == pytest.approx((150, 400))
        assert thalami.to_dict() == pytest.approx(Box(700, 625, 40, 10).to_dict())
        at_45_degrees = 30 * (0.5**2 / 2 + 0.5) ** 0.5
        assert (cyst.width, cyst.height, cyst.angle) == pytest.approx((at_45_degrees, at_45_degrees, 45))

    def test_the_other_measures_show_what_happened(self):
        changed = set_biometry(HEAD, GrowthTarget("BPD", 50), REGISTRY)
        found = {item.measure.name: item.mm for item in measure_all(changed, REGISTRY)}
        assert found["OFD"] == pytest.approx(76)
        assert found["HC"] < measure(HEAD, "HC", REGISTRY).mm


class TestTheOtherSide:
    """It stays, until it would cease to be the other side."""

    def test_of_a_ventricle_that_becomes_wider_than_long(self):
        changed = set_biometry(HEAD, "LV 14 mm", REGISTRY)
        wide, second = (item.box for item in changed.find("lateral_ventricle"))
        assert (wide.width, wide.height) == pytest.approx((70, 70))
        assert (second.width, second.height) == pytest.approx((60, 60))

    def test_of_a_ventricle_that_becomes_a_little_wider(self):
        changed = set_biometry(HEAD, "LV 10 mm", REGISTRY)
        wide, second = (item.box for item in changed.find("lateral_ventricle"))
        assert (wide.width, wide.height) == pytest.approx((60, 50))
        assert (second.width, second.height) == pytest.approx((50, 30 * 50 / 35))
        assert changed.find("skull") == HEAD.find("skull")

    def test_of_a_nasal_bone_that_becomes_shorter_than_thick(self):
        box = set_biometry(FACE, "NB 1 mm", REGISTRY).find("nasal_bone")[0].box
        assert (box.width, box.height, box.angle) == pytest.approx((5, 5, -30))


def test_several_targets_are_set_one_after_the_other():
    targets = [parse_growth_target(text) for text in ("22w3d, BPD 10th centile", "OFD 80 mm", "LV 12 mm")]
    changed = biometry_recipe(HEAD, targets, REGISTRY).apply(HEAD, REGISTRY)
    assert centile_of(changed, "BPD", AGE, REGISTRY) == pytest.approx(10)
    assert measure(changed, "OFD", REGISTRY).mm == pytest.approx(80)
    assert measure(changed, "LV", REGISTRY).mm == pytest.approx(12)


class TestErrors:
    def test_contradicting_targets(self):
        targets = [parse_growth_target("HC 220 mm"), parse_growth_target("BPD 50 mm")]
        with pytest.raises(
            FetalFlexError, match=r"HC 220 mm asks for 220.0 mm, but is .* after BPD 50 mm; .*BPD and OFD"
        ):
            biometry_recipe(HEAD, targets, REGISTRY)

    def test_no_targets(self):
        with pytest.raises(FetalFlexError, match="nothing to set"):
            biometry_recipe(HEAD, [], REGISTRY)

    def test_no_pixel_spacing(self):
        with pytest.raises(FetalFlexError, match="HC in mm needs the layout's pixel_spacing_mm"):
            set_biometry(replace(HEAD, pixel_spacing_mm=None), "HC 200 mm", REGISTRY)

    def test_a_missing_structure(self):
        with pytest.raises(FetalFlexError, match=r"AC .* the plane ventricular_transverse is none"):
            set_biometry(HEAD, "AC 200 mm", REGISTRY)
        with pytest.raises(FetalFlexError, match=r"NB .* needs the structure nasal_bone"):
            set_biometry(HEAD, "NB 3 mm", REGISTRY)

    def test_an_age_outside_the_chart(self):
        with pytest.raises(FetalFlexError, match="12w0d is outside the chart INTERGROWTH-21st of HC"):
            set_biometry(HEAD, "12w, HC 5th centile", REGISTRY)
        with pytest.raises(FetalFlexError, match="12w0d is outside the chart"):
            centile_of(HEAD, "HC", GestationalAge.from_weeks(12), REGISTRY)

    def test_growth_beyond_the_image(self):
        with pytest.raises(
            FetalFlexError, match=r"HC 900 mm makes the skull \d+ x \d+ px, of which \d+% would lie within"
        ):
            set_biometry(HEAD, "HC 900 mm", REGISTRY)

    def test_two_outlines(self):
        two = layout_of(("skull", Box(300, 300, 200, 150)), ("skull", Box(800, 800, 220, 160)))
        assert measure(two, "OFD", REGISTRY).mm == pytest.approx(44)
        with pytest.raises(FetalFlexError, match="holds 2 structures skull, so HC cannot be set; keep one"):
            set_biometry(two, "HC 100 mm", REGISTRY)

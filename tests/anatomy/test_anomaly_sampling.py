from __future__ import annotations

from pathlib import Path

import pytest
from anomaly_layouts import PLACES, example_layout, normal_layouts
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from fetalflex.anatomy import Box, Layout, PlacedStructure, Recipe, default_registry
from fetalflex.anatomy.anomalies import Anomaly, Plausibility, Variant, default_library
from fetalflex.anatomy.anomalies.shapes import overlap, reach_in_ellipse, reach_in_image
from fetalflex.data import DatasetFolder
from fetalflex.errors import FetalFlexError

LIBRARY = default_library()
HEADS = ("ventricular_transverse", "thalamic_transverse")
SEEDS = st.integers(0, 2**63 - 1)
EXAMPLES = Path(__file__).parents[2] / "examples"


def sample(name: str, layout: Layout, severity: str | None = None, seed: int = 0, **more: str) -> Variant:
    return LIBRARY.anomaly(name).sample(layout, severity, seed, **more)


@st.composite
def variants(draw: st.DrawFn) -> Variant:
    """Variants of every anomaly on normal layouts; what is refused is left out."""
    layout = draw(normal_layouts())
    anomaly = draw(st.sampled_from([entry for entry in LIBRARY if entry.suits(layout)]))
    severity = draw(st.sampled_from([grade.name for grade in anomaly.severities]))
    try:
        return anomaly.sample(layout, severity, draw(SEEDS))
    except FetalFlexError:
        assume(False)
        raise


@settings(max_examples=50)
@given(variants())
def test_a_variant_is_valid_possible_and_can_be_replayed(variant):
    registry = default_registry()
    variant.after.validate(registry)
    assert Plausibility(variant.before, registry, LIBRARY.rules).problems(variant.after) == []
    replayed = Recipe.from_json(variant.recipe.to_json()).apply(variant.before, registry)
    assert replayed == variant.after != variant.before
    again = LIBRARY.anomaly(variant.anomaly).sample(variant.before, variant.severity, variant.seed)
    assert again == variant
    limits = LIBRARY.anomaly(variant.anomaly).severity(variant.severity).values
    assert all(limits[name][0] <= value <= limits[name][1] for name, value in variant.values.items())
    assert set(variant.values) == set(limits)


@settings(max_examples=30)
@given(variants())
def test_nothing_leaves_outline_and_image_or_lies_on_bone_if_it_did_not_before(variant):
    registry = default_registry()
    before, after = variant.before, variant.after
    outline, image = after.outline(registry), (after.width, after.height)
    for item in set(after.structures) - set(before.structures):
        old = [known.box for known in before.find(item.name)]
        assert reach_in_image(item.box, *image) <= max([1.0, *(reach_in_image(box, *image) for box in old)]) + 1e-3
        if outline is not None and item.name != outline.name:
            around = before.outline(registry).box
            limit = max([1.0, *(reach_in_ellipse(box, around) for box in old)])
            assert reach_in_ellipse(item.box, outline.box) <= limit + 1e-3
        for bone in (known for name in ("spine", "nasal_bone", "mandible") for known in after.find(name)):
            known = [overlap(a, b.box) for a in old for b in before.find(bone.name)]
            if bone.name != item.name:
                assert overlap(item.box, bone.box) <= max([0.02, *known]) + 0.01


def across(layout: Layout) -> float:
    return max(item.box.height for item in layout.find("lateral_ventricle"))


def thickness(layout: Layout) -> float:
    return layout.find("nuchal_translucency")[0].box.height


def stomach_area(layout: Layout) -> float:
    return layout.find("stomach")[0].box.area


def head_area(layout: Layout) -> float:
    return layout.find("skull")[0].box.area


ORDERED = {
    "ventriculomegaly": (HEADS, across),
    "increased_nuchal_translucency": (("facial_sagittal",), thickness),
    "dilated_stomach": (("abdominal_transverse",), stomach_area),
    "macrocephaly": (HEADS, head_area),
    "microcephaly": (HEADS, lambda layout: -head_area(layout)),
}


@pytest.mark.parametrize("name", ORDERED)
@settings(max_examples=8)
@given(data=st.data())
def test_each_grade_goes_further_than_the_one_before(name, data):
    planes, measure = ORDERED[name]
    layout = data.draw(normal_layouts(planes, spacing=None if name == "ventriculomegaly" else False))
    sizes = [measure(layout)]
    for grade in LIBRARY.anomaly(name).severities:
        try:
            sizes.append(measure(sample(name, layout, grade.name, data.draw(SEEDS)).after))
        except FetalFlexError:
            assume(False)
    assert sizes == sorted(sizes)
    assert len(set(sizes)) == len(sizes)


@settings(max_examples=15)
@given(normal_layouts(HEADS, spacing=True), st.sampled_from([("mild", 10, 12), ("moderate", 13, 15)]), SEEDS)
def test_with_pixel_spacing_the_atrium_has_the_width_that_defines_the_grade(layout, grade, seed):
    name, low, high = grade
    width = across(sample("ventriculomegaly", layout, name, seed).after) * layout.pixel_spacing_mm
    assert low - 1e-6 <= width <= high + 1e-6


@settings(max_examples=15)
@given(normal_layouts(("abdominal_transverse",)), SEEDS)
def test_the_double_bubble_lies_side_by_side(layout, seed):
    variant = sample("duodenal_atresia", layout, "atresia", seed)
    stomach, bubble = (variant.after.find(name)[0].box for name in ("stomach", "duodenum"))
    assert overlap(stomach, bubble) == 0
    x, y = stomach.cx - bubble.cx, stomach.cy - bubble.cy
    closer = bubble.translated(0.1 * x, 0.1 * y).scaled(1.05)
    assert overlap(stomach, closer) > 0
    old = layout.find("stomach")[0].box
    assert stomach.area > old.area


@settings(max_examples=15)
@given(normal_layouts(("abdominal_transverse", "facial_sagittal")), SEEDS)
def test_a_mirrored_layout_gives_the_mirrored_variant(layout, seed):
    name = "displaced_stomach" if layout.plane == "abdominal_transverse" else "increased_nuchal_translucency"
    variant = sample(name, layout, seed=seed)
    mirrored = sample(name, layout.mirrored_horizontally(), seed=seed)
    expected = variant.after.mirrored_horizontally()
    for item, wanted in zip(mirrored.after.structures, expected.structures, strict=True):
        assert tuple(item.box.to_dict().values()) == pytest.approx(tuple(wanted.box.to_dict().values()), abs=0.05)


def test_most_draws_on_real_layouts_succeed():
    examples = DatasetFolder(EXAMPLES)
    counts = {True: 0, False: 0}
    for anomaly in LIBRARY:
        for record in examples:
            if not anomaly.suits(record.layout) or (anomaly.for_any and len(record.layout.structures) == 1):
                continue
            for grade in anomaly.severities:
                counts[drawn(anomaly, record.layout, grade.name)] += 1
    assert counts[True] > 100
    assert counts[False] <= 0.03 * counts[True], counts


def drawn(anomaly: Anomaly, layout: Layout, severity: str) -> bool:
    try:
        anomaly.sample(layout, severity, seed=1)
    except FetalFlexError:
        return False
    return True


def test_a_ventricle_that_has_grown_out_is_moved_inwards():
    layout = example_layout("ventricular_transverse")
    edge = layout.with_structures(
        PlacedStructure(item.name, item.box.translated(-28, 24)) if item.name == "lateral_ventricle" else item
        for item in layout.structures
    )
    variant = sample("ventriculomegaly", edge, "severe", 1)
    assert len(variant.repairs) == 1
    assert variant.repairs[0].startswith("lateral_ventricle was moved by ")
    assert [edit.kind for edit in variant.recipe.edits] == ["scale", "move"]


def test_hydrocephalus_widens_both_ventricles_and_the_third():
    after = sample("hydrocephalus", example_layout("ventricular_transverse"), seed=4).after
    assert len(after.find("lateral_ventricle")) == 2
    assert len(after.find("third_ventricle")) == 1


def test_generic_anomalies_take_a_structure_or_draw_one():
    layout = example_layout("abdominal_transverse")
    variant = sample("absence", layout, structure="gastric bubble")
    assert variant.structure == "stomach"
    assert variant.organs == ("stomach",)
    assert variant.after.find("stomach") == ()
    names = {sample("absence", layout, seed=seed).structure for seed in range(30)}
    assert names == set(layout.names()) - {"abdomen"}


def test_the_outline_can_be_moved_and_scaled_with_all_that_lies_in_it():
    layout = example_layout("abdominal_transverse")
    smaller = sample("size_change", layout, "smaller", structure="abdomen")
    factor = smaller.values["factor"]
    for old, new in zip(layout.structures, smaller.after.structures, strict=True):
        assert new.box.area == pytest.approx(factor**2 * old.box.area)


def test_no_severity_means_any():
    layout = example_layout("facial_sagittal")
    drawn = {sample("increased_nuchal_translucency", layout, seed=seed).severity for seed in range(30)}
    assert drawn == {"mild", "moderate", "severe"}


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("ventriculomegaly", {}, "shows on ventricular_transverse, thalamic_transverse; the layout is of abdominal"),
        ("dilated_stomach", {"severity": "moderate"}, "has no severity 'moderate'; it has mild, severe"),
        ("dilated_stomach", {"structure": "stomach"}, "is not for any structure"),
        ("absence", {"structure": "stomack"}, "unknown structure 'stomack'. Did you mean stomach"),
        ("absence", {"structure": "kidney"}, "absence needs kidney, which the layout lacks; it holds abdomen, spine"),
        ("absence", {"structure": "abdomen"}, "abdomen is the plane's outline"),
        ("absence", {"seed": -1}, "seed must be a whole number from 0"),
    ],
)
def test_requests_that_cannot_be_met(name, arguments, message):
    with pytest.raises(FetalFlexError, match=message):
        sample(name, example_layout("abdominal_transverse"), **arguments)


@pytest.mark.parametrize(
    ("plane", "name", "missing"),
    [
        ("abdominal_transverse", "duodenal_atresia", "stomach"),
        ("facial_sagittal", "micrognathia", "mandible"),
        ("facial_sagittal", "cleft_lip", "lips"),
    ],
)
def test_a_structure_that_the_layout_lacks_is_named(plane, name, missing):
    layout = example_layout(plane)
    bare = layout.with_structures(item for item in layout.structures if item.name != missing)
    assert not LIBRARY.anomaly(name).suits(bare)
    with pytest.raises(FetalFlexError, match=f"{name} needs {missing}, which the layout lacks; it holds"):
        sample(name, bare)


def test_what_cannot_be_is_refused_with_the_reason():
    layout = example_layout("abdominal_transverse")
    filled = layout.with_structures(
        PlacedStructure("stomach", Box(288, 200, 330, 260)) if item.name == "stomach" else item
        for item in layout.structures
    )
    with pytest.raises(FetalFlexError, match=r"dilated_stomach, severe: nothing possible in 64 draws.*stomach would"):
        sample("dilated_stomach", filled, "severe")
    alone = layout.with_structures(layout.find("abdomen"))
    with pytest.raises(FetalFlexError, match="no structure beside its outline"):
        sample("displacement", alone)


def test_layouts_that_do_not_fit_the_registry_are_refused():
    with pytest.raises(FetalFlexError, match="structure stomach does not belong to the plane"):
        sample("microcephaly", Layout("thalamic_transverse", 99, 99, (PlacedStructure("stomach", Box(50, 50, 9, 9)),)))


def test_every_plane_of_the_strategies_has_anomalies():
    assert all(len(LIBRARY.on_plane(plane)) > 3 for plane in PLACES)

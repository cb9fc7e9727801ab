from __future__ import annotations

import pytest
from anomaly_layouts import example_layout

from fetalflex.anatomy import Layout, Recipe, default_registry
from fetalflex.anatomy.anomalies import default_library

LIBRARY = default_library()
CASES = {
    "duodenal_atresia": "abdominal_transverse",
    "displaced_stomach": "abdominal_transverse",
    "absent_nasal_bone": "facial_sagittal",
    "macrocephaly": "thalamic_transverse",
}


@pytest.mark.parametrize(("name", "plane"), CASES.items())
def test_organs_are_marked_where_they_were_and_where_they_are(name, plane):
    registry = default_registry()
    variant = LIBRARY.anomaly(name).sample(example_layout(plane), seed=1)
    boxes = variant.organ_boxes()
    assert {item.name for item in boxes} <= set(variant.organs)
    both = set(variant.before.structures) | set(variant.after.structures)
    assert set(boxes) == {item for item in both if item.name in variant.organs}
    mask = variant.organ_mask(registry)
    assert mask.shape == (variant.before.height, variant.before.width)
    for item in boxes:
        x, y = int(item.box.cx), int(item.box.cy)
        assert mask[min(y, mask.shape[0] - 1), min(x, mask.shape[1] - 1)]


def test_words_reach_the_prompt_and_all_of_it_json():
    registry = default_registry()
    variant = LIBRARY.anomaly("ventriculomegaly").sample(example_layout("ventricular_transverse"), "mild", 3)
    prompt = variant.prompt(registry)
    assert prompt.startswith("fetal ultrasound, ventricular transverse plane, with cavum septi pellucidi")
    assert prompt.endswith("mild, ventriculomegaly, dilated lateral ventricle")
    data = variant.to_dict(registry)
    assert Recipe.from_dict(data["recipe"]) == variant.recipe
    assert Layout.from_dict(data["after"]) == variant.after
    assert [item["name"] for item in data["organ_boxes"]] == ["lateral_ventricle"] * 2

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fetalflex.anatomy import Add, Mirror, Move, Recipe, Remove, Resize, Rotate, Scale
from fetalflex.errors import FetalFlexError

NAMES = st.sampled_from(["stomach", "kidney[1]", "gastric bubble"])
NUMBERS = st.floats(-1e6, 1e6)
SIZES = st.floats(1e-3, 1e6)
UNITS = st.sampled_from(["px", "fraction", "mm"])
EDITS = st.one_of(
    st.builds(Move, NAMES, NUMBERS, NUMBERS, UNITS, st.booleans()),
    st.builds(Scale, NAMES, SIZES, st.one_of(st.none(), SIZES)),
    st.builds(Resize, NAMES, SIZES, SIZES, UNITS),
    st.builds(Rotate, NAMES, NUMBERS, st.booleans()),
    st.builds(Remove, NAMES),
    st.builds(Add, st.just("stomach"), NUMBERS, NUMBERS, SIZES, SIZES, st.one_of(st.none(), NUMBERS), UNITS),
    st.builds(Add, st.just("stomach"), NUMBERS, NUMBERS, unit=UNITS),
    st.builds(Mirror, st.sampled_from(["horizontal", "vertical"])),
)


@given(st.lists(EDITS, max_size=6))
def test_json_round_trip(edits):
    recipe = Recipe(tuple(edits))
    assert Recipe.from_json(recipe.to_json()) == recipe
    assert Recipe.from_dict(recipe.to_dict()) == recipe


def test_save_and_load(tmp_path):
    recipe = Recipe((Move("stomach", 1, 2), Mirror("vertical")))
    recipe.save(tmp_path / "recipe.json")
    assert Recipe.load(tmp_path / "recipe.json") == recipe


def test_recipes_of_the_first_version_mean_what_they_meant(abdomen, registry):
    edits = [{"kind": "move", "structure": "abdomen", "dx": 5, "dy": 0}, {"kind": "remove", "structure": "kidney"}]
    old = Recipe.from_dict({"format": "fetalflex/recipe", "version": 1, "edits": edits})
    assert old.edits == (Move("abdomen", 5, 0, alone=True), Remove("kidney"))
    assert old.apply(abdomen, registry).find("stomach") == abdomen.find("stomach")
    new = Recipe.from_dict({"format": "fetalflex/recipe", "version": 2, "edits": edits})
    assert new.apply(abdomen, registry).find("stomach")[0].box.cx == abdomen.find("stomach")[0].box.cx + 5
    assert Recipe.from_json(old.to_json()) == old
    assert "alone" not in new.to_json()
    with pytest.raises(FetalFlexError, match="unknown key 'alone'"):
        Recipe.from_dict({"format": "fetalflex/recipe", "version": 1, "edits": [edits[0] | {"alone": False}]})
    with pytest.raises(FetalFlexError, match="move alone must be true or false, got 1"):
        Recipe.from_dict({"format": "fetalflex/recipe", "version": 2, "edits": [edits[0] | {"alone": 1}]})


def test_edits_are_applied_in_order(abdomen, registry):
    recipe = Recipe((Move("stomach", 10, 0), Mirror("horizontal"), Move("stomach", 10, 0)))
    assert recipe.apply(abdomen, registry).find("stomach")[0].box.cx == 140
    assert Recipe().apply(abdomen, registry) is abdomen


def test_error_says_which_edit_failed(abdomen, registry):
    with pytest.raises(FetalFlexError, match=r"edit 2 of 2 \(move\): the layout holds no stomach"):
        Recipe((Remove("stomach"), Move("stomach", 1, 1))).apply(abdomen, registry)
    with pytest.raises(FetalFlexError, match=r"^the layout holds no spine"):
        Recipe((Remove("spine"),)).apply(abdomen, registry)


def test_only_edits_are_taken():
    with pytest.raises(FetalFlexError, match="must be edits such as Move, got 'move'"):
        Recipe(("move",))
    with pytest.raises(FetalFlexError, match="must be a tuple of edits"):
        Recipe("move")
    assert Recipe([Remove("stomach")]).edits == (Remove("stomach"),)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        ({"kind": "shove"}, r"edits\[0\] kind must be one of move, scale"),
        ({"kind": ["move"]}, r"edits\[0\] kind must be one of move, scale"),
        ({}, "must be an object with a kind"),
        (3, "must be an object with a kind"),
        ({"kind": "move", "structure": "stomach", "dx": 1}, "lacks the key 'dy'"),
        (
            {"kind": "move", "structure": "stomach", "dx": 1, "dy": 1, "units": "px"},
            "unknown key 'units'.*Did you mean unit",
        ),
        ({"kind": "move", "structure": "stomach", "dx": 1, "dy": "1"}, r"edits\[0\]: move dy must be a number"),
        ({"kind": "mirror", "axis": 3}, "mirror axis must be one of"),
    ],
)
def test_mistakes_are_named(tmp_path, edit, message):
    path = tmp_path / "recipe.json"
    path.write_text(json.dumps({"format": "fetalflex/recipe", "version": 2, "edits": [edit]}))
    with pytest.raises(FetalFlexError, match=rf"recipe\.json: .*{message}"):
        Recipe.load(path)


@pytest.mark.parametrize(
    "data",
    [
        [],
        {"edits": []},
        {"format": "fetalflex/layout", "version": 1, "edits": []},
        {"format": "fetalflex/recipe", "version": 2},
        {"format": "fetalflex/recipe", "version": 2, "edits": {}},
        {"format": "fetalflex/recipe", "version": 2, "edits": [], "name": "x"},
    ],
)
def test_other_files_are_refused(data):
    with pytest.raises(FetalFlexError, match="recipe"):
        Recipe.from_json(json.dumps(data))

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cli_helpers import LAYOUT, RunCommand
from PIL import Image

from fetalflex.anatomy import Layout, Recipe, default_registry, draw_change_mask, draw_roi_mask
from fetalflex.data import read_image, read_png_text

EXAMPLES = Path(__file__).parents[2] / "examples"
EXAMPLE = "ab_Patient00769_Plane2_1_of_1"


@pytest.fixture
def edit(run: RunCommand, workplace: Path, tiny_model: Path) -> RunCommand:
    """Edit the image in the workplace, with the smallest model and two steps."""

    def with_model(*arguments: object, code: int = 0) -> Any:
        fixed = ("edit", "scan.png", "--layout", "scan.layout.json", "--out", "new.png")
        return run(*fixed, "--model", tiny_model, "--steps", 2, *arguments, code=code)

    return with_model


def stomach(path: str = "new.layout.json") -> Any:
    return Layout.load(path).find("stomach")[0].box


def test_a_moved_structure(edit: RunCommand) -> None:
    result = edit("--move", "stomach:+8,-6", "--seed", 3)
    assert result.stdout == "wrote new.png, new.layout.json\n"
    assert (stomach().cx, stomach().cy) == (38, 22)
    text = read_png_text(Path("new.png"))
    assert text["FetalFlex:seed"] == "3"
    assert json.loads(text["FetalFlex:layout"]) == json.loads(Path("new.layout.json").read_text())
    assert Layout.load("scan.layout.json") == LAYOUT


def test_only_what_an_edit_changes_is_drawn_anew(edit: RunCommand) -> None:
    edit("--scale", "stomach:150%")
    region = draw_change_mask(LAYOUT, Layout.load("new.layout.json"), default_registry())
    changed = read_image(Path("scan.png")) != read_image(Path("new.png"))
    assert not changed[~region].any()
    assert changed[region].mean() > 0.5
    assert region.sum() < 0.3 * draw_roi_mask(LAYOUT, default_registry()).sum()


def test_edits_without_effect_draw_the_whole_region_anew_and_say_so(edit: RunCommand) -> None:
    result = edit("--scale", "stomach:1")
    assert result.stderr.startswith("the edits change no structure, so the whole region of the layout is synthesised")
    changed = read_image(Path("scan.png")) != read_image(Path("new.png"))
    region = draw_roi_mask(LAYOUT, default_registry())
    assert not changed[~region].any()
    assert changed[region].mean() > 0.5


def test_an_outline_takes_its_contents_along_unless_alone(edit: RunCommand) -> None:
    edit("--move", "abdomen:+4,0", "--save-recipe", "recipe.json")
    assert stomach().cx == 34
    edit("--move", "abdomen:+4,0", "--alone", "--force", "--save-recipe", "alone.json")
    assert stomach().cx == 30
    assert Recipe.load("alone.json").edits[0].alone
    edit("--recipe", "recipe.json", "--force")
    assert stomach().cx == 34


def test_the_source_may_guide(edit: RunCommand) -> None:
    edit("--scale", "stomach:1.5", "--strength", 0.5, "--no-finish")
    assert json.loads(read_png_text(Path("new.png"))["FetalFlex:settings"])["strength"] == 0.5
    guided = read_image(Path("new.png"))
    edit("--scale", "stomach:1.5", "--force", "--no-finish")
    assert "strength" not in json.loads(read_png_text(Path("new.png"))["FetalFlex:settings"])
    assert not np.array_equal(guided, read_image(Path("new.png")))


@pytest.mark.parametrize(
    "name", [EXAMPLE, f"{EXAMPLE}.jpg", f"images/{EXAMPLE}.jpg", EXAMPLES / f"images/{EXAMPLE}.jpg"]
)
def test_an_image_of_a_data_set(run: RunCommand, workplace: Path, tiny_model: Path, name: object) -> None:
    given = ("--dataset", EXAMPLES, "--remove", "stomach", "--out", "out/new.png", "--model", tiny_model)
    result = run("edit", name, *given, "--steps", 1)
    assert result.stdout == "wrote out/new.png, out/new.layout.json\n"
    assert not result.stderr.startswith("warning")
    assert Layout.load("out/new.layout.json").find("stomach") == ()
    source = read_image(EXAMPLES / f"images/{EXAMPLE}.jpg")
    assert 0 < (source != read_image(Path("out/new.png"))).mean() < 0.2


def test_several_seeds_and_a_comparison(edit: RunCommand) -> None:
    given = ("--move", "stomach:+8,0", "--samples", 2, "--seed", 3)
    result = edit(*given, "--compare", "both.png")
    names = ["new-1.png", "new-1.layout.json", "new-2.png", "new-2.layout.json", "both.png"]
    assert result.stdout == f"wrote {', '.join(names)}\n"
    assert [read_png_text(Path(f"new-{i}.png"))["FetalFlex:seed"] for i in (1, 2)] == ["3", "1000003"]
    assert not np.array_equal(read_image(Path("new-1.png")), read_image(Path("new-2.png")))
    assert Layout.load("new-1.layout.json") == Layout.load("new-2.layout.json")
    assert "not for diagnosis" in read_png_text(Path("both.png"))["Description"]
    alone = read_image(Path("new-2.png"))
    edit(*given[:2], "--seed", 1000003)
    assert np.abs(alone.astype(int) - read_image(Path("new.png"))).max() <= 1


def test_before_and_after_in_turn(edit: RunCommand) -> None:
    edit("--move", "stomach:+8,0", "--compare", "out/turn.gif")
    with Image.open("out/turn.gif") as picture:
        assert picture.n_frames == 2
        assert b"not for diagnosis" in picture.info["comment"]
        times = -(-400 // LAYOUT.width)
        real = np.asarray(picture.convert("L"))[: times * LAYOUT.height : times, ::times]
        assert np.abs(real.astype(int) - read_image(Path("scan.png"))).max() <= 2
        picture.seek(1)
        synthetic = np.asarray(picture.convert("L"))[: times * LAYOUT.height : times, ::times]
        assert np.abs(synthetic.astype(int) - read_image(Path("new.png"))).max() <= 2


def test_the_layout_that_grow_wrote_may_be_there(edit: RunCommand, run: RunCommand) -> None:
    grown = ("--pixel-spacing", 2, "--set", "AC 300 mm", "--save-recipe", "new.recipe.json")
    run("grow", "scan.layout.json", *grown, "--out", "new.layout.json")
    written = Path("new.layout.json").read_text()
    edit("--recipe", "new.recipe.json")
    assert Path("new.layout.json").read_text() == written
    Path("new.png").unlink()
    assert (
        "new.layout.json is already there"
        in edit("--recipe", "new.recipe.json", "--move", "stomach:1,0", code=2).stderr
    )


def test_the_layout_of_another_image_is_doubted(edit: RunCommand, run: RunCommand, tiny_model: Path) -> None:
    edit("--move", "stomach:+8,0")
    given = ("--mirror", "horizontal", "--out", "newer.png", "--model", tiny_model, "--steps", 1)
    result = run("edit", "scan.png", "--layout", "new.layout.json", *given)
    doubt = "warning: new.layout.json lies beside new.png and seems to be the layout of that image, not of scan.png"
    assert doubt in result.stderr
    result = run("edit", "new.png", "--layout", "scan.layout.json", *given, "--force")
    assert "warning: new.png was synthesised under another layout than scan.layout.json" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("", "the layout of scan.png is missing: give --layout .*, or --dataset .*there is scan.layout.json"),
        ("--layout scan.png", "scan.png is an image, not a layout file; give its layout, such as scan.layout.json"),
        ("--layout .", r"\. is a folder, not a layout file; if it is a data set, give --dataset"),
        ("--layout annotations.json", "annotations.json holds the annotations of many images"),
        ("--layout scan.layout.json --dataset .", "give one of them"),
        ("--dataset .", "has no annotations.json|holds no image"),
    ],
)
def test_what_is_no_layout_is_told_before_anything_slow_is_imported(
    workplace: Path, arguments: str, message: str
) -> None:
    annotations = {"images": [], "annotations": [], "categories": []}
    Path("annotations.json").write_text(json.dumps(annotations))
    typed = ["edit", "scan.png", *arguments.split(), "--mirror", "horizontal", "--out", "new.png"]
    code = f"import sys, fetalflex.cli.app as app\ntry: app.main({typed!r})\nfinally: print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stdout == "False\n"
    assert re.search(message, done.stderr), done.stderr


def test_what_was_there_and_what_is_there_changes_and_nothing_else(edit: RunCommand) -> None:
    edit("--remove", "abdomen", "--move", "stomach:-12,+10", "--roi", "structures")
    registry = default_registry()
    roi = draw_roi_mask(LAYOUT, registry, "structures")
    roi |= draw_roi_mask(Layout.load("new.layout.json"), registry, "structures")
    before, after = read_image(Path("scan.png")), read_image(Path("new.png"))
    assert np.array_equal(before[~roi], after[~roi])
    assert (before[roi] != after[roi]).mean() > 0.5


def test_edits_are_applied_in_the_order_typed(edit: RunCommand) -> None:
    edit("--move", "stomach:+2,0", "--mirror=horizontal", "--move", "stomach:+3,0", "--save-recipe", "made/recipe.json")
    assert stomach().cx == 72 - (30 + 2) + 3
    assert [change.kind for change in Recipe.load("made/recipe.json").edits] == ["move", "mirror", "move"]


def test_every_kind_of_edit(edit: RunCommand) -> None:
    edit(
        *("--scale", "stomach:2,1", "--rotate", "stomach:10", "--resize", "stomach:10x6", "--add", "spine:40,40,6x4"),
        *("--add", "aorta:36,36", "--remove", "aorta", "--move", "gastric bubble:5%,0%"),
    )
    assert (stomach().width, stomach().height, stomach().angle) == (10, 6, 10)
    assert stomach().cx == pytest.approx(30 + 0.05 * 72)
    assert Layout.load("new.layout.json").names() == ("abdomen", "spine", "stomach")


def test_a_recipe_comes_before_typed_edits(edit: RunCommand) -> None:
    edit("--resize", "stomach:10x6", "--save-recipe", "recipe.json")
    edit("--scale", "stomach:2", "--recipe", "recipe.json", "--save-recipe", "both.json", "--out", "again.png")
    assert (stomach("again.layout.json").width, stomach("again.layout.json").height) == (20, 12)
    assert [change.kind for change in Recipe.load("both.json").edits] == ["resize", "scale"]


def test_an_edited_image_can_be_edited_again(edit: RunCommand, run: RunCommand, tiny_model: Path) -> None:
    edit("--move", "stomach:+8,0")
    further = ("--layout", "new.layout.json", "--move", "stomach:+1,0", "--out", "newer.png")
    run("edit", "new.png", *further, "--model", tiny_model, "--steps", 1)
    assert stomach("newer.layout.json").cx == 39


def test_all_structures_may_be_removed(edit: RunCommand) -> None:
    edit("--remove", "stomach", "--remove", "abdomen")
    assert Layout.load("new.layout.json").structures == ()


def test_a_mask_says_what_is_synthesised(edit: RunCommand) -> None:
    mask = np.zeros((LAYOUT.height, LAYOUT.width), bool)
    mask[5:25, 5:30] = True
    Image.fromarray(mask).save("mask.png")
    edit("--move", "stomach:+8,0", "--mask", "mask.png")
    changed = read_image(Path("scan.png")) != read_image(Path("new.png"))
    assert changed[mask].mean() > 0.5
    assert not changed[~mask].any()


def test_existing_outputs_need_force(edit: RunCommand) -> None:
    edit("--move", "stomach:+8,0")
    assert "new.png is already there (and 1 more)" in edit("--move", "stomach:+9,0", code=2).stderr
    assert stomach().cx == 38
    edit("--move", "stomach:+9,0", "--force")
    assert stomach().cx == 39


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("", "there is nothing to edit"),
        ("--move stomach:1", "move 'stomach:1': expected two numbers"),
        ("--move stomach", "expected a structure, a colon and numbers"),
        ("--move stomach:1mm,1mm", "pixel_spacing_mm"),
        ("--move stomach:500,0", "move puts stomach outside the image"),
        ("--move stomack:1,1", "unknown structure 'stomack'. Did you mean stomach"),
        ("--move stomach:1,1 --remove spine", r"edit 2 of 2 \(remove\): the layout holds no spine; it holds"),
        ("--add thalami:20,20", "thalami does not belong to the plane"),
        ("--scale stomach:0", "fx must be greater than 0"),
        ("--mirror diagonal", "horizontal"),
        ("--recipe missing.json", "missing.json cannot be read"),
        ("--recipe scan.layout.json", "scan.layout.json: recipe has the format 'fetalflex/layout'"),
        ("--mirror horizontal --layout missing.json", "missing.json cannot be read"),
        ("--mirror horizontal --layout small.json", "scan.png has 72 x 56 pixels, but small.json is for 30 x 20"),
        ("--mirror horizontal --out new.jpg", "--out new.jpg does not end in .png"),
        ("--mirror horizontal --compare new.jpg", "--compare new.jpg ends in neither .gif"),
        ("--mirror horizontal --strength 0", "--strength"),
        ("--mirror horizontal --samples 0", "--samples"),
        ("--mirror horizontal --out .", "--out . does not end in .png"),
        ("--mirror horizontal --out scan.png --force", "scan.png is read by this command"),
        ("--mirror horizontal --save-recipe scan.layout.json", "scan.layout.json is read by this command"),
        ("--mirror horizontal --save-recipe there.json", "there.json is already there"),
        ("--mirror horizontal --mask small.png", "small.png has 30 x 20 pixels"),
        ("--mirror horizontal --mask small.png --roi auto", "--mask and --roi both"),
        ("--mirror horizontal --model nowhere", "model 'nowhere' is neither"),
        ("--mirror horizontal --steps 0", "--steps"),
        ("--mirror horizontal --seed -1", "--seed"),
        ("--mirror horizontal --feather -1", "--feather"),
    ],
)
def test_bad_input_is_refused_in_one_line(edit: RunCommand, workplace: Path, arguments: str, message: str) -> None:
    Layout("abdominal_transverse", 30, 20).save("small.json")
    Image.new("L", (30, 20), 255).save("small.png")
    Path("there.json").write_text("{}")
    before = sorted(workplace.rglob("*"))
    last = edit(*arguments.split(), code=2).stderr.splitlines()[-1]
    assert last.lower().startswith("error: ")
    assert re.search(message, last), last
    assert sorted(workplace.rglob("*")) == before


@pytest.mark.parametrize(
    ("image", "message"),
    [
        ("missing.png", "there is no image file missing.png"),
        ("scan.layout.json", "scan.layout.json is no readable image"),
    ],
)
def test_the_image_must_be_one(run: RunCommand, workplace: Path, image: str, message: str) -> None:
    arguments = ("edit", image, "--layout", "scan.layout.json", "--mirror", "vertical", "--out", "new.png")
    assert run(*arguments, code=2).stderr.startswith(f"error: {message}")

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cli_helpers import LAYOUT, RunCommand
from PIL import Image

from fetalflex.anatomy import Layout, default_registry, draw_organ_mask
from fetalflex.data import read_image, read_png_text


def write_mask(name: str, x: int) -> np.ndarray:
    mask = np.zeros((LAYOUT.height, LAYOUT.width), bool)
    mask[20:36, x : x + 12] = True
    Image.fromarray(mask.astype(np.uint8) * 255).save(name)
    return mask


@pytest.fixture
def refine(run: RunCommand, workplace: Path, tiny_model: Path) -> RunCommand:
    """Refine the image in the workplace, with the smallest model and a few steps."""

    def with_model(*arguments: object, code: int = 0) -> Any:
        fixed = ("refine", "scan.png", "--layout", "scan.layout.json", "--out", "new.png", "--model", tiny_model)
        return run(*fixed, "--steps", 4, *arguments, code=code)

    return with_model


def test_organs_change_and_nothing_else(refine: RunCommand) -> None:
    marked = write_mask("stomach.png", 24) | write_mask("vein.png", 50)
    result = refine("--mask", "stomach.png", "--mask", "vein.png", "--strength", 0.5, "--seed", 3)
    assert result.stdout == "wrote new.png, new.layout.json\n"
    before, after = read_image(Path("scan.png")), read_image(Path("new.png"))
    assert np.array_equal(before[~marked], after[~marked])
    assert (before[marked] != after[marked]).mean() > 0.5
    text = read_png_text(Path("new.png"))
    assert text["Synthetic"] == "true"
    assert json.loads(text["FetalFlex:settings"])["strength"] == 0.5
    assert Layout.load("new.layout.json") == LAYOUT


def test_an_organ_needs_no_mask_file(refine: RunCommand) -> None:
    Image.fromarray(np.eye(LAYOUT.height, LAYOUT.width, dtype=np.uint8) * 255).save("line.png")
    refine("--organ", "gastric bubble", "--mask", "line.png", "--compare", "both.gif")
    marked = draw_organ_mask(LAYOUT, default_registry(), ["stomach"]) | np.eye(LAYOUT.height, LAYOUT.width, dtype=bool)
    changed = read_image(Path("scan.png")) != read_image(Path("new.png"))
    assert not changed[~marked].any()
    assert changed[marked].mean() > 0.5
    assert Path("both.gif").is_file()


def test_an_image_of_a_data_set_and_several_seeds(run: RunCommand, workplace: Path, tiny_model: Path) -> None:
    examples = Path(__file__).parents[2] / "examples"
    given = ("--dataset", examples, "--organ", "stomach", "--samples", 2, "--out", "new.png", "--model", tiny_model)
    run("refine", "ab_Patient00769_Plane2_1_of_1", *given, "--steps", 2)
    assert [read_png_text(Path(f"new-{i}.png"))["FetalFlex:seed"] for i in (1, 2)] == ["0", "1000000"]


def test_every_way_of_sampling(refine: RunCommand) -> None:
    write_mask("stomach.png", 24)
    refine(
        *("--mask", "stomach.png", "--sampler", "unipc", "--ssa", "--ssa-weight", 0.5, "--resample", "2x2"),
        *("--guidance-prompt", 2, "--negative-prompt", "shadow"),
    )
    settings = json.loads(read_png_text(Path("new.png"))["FetalFlex:settings"])
    assert settings["sampler"] == "unipc"
    assert settings["smoothing"]["weight"] == 0.5
    assert settings["resampling"] == {"jump_length": 2, "repeats": 2}
    assert settings["negative_prompt"] == "shadow"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--mask", "none.png"), "none.png"),
        (("--mask", "scan.png"), "mask scan.png holds"),
        (("--mask", "small.png"), "small.png has 5 x 5 pixels"),
        (("--mask", "stomach.png", "--resample", "often"), "--resample is 'often'; give two whole numbers"),
        (("--mask", "stomach.png", "--resample", "0x2"), "resampling.jump_length is 0"),
        (("--mask", "stomach.png", "--sampler", "magic"), "sampler is 'magic'; choose one of"),
        (("--mask", "stomach.png", "--sampler", "dpm++", "--eta", 1), "dpm++ is deterministic"),
        (("--mask", "stomach.png", "--negative-prompt", "shadow"), "negative_prompt has no effect"),
        (("--mask", "stomach.png", "--out", "new.jpg"), "does not end in .png"),
        (("--mask", "stomach.png", "--out", "scan.png", "--force"), "read by this command"),
    ],
)
def test_bad_input_is_one_clear_line(refine: RunCommand, arguments: tuple[object, ...], message: str) -> None:
    write_mask("stomach.png", 24)
    Image.fromarray(np.full((5, 5), 255, np.uint8)).save("small.png")
    result = refine(*arguments, code=2)
    assert message in result.stderr
    told = [line for line in result.stderr.splitlines() if not line.startswith("note: ")]  # on words never learnt
    assert len(told) == 1
    assert not Path("new.png").exists()

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cli_helpers import LAYOUT, RunCommand

from fetalflex.anatomy import Box, Layout, PlacedStructure
from fetalflex.data import DatasetFolder, Record, read_image, read_png_text


@pytest.fixture
def demo(run: RunCommand, workplace: Path, tiny_model: Path) -> RunCommand:
    """Run the command in a working directory with examples, with the smallest model and one step."""
    rng = np.random.default_rng(1)
    pixels = rng.integers(1, 255, (LAYOUT.height, LAYOUT.width), dtype=np.uint8)
    DatasetFolder.write(workplace / "examples", [(Record("images/a.png", LAYOUT), pixels)])

    def with_model(*arguments: object, code: int = 0) -> Any:
        return run("demo", "--model", tiny_model, "--steps", 1, *arguments, code=code)

    return with_model


def test_it_says_where_the_page_is(demo: RunCommand) -> None:
    result = demo()
    assert result.stdout == "wrote 6 synthetic images; open demo/index.html\n"
    assert Path("demo/index.html").is_file()
    assert Path("demo/abdominal_transverse.png").is_file()


def test_all_images_have_the_seed_that_was_given(demo: RunCommand) -> None:
    demo("--out", "elsewhere", "--seed", 9)
    images = list(Path("elsewhere/images").glob("*.png"))
    assert len(images) == 6
    assert {read_png_text(path)["FetalFlex:seed"] for path in images} == {"9"}


def test_a_gallery_that_is_there_is_kept_without_force(demo: RunCommand) -> None:
    demo()
    before = read_image(Path("demo/abdominal_transverse.png"))
    result = demo("--seed", 1, code=2)
    assert "demo/index.html is already there" in result.stderr
    np.testing.assert_array_equal(read_image(Path("demo/abdominal_transverse.png")), before)
    demo("--seed", 1, "--force")
    assert not np.array_equal(read_image(Path("demo/abdominal_transverse.png")), before)


def test_missing_examples_are_told(demo: RunCommand) -> None:
    result = demo("--examples", "nowhere", code=2)
    assert "there is no nowhere" in result.stderr
    assert "--examples" in result.stderr


def test_examples_that_suit_no_sheet_are_told(demo: RunCommand, workplace: Path) -> None:
    layout = Layout("femur", 64, 64, (PlacedStructure("femur", Box(32, 32, 30, 6)),))
    DatasetFolder.write(workplace / "femora", [(Record("a.png", layout), np.ones((64, 64), np.uint8))])
    assert "none of the 1 images suits the gallery" in demo("--examples", "femora", code=2).stderr
    assert not Path("demo").exists()

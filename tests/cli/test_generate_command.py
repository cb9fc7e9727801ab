from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cli_helpers import LAYOUT, RunCommand
from PIL import Image

from fetalflex.anatomy import Layout, default_registry, draw_roi_mask
from fetalflex.data import DatasetFolder, Record, pack, read_image, read_png_text, write_png
from fetalflex.provenance import SYNTHETIC_LIST
from other_processes import leave_file


@pytest.fixture
def generate(run: RunCommand, workplace: Path, tiny_model: Path) -> RunCommand:
    """Run the command in the workplace, with the smallest model and two steps."""

    def with_model(*arguments: object, code: int = 0) -> Any:
        return run("generate", "--model", tiny_model, "--steps", 2, "--out", "out", *arguments, code=code)

    return with_model


@pytest.fixture
def dataset(workplace: Path) -> Path:
    """Four records: two in test, one of which is not annotated; two have the same stem."""
    rng = np.random.default_rng(1)
    pixels = [rng.integers(1, 255, (LAYOUT.height, LAYOUT.width), dtype=np.uint8) for _ in range(4)]
    empty = Layout(LAYOUT.plane, LAYOUT.width, LAYOUT.height)
    records = [
        Record("images/a.png", LAYOUT, split="train"),
        Record("images/b.png", empty, split="test"),
        Record("images/c.png", LAYOUT, split="test"),
        Record("images/d.png", Layout("femur", LAYOUT.width, LAYOUT.height), split="val"),
    ]
    DatasetFolder.write(workplace / "set", zip(records, pixels, strict=True))
    return workplace / "set"


def written(folder: str = "out") -> list[str]:
    """Return the names of what is in a folder, without the product's own notes."""
    names = sorted(path.name for path in Path(folder).iterdir()) if Path(folder).exists() else []
    return [name for name in names if not name.startswith(".") and name != SYNTHETIC_LIST]


def seed_of(path: str) -> int:
    return int(read_png_text(Path(path))["FetalFlex:seed"])


def test_a_layout_gives_an_image_and_its_layout(generate: RunCommand) -> None:
    result = generate("scan.layout.json", "--seed", 7)
    assert result.stdout == "wrote 1 image to out\n"
    assert written() == ["scan.layout.json", "scan.png"]
    assert read_image(Path("out/scan.png")).shape == (LAYOUT.height, LAYOUT.width)
    assert Layout.load("out/scan.layout.json") == LAYOUT
    text = read_png_text(Path("out/scan.png"))
    assert text["Synthetic"] == "true"
    assert text["FetalFlex:seed"] == "7"
    assert json.loads(text["FetalFlex:settings"])["steps"] == 2


def test_the_background_of_a_source_image_is_kept(generate: RunCommand) -> None:
    generate("scan.layout.json", "--image", "scan.png", "--roi", "structures", "--eta", 0.5)
    roi = draw_roi_mask(LAYOUT, default_registry(), "structures")
    before, after = read_image(Path("scan.png")), read_image(Path("out/scan.png"))
    assert np.array_equal(before[~roi], after[~roi])
    assert (before[roi] != after[roi]).mean() > 0.5


def test_a_mask_replaces_the_roi(generate: RunCommand) -> None:
    mask = np.zeros((LAYOUT.height, LAYOUT.width), np.uint8)
    mask[10:30, 20:50] = 255
    Image.fromarray(mask).save("mask.png")
    generate("scan.layout.json", "--image", "scan.png", "--mask", "mask.png", "--feather", 2)
    changed = read_image(Path("scan.png")) != read_image(Path("out/scan.png"))
    assert changed.any()
    assert not changed[mask == 0].any()


def test_options_reach_the_pipeline(generate: RunCommand) -> None:
    result = generate(
        *("scan.layout.json", "--prompt", "fetal abdomen", "--guidance-prompt", 2, "--guidance-layout", 3, "--json")
    )
    summary = json.loads(result.stdout)
    assert summary["model"].startswith("tiny-")
    [row] = summary["images"]
    assert row["image"] == "out/scan.png"
    assert row["layout"] == "out/scan.layout.json"
    assert row["origin"] == "scan.layout.json"
    assert (row["seed"], row["prompt"]) == (0, "fetal abdomen")
    settings = json.loads(read_png_text(Path(row["image"]))["FetalFlex:settings"])
    assert (settings["prompt_guidance"], settings["layout_guidance"]) == (2.0, 3.0)


def test_samples_and_layouts_have_seeds_of_their_own(generate: RunCommand) -> None:
    LAYOUT.save("other.json")
    generate("scan.layout.json", "other.json", "--samples", 2, "--seed", 5, "--batch-size", 3)
    names = ["scan-1", "scan-2", "other-1", "other-2"]
    assert [seed_of(f"out/{name}.png") for name in names] == [5, 1_000_005, 6, 1_000_006]


def test_a_data_set_gives_layouts_and_sources(generate: RunCommand, dataset: Path) -> None:
    result = generate("--dataset", dataset, "--plane", "abdominal transverse")
    assert "left out 1 of 3 records" in result.stderr
    assert written() == ["a.layout.json", "a.png", "c.layout.json", "c.png"]
    roi = draw_roi_mask(LAYOUT, default_registry())
    for name in "ac":
        source = read_image(dataset / f"images/{name}.png")
        assert np.array_equal(source[~roi], read_image(Path(f"out/{name}.png"))[~roi])


def test_an_image_of_a_data_set_does_not_depend_on_what_else_is_made(generate: RunCommand, dataset: Path) -> None:
    generate("--dataset", dataset, "--plane", "abdominal_transverse", "--batch-size", 1)
    alone = read_image(Path("out/c.png")).astype(int)
    assert seed_of("out/c.png") == 2
    generate("--dataset", dataset, "--split", "test", "--limit", 1, "--batch-size", 4, "--force")
    assert seed_of("out/c.png") == 2
    assert np.abs(read_image(Path("out/c.png")) - alone).max() <= 1


def test_without_source_records_need_no_structures(generate: RunCommand, dataset: Path) -> None:
    packed = dataset.with_suffix(".safetensors")
    pack([DatasetFolder(dataset)], packed, size=72)
    result = generate("--dataset", packed, "--split", "test", "--no-source")
    assert result.stderr == ""
    assert written() == ["b.layout.json", "b.png", "c.layout.json", "c.png"]
    assert (read_image(Path("out/b.png")) != read_image(dataset / "images/b.png")).mean() > 0.9


def test_existing_outputs_are_refused_before_a_model_is_loaded(run: RunCommand, workplace: Path) -> None:
    (workplace / "out").mkdir()
    (workplace / "out/scan.layout.json").write_text("mine")
    result = run("generate", "scan.layout.json", "--out", "out", "--model", "no-such-model", code=2)
    assert result.stderr.startswith("error: out/scan.layout.json is already there; ")
    assert (workplace / "out/scan.layout.json").read_text() == "mine"
    assert written() == ["scan.layout.json"]


def test_force_replaces_outputs(generate: RunCommand) -> None:
    generate("scan.layout.json", "--seed", 1)
    generate("scan.layout.json", "--seed", 2, code=2)
    assert seed_of("out/scan.png") == 1
    generate("scan.layout.json", "--seed", 2, "--force")
    assert seed_of("out/scan.png") == 2


def content(folder: str) -> dict[str, bytes]:
    """Return what `generate` has written, its own notes left out."""
    return {name: (Path(folder) / name).read_bytes() for name in written(folder)}


def times(folder: str) -> dict[str, int]:
    return {name: (Path(folder) / name).stat().st_mtime_ns for name in written(folder)}


def test_a_run_that_was_stopped_goes_on(generate: RunCommand, dataset: Path) -> None:
    command = ("--dataset", dataset, "--no-source", "--seed", 3, "--batch-size", 2)
    generate(*command, "--out", "whole")
    generate(*command)
    before, first = content("out"), times("out")
    assert before == content("whole")
    (Path("out") / "d.png").unlink()
    (Path("out") / "d.layout.json").unlink()
    (Path("out") / "c.png").write_bytes(before["c.png"][:-30])
    (Path("out") / "b.layout.json").unlink()
    leave_file(Path("out"))
    result = generate(*command)
    assert result.stdout == "wrote 4 images to out; 1 of them were finished before\n"
    assert content("out") == before
    assert times("out")["a.png"] == first["a.png"]
    assert not list(Path("out").glob("*.partial"))
    assert len(Path("out", SYNTHETIC_LIST).read_text().splitlines()) == 1 + 4


def test_a_run_that_is_complete_makes_nothing_anew(generate: RunCommand) -> None:
    generate("scan.layout.json", "--samples", 2)
    before = times("out")
    result = generate("scan.layout.json", "--samples", 2, "--json")
    assert [row["finished_before"] for row in json.loads(result.stdout)["images"]] == [True, True]
    assert [row["seed"] for row in json.loads(result.stdout)["images"]] == [0, 1_000_000]
    assert times("out") == before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--seed", 8), "seed was 0, now 8"),
        (("--steps", 3), "steps was 2, now 3"),
        (("--prompt", "fetal abdomen"), "prompt was None, now 'fetal abdomen'"),
        (("--image", "scan.png"), "source image was None, now "),
        (("--guidance-layout", 2.5), "layout_guidance was "),
    ],
)
def test_images_of_other_settings_are_refused(generate: RunCommand, options: tuple[object, ...], message: str) -> None:
    generate("scan.layout.json")
    before = content("out")
    result = generate("scan.layout.json", *options, code=2)
    assert "out/scan.png was made with other settings" in result.stderr
    assert message in result.stderr
    assert content("out") == before
    generate("scan.layout.json", *options, "--force")
    assert content("out") != before


def test_an_image_that_somebody_has_worked_on_is_kept(generate: RunCommand) -> None:
    generate("scan.layout.json")
    write_png(Path("out/scan.png"), read_image(Path("out/scan.png")), {}, force=True)
    result = generate("scan.layout.json", code=2)
    assert "out/scan.png has been changed since it was made" in result.stderr


def test_other_images_may_come_into_the_same_folder(generate: RunCommand, workplace: Path) -> None:
    generate("scan.layout.json", "--seed", 1)
    LAYOUT.save(workplace / "second.layout.json")
    generate("second.layout.json", "--seed", 2)
    assert len(written()) == 4


def bad_files(folder: Path) -> None:
    (folder / "text.png").write_text("no image")
    (folder / "not.json").write_text("{")
    Image.new("L", (10, 10), 255).save(folder / "small.png")
    Image.new("L", (LAYOUT.width, LAYOUT.height)).save(folder / "black.png")
    unknown = LAYOUT.to_json().replace('"stomach"', '"stomack"')
    (folder / "unknown.json").write_text(unknown)
    (folder / "sub").mkdir()
    LAYOUT.save(folder / "sub/scan.json")
    Layout("femur", LAYOUT.width, LAYOUT.height).save(folder / "empty.json")
    (folder / "broken").mkdir()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("", "there is nothing to draw"),
        ("missing.json", "missing.json cannot be read"),
        ("scan.png", "scan.png is an image, not a layout file"),
        ("not.json", "not.json is not valid JSON"),
        ("unknown.json", "unknown.json: .*stomack"),
        ("scan.layout.json sub/scan.json", "scan.layout.json and sub/scan.json would both be written to out/scan.png"),
        ("scan.layout.json empty.json --image scan.png", "there are 2 layouts"),
        ("scan.layout.json --image missing.png", "no image file missing.png"),
        ("scan.layout.json --image text.png", "text.png is no readable image"),
        ("scan.layout.json --image small.png", r"small.png has 10 x 10 pixels, but scan.layout.json is for 72 x 56"),
        ("scan.layout.json --image scan.png --mask small.png", "the mask has 10 x 10 pixels"),
        ("scan.layout.json --image scan.png --mask black.png", "black.png is all black"),
        ("scan.layout.json --image scan.png --mask scan.png", "scan.png holds .* grey values"),
        ("scan.layout.json --image scan.png --mask small.png --roi full", "--mask and --roi both"),
        ("scan.layout.json --mask small.png", "--mask needs a source image"),
        ("scan.layout.json --roi structures", "--roi needs a source image"),
        ("scan.layout.json --roi box", "--roi needs a source image"),
        ("scan.layout.json --feather 3", "--feather needs a source image"),
        ("empty.json --image scan.png", "empty.json holds no structures"),
        ("empty.json --image scan.png --roi outline", "empty.json holds no outline of its plane"),
        ("scan.layout.json --split test", "--split chooses from a data set"),
        ("scan.layout.json --no-source", "--no-source chooses from a data set"),
        ("scan.layout.json --dataset broken", "--dataset and layout files do not go together"),
        ("--dataset broken --image scan.png", "--dataset and --image do not go together"),
        ("--dataset broken", "broken is no data set"),
        ("--dataset missing", "missing is no data set"),
        ("--dataset set --plane knee", "knee"),
        ("--dataset set --split all", "split 'all' is unknown"),
        ("--dataset set --split val --plane thorax", "set holds no records of split val and plane thorax"),
        ("scan.layout.json --out scan.png", "scan.png is a file"),
        ("scan.layout.json --image scan.png --out . --force", "is read by this command and would be replaced"),
        ("scan.layout.json --model no-such-model", "model 'no-such-model' is neither"),
        ("scan.layout.json --model broken", "broken: not a FetalFlex model folder"),
        ("scan.layout.json --steps 0", "--steps"),
        ("scan.layout.json --steps 1001", "--steps is 1001; give a whole number from 1 to 1000"),
        ("scan.layout.json --seed -1", "--seed"),
        ("scan.layout.json --seed 9223372036854775808", "seed"),
        ("scan.layout.json --samples 0", "--samples"),
        ("scan.layout.json --eta 2", "--eta"),
        ("scan.layout.json --eta nan", "eta"),
        ("scan.layout.json --guidance-layout 31", "--guidance-layout"),
        ("scan.layout.json --roi all", "--roi"),
        ("scan.layout.json --device abacus", "device 'abacus' cannot be used"),
    ],
)
@pytest.mark.usefixtures("dataset")
def test_bad_input_is_refused_in_one_line(generate: RunCommand, workplace: Path, arguments: str, message: str) -> None:
    bad_files(workplace)
    before = sorted(workplace.rglob("*"))
    stderr = generate(*arguments.split(), code=2).stderr
    last = stderr.splitlines()[-1]
    assert last.lower().startswith("error: ")
    assert re.search(message, last), last
    assert sorted(workplace.rglob("*")) == before

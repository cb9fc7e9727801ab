from __future__ import annotations

import json
from pathlib import Path

import pytest
from cli_helpers import RunCommand

PARTS = ["text_encoder", "vae_encoder", "condition", "unet", "controlnet", "vae_decoder"]


def test_costs_of_a_model_folder_as_json(run: RunCommand, tiny_model: Path) -> None:
    facts = json.loads(run("info", tiny_model, "--json").stdout)
    assert facts["model"] == str(tiny_model)
    assert facts["identity"].startswith("tiny-")
    assert facts["image_size"] == 64
    assert list(facts["parts"]) == PARTS
    assert facts["parameters"] == sum(part["parameters"] for part in facts["parts"].values())
    assert facts["flops_per_step"] == facts["parts"]["unet"]["flops"] + facts["parts"]["controlnet"]["flops"]
    assert facts["convention"].startswith("1 multiply-add = 2 FLOPs")


def test_costs_of_a_preset_as_text(run: RunCommand, workplace: Path) -> None:
    text = run("info", "tiny").stdout
    assert text.startswith("preset tiny, untrained, 64 px\n")
    for part in ("text encoder", "U-Net, per step", "ControlNet", "one denoising step", "1 multiply-add = 2 FLOPs"):
        assert part in text


def test_a_preset_costs_as_much_as_a_model_of_it(run: RunCommand, tiny_model: Path, workplace: Path) -> None:
    preset, folder = (json.loads(run("info", name, "--json").stdout) for name in ("tiny", tiny_model))
    assert preset["identity"] is None
    assert preset["parts"] == folder["parts"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("huge", r"error: model 'huge' is neither a folder nor found in"),
        ("runs/huge", "error: there is no model folder runs/huge"),
        (".", "error: .: not a FetalFlex model folder"),
        ("scan.png", "error: scan.png is a file"),
    ],
)
def test_bad_models(run: RunCommand, workplace: Path, name: str, message: str) -> None:
    assert run("info", name, code=2).stderr.startswith(message)


def test_an_unknown_model_lists_the_presets(run: RunCommand, workplace: Path) -> None:
    assert run("info", "huge", code=2).stderr.endswith("or name a preset: mini, sd15, tiny\n")

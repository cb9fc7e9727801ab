from __future__ import annotations

import inspect
from dataclasses import replace
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from fetalflex.cli.sampling_options import DEFAULTS, DEFAULTS_OF_EDITS, SamplingOptions, with_sampling_options
from fetalflex.diffusion.anisotropic import Smoothing
from fetalflex.diffusion.guidance import DEFAULT_GUIDANCE
from fetalflex.errors import FetalFlexError

_OWN = replace(DEFAULTS, steps=7, guidance_edit=0.0)
got: list[SamplingOptions] = []


@with_sampling_options
def command(
    image: Annotated[str, typer.Argument()],
    sampling: SamplingOptions = _OWN,
    seed: Annotated[int, typer.Option("--seed")] = 0,
) -> None:
    """Keep what was typed."""
    got.append(sampling)


@with_sampling_options
def without_edits(sampling: SamplingOptions = DEFAULTS) -> None:
    """Keep what was typed."""
    got.append(sampling)


def run(function: object, *arguments: str) -> SamplingOptions:
    app = typer.Typer()
    app.command()(function)  # type: ignore[type-var]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    return got.pop()


def test_the_options_stand_where_the_parameter_did() -> None:
    names = list(inspect.signature(command).parameters)
    assert (names[:2], names[-2:]) == (["image", "sampler"], ["precision", "seed"])
    assert "sampling" not in names
    assert command.__doc__ == "Keep what was typed."


def test_what_is_not_typed_is_the_commands_own_default() -> None:
    assert run(command, "a.png") == _OWN
    typed = run(command, "a.png", "--steps", "9", "--ssa", "--resample", "5x3", "--guidance-edit", "2")
    assert typed == replace(_OWN, steps=9, ssa=True, resample="5x3", guidance_edit=2.0)


def test_the_edits_weight_is_offered_where_something_is_edited() -> None:
    assert "guidance_edit" in inspect.signature(command).parameters
    assert "guidance_edit" not in inspect.signature(without_edits).parameters
    assert run(without_edits) == DEFAULTS
    assert DEFAULTS.settings()["guidance"] == DEFAULT_GUIDANCE.without_edit()


def test_settings_are_those_of_the_pipeline() -> None:
    settings = replace(DEFAULTS_OF_EDITS, ssa=True, ssa_weight=0.5, resample="4 x 2", whole_image=True).settings()
    assert settings["smoothing"].weight == 0.5
    assert (settings["resampling"].jump_length, settings["resampling"].repeats) == (4, 2)
    assert settings["close_up"] is False
    assert settings["guidance"] == DEFAULT_GUIDANCE


def test_ssa_in_the_papers_form_smooths_the_latent_as_strongly_at_every_step() -> None:
    assert replace(DEFAULTS, ssa_paper=True).settings()["smoothing"] == Smoothing(smoothed="latent", decay=0, weight=1)
    assert replace(DEFAULTS, ssa=True).settings()["smoothing"] == Smoothing()
    weak = replace(DEFAULTS, ssa=True, ssa_paper=True, ssa_weight=0.3).settings()["smoothing"]
    assert (weak.smoothed, weak.weight) == ("latent", 0.3)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"resample": "5"}, "--resample is '5'; give two whole numbers"),
        ({"sampler": "euler"}, "euler"),
        ({"sampler": "unipc", "eta": 0.5}, "eta"),
        ({"precision": "fp8"}, "fp8"),
    ],
)
def test_what_does_not_fit_is_refused_before_a_model_is_loaded(changes: dict, message: str) -> None:
    with pytest.raises(FetalFlexError, match=message):
        replace(DEFAULTS, **changes).settings()

from __future__ import annotations

import inspect
import subprocess
import sys
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from fetalflex.cli.sampling_options import WITHOUT_EDITS, with_sampling_options
from fetalflex.diffusion.guidance import Guidance
from fetalflex.diffusion.resampling import Resampling
from fetalflex.diffusion.smoothing import Smoothing
from fetalflex.errors import FetalFlexError
from fetalflex.finishing import Finishing
from fetalflex.pipeline.sampling import Sampling

_OWN = Sampling(steps=7, strength=0.6, guidance=Guidance(layout=3))
got: list[Sampling] = []


@with_sampling_options("guidance_edit", "strength")
def command(
    image: Annotated[str, typer.Argument()],
    sampling: Sampling = _OWN,
    seed: Annotated[int, typer.Option("--seed")] = 0,
) -> None:
    """Keep what was typed."""
    got.append(sampling)


@with_sampling_options()
def without_edits(sampling: Sampling = WITHOUT_EDITS) -> None:
    """Keep what was typed."""
    got.append(sampling)


def run(function: object, *arguments: str) -> Sampling:
    app = typer.Typer()
    app.command()(function)  # type: ignore[type-var]
    result = CliRunner().invoke(app, arguments)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
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
    assert typed == _OWN.replace(
        steps=9, smoothing=Smoothing(), resampling=Resampling(5, 3), guidance=Guidance(layout=3, edit=2.0)
    )


def test_options_of_single_tasks_are_offered_where_they_matter() -> None:
    assert {"guidance_edit", "strength"} <= inspect.signature(command).parameters.keys()
    assert not {"guidance_edit", "strength"} & inspect.signature(without_edits).parameters.keys()
    assert run(without_edits) == WITHOUT_EDITS
    assert WITHOUT_EDITS.guidance == Guidance().without_edit()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--sampler", "unipc"], Sampling(sampler="unipc")),
        (["--eta", "0.5", "--precision", "bf16"], Sampling(eta=0.5, precision="bf16")),
        (["--guidance-prompt", "3"], Sampling(guidance=Guidance(prompt=3.0))),
        (["--ssa-paper"], Sampling(smoothing=Smoothing(smoothed="latent", decay=0, weight=1))),
        (
            ["--ssa", "--ssa-paper", "--ssa-weight", "0.3"],
            Sampling(smoothing=Smoothing(smoothed="latent", decay=0, weight=0.3)),
        ),
        (["--ssa", "--ssa-weight", "0.5"], Sampling(smoothing=Smoothing(weight=0.5))),
        (["--resample", "4 x 2"], Sampling(resampling=Resampling(4, 2))),
        (["--no-finish"], Sampling(finishing=Finishing.off())),
        (["--no-finish", "--feather", "5"], Sampling(finishing=Finishing(False, False, False, 5))),
        (["--no-tone", "--feather", "0"], Sampling(finishing=Finishing(tone=False, feather=0))),
        (["--whole-image"], Sampling(close_up=False)),
        (["--strength", "0.5"], Sampling(strength=0.5)),
    ],
)
def test_what_is_typed_is_the_sampling(arguments: list[str], expected: Sampling) -> None:
    @with_sampling_options("guidance_edit", "strength")
    def edit(sampling: Sampling = Sampling()) -> None:
        """Keep what was typed."""
        got.append(sampling)

    assert run(edit, *arguments) == expected


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--resample", "5"], "--resample is '5'; give two whole numbers"),
        (["--sampler", "euler"], "sampler is 'euler'; choose one of ddim, dpm\\+\\+, unipc"),
        (["--sampler", "unipc", "--eta", "0.5"], "eta is 0.5, but the sampler unipc is deterministic"),
        (["--precision", "fp8"], "precision must be one of fp32, bf16, got 'fp8'"),
    ],
)
def test_what_does_not_fit_is_refused_before_the_command_runs(arguments: list[str], message: str) -> None:
    with pytest.raises(FetalFlexError, match=message):
        run(without_edits, *arguments)


def test_the_options_cost_no_torch_and_no_numpy() -> None:
    code = "import sys, fetalflex.cli.sampling_options; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert not {"torch", "numpy", "scipy", "pydantic", "PIL.Image", "yaml"} & set(loaded)

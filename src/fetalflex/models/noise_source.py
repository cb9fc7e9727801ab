"""The noise schedule of a published denoiser."""

from __future__ import annotations

import inspect

from diffusers import DDIMScheduler
from pydantic import ValidationError

from fetalflex.checks import describe_error, shown
from fetalflex.errors import FetalFlexError
from fetalflex.files.json_files import JsonMapping, read_json
from fetalflex.models.build import build_scheduler
from fetalflex.models.configs import NoiseConfig
from fetalflex.models.loading import first_line
from fetalflex.models.part_configs import LARGEST_CONFIG
from fetalflex.models.part_files import PartFiles

_DEFAULTS = {
    each.name: each.default
    for each in inspect.signature(DDIMScheduler.__init__).parameters.values()
    if each.default is not inspect.Parameter.empty
}
_COMPARED = ("num_train_timesteps", "beta_start", "beta_end", "beta_schedule", "prediction_type")


def read_schedule(files: PartFiles) -> DDIMScheduler:
    """Return the noise schedule of any diffusers scheduler as a DDIM scheduler.

    Raises:
        FetalFlexError: If the file is damaged, or describes a schedule that FetalFlex does not know.
    """
    path = files.path
    try:
        values = read_json(path, LARGEST_CONFIG)
        if not isinstance(values, dict):
            raise FetalFlexError(f"{path} is {shown(values)}, no config")
    except FetalFlexError as error:
        raise FetalFlexError(f"scheduler: {error}; fetch it again") from error
    if values.get("trained_betas") is not None:
        raise FetalFlexError(f"scheduler: {path}: trained_betas is a list; give a schedule by beta_start and beta_end")
    try:
        noise_config(_DEFAULTS | values)
        return DDIMScheduler.from_config(values, clip_sample=False)
    except ValidationError as error:
        raise FetalFlexError(
            f"scheduler: {path}: {describe_error(error)}; give a U-Net that was trained with such a schedule"
        ) from error
    except Exception as error:  # values of a wrong kind make diffusers raise many kinds
        raise FetalFlexError(f"scheduler: {path} cannot be read ({first_line(error)}); fetch it again") from error


def noise_config(config: JsonMapping) -> NoiseConfig:
    """Return the description of a DDIM scheduler's config."""
    return NoiseConfig(
        train_timesteps=config["num_train_timesteps"],
        beta_start=config["beta_start"],
        beta_end=config["beta_end"],
        beta_schedule=config["beta_schedule"],
        timestep_spacing=config["timestep_spacing"],
        prediction=config["prediction_type"],
    )


def choose_schedule(
    given: PartFiles | None, own: PartFiles | None, usual: NoiseConfig
) -> tuple[DDIMScheduler, tuple[str, ...]]:
    """Return the noise schedule to use, and what there is to say about it.

    The schedule is a property of the denoiser: a frozen U-Net sees the noise levels that it was trained with.

    Args:
        given: The schedule that was asked for; None for the U-Net's own.
        own: The schedule that lies beside the U-Net, if any does.
        usual: The schedule of a U-Net beside which none lies.
    """
    unnamed = "nothing beside the U-Net names its noise schedule"
    trained = build_scheduler(usual) if own is None else read_schedule(own)
    if given is None:
        said = f"scheduler: {unnamed}; Stable Diffusion 1.5's is taken ({_described(trained)})"
        return trained, () if own is not None else (said,)
    scheduler = read_schedule(given)
    where = f"{unnamed}, Stable Diffusion 1.5's" if own is None else "the U-Net's own"
    differing = [
        f"{name} is {scheduler.config[name]}, {where} is {trained.config[name]}"
        for name in _COMPARED
        if scheduler.config[name] != trained.config[name]
    ]
    if not differing:
        return scheduler, ()
    return scheduler, (
        f"scheduler: {'; '.join(differing)}: a frozen U-Net expects the schedule that it was trained with; "
        "leave out --scheduler to take it",
    )


def _described(scheduler: DDIMScheduler) -> str:
    return ", ".join(f"{name} {scheduler.config[name]}" for name in _COMPARED)

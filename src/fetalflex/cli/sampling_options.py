"""The sampling options that several commands share, generated from the fields of `Sampling`."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection
from functools import wraps
from typing import Annotated, Literal, get_args, get_origin, get_type_hints

import typer

from fetalflex.diffusion.guidance import Guidance
from fetalflex.pipeline.sampling import Sampling
from fetalflex.pipeline.sampling_options import SAMPLING_OPTIONS, SamplingOption, sampling_from

_PARAMETER = "sampling"
_FLAGS = {"ssa": "--ssa", "ssa_paper": "--ssa-paper", "close_up": "--close-up/--whole-image"}
_METAVARS = {"resample": "JUMPxREPEATS"}

WITHOUT_EDITS = Sampling(guidance=Guidance().without_edit())
"""How commands sample that edit nothing, and so do not offer the edit's weight."""

OF_TASKS = ("guidance_edit", "strength")
"""Options that only some commands offer."""


def with_sampling_options(*offered: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return a decorator for commands: each sampling option is offered by itself, and they arrive as one `Sampling`.

    The command has a parameter `sampling`, whose default holds the options' defaults; they stand in its place.

    Args:
        offered: Which of `OF_TASKS` the command offers beside those of all commands.
    """
    names = [name for name in SAMPLING_OPTIONS if name not in OF_TASKS or name in offered]
    return lambda command: _with_options(command, names)


def _with_options(command: Callable[..., None], names: Collection[str]) -> Callable[..., None]:
    signature = inspect.signature(command)
    hints = get_type_hints(command, include_extras=True)
    base: Sampling = signature.parameters[_PARAMETER].default
    parameters: list[inspect.Parameter] = []
    for name, parameter in signature.parameters.items():
        if name == _PARAMETER:
            parameters += [_parameter(parameter, SAMPLING_OPTIONS[one], base) for one in names]
        else:
            parameters.append(parameter.replace(annotation=hints[name]))

    @wraps(command)
    def run(**given: object) -> None:
        typed = {name: given.pop(name) for name in names}
        command(**given, **{_PARAMETER: sampling_from(typed, base)})

    run.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {one.name: one.annotation for one in parameters}
    return run


def _parameter(place: inspect.Parameter, option: SamplingOption, base: Sampling) -> inspect.Parameter:
    """Return the parameter of one option, in the place of `sampling`."""
    is_choice = get_origin(option.kind) is Literal
    flag = f"--{option.name.replace('_', '-')}"
    if option.kind is bool:
        flag = _FLAGS.get(option.name, f"{flag}/--no-{flag[2:]}")
    default = option.value_in(base)
    info = typer.Option(
        flag,
        min=option.low,
        max=option.high,
        metavar="|".join(get_args(option.kind)) if is_choice else _METAVARS.get(option.name),
        help=option.text,
        show_default=default is not None and default is not False,
    )
    kind = str if is_choice else option.kind
    return place.replace(
        name=option.name, default=default, annotation=Annotated[kind | None if option.optional else kind, info]
    )

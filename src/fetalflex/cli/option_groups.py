"""Groups of options: a function from options to one value, offered by a command as if the options were its own."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from types import SimpleNamespace
from typing import get_type_hints


def with_group(parameter: str, group: Callable[..., object]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return a decorator for commands: the options of a group take the place of one of the command's parameters.

    Args:
        parameter: Of the command; it gets what the group returns.
        group: Its parameters are annotated as those of a command are.
    """
    return lambda command: _joined(command, parameter, group)


def _joined(command: Callable[..., None], parameter: str, group: Callable[..., object]) -> Callable[..., None]:
    own, offered = _parameters(command, parameter), _parameters(group)
    place = list(own).index(parameter)
    together = [*list(own.values())[:place], *offered.values(), *list(own.values())[place + 1 :]]
    parameters = [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in together]

    @wraps(command)
    def run(**given: object) -> None:
        values = {name: given.pop(name) for name in offered}
        command(**given, **{parameter: group(**values)})

    run.__signature__ = inspect.signature(command).replace(parameters=parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {one.name: one.annotation for one in parameters}
    return run


def _parameters(function: Callable[..., object], left_out: str = "") -> dict[str, inspect.Parameter]:
    """Return parameters by name; the types of the result and of what is left out may be known to checkers alone."""
    looked_up = {name: text for name, text in function.__annotations__.items() if name not in ("return", left_out)}
    names = inspect.unwrap(function).__globals__
    hints = get_type_hints(SimpleNamespace(__annotations__=looked_up), globalns=names, include_extras=True)
    parameters = inspect.signature(function).parameters
    return {name: one.replace(annotation=hints.get(name, one.annotation)) for name, one in parameters.items()}

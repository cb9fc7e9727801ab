"""What to say of an option whose value has the wrong type or is out of range: its name, the value, what is allowed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from fetalflex.checks import shown

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_LONGEST = 60


def wrong_value(error: typer.BadParameter) -> str | None:
    """Return one sentence on an option or argument that could not be read; None where the error's own text says it all.

    typer checks values with pydantic, whose texts name neither the value nor both ends of the range.

    Args:
        error: As typer raises it, before a command runs.
    """
    from pydantic import ValidationError

    cause, parameter = error.__cause__, error.param
    if parameter is None or not isinstance(cause, ValidationError):
        return None
    problem = cause.errors()[0]
    name = max((*parameter.opts, *parameter.secondary_opts), key=len)
    name = name if name.startswith("-") else name.upper()
    allowed = _allowed(problem, getattr(parameter, "min", None), getattr(parameter, "max", None))
    if allowed is None:
        return f"{name}: {problem['msg'].removeprefix('Value error, ').removesuffix('.')}"
    return f"{name} is {_typed(problem)}; give {allowed}"


def _allowed(problem: ErrorDetails, low: float | None, high: float | None) -> str | None:
    """Return the numbers that an option takes; None if it takes no number."""
    bounds = [value for key, value in problem.get("ctx", {}).items() if key in ("ge", "le")]
    if not bounds and not problem["type"].startswith(("int", "float")):
        return None
    # Of an option that takes any number, pydantic holds the limits as float.
    is_whole = problem["type"].startswith("int") or any(isinstance(bound, int) for bound in bounds)
    kind = "a whole number" if is_whole else "a number"
    if low is not None and high is not None:
        return f"{kind} from {_number(low)} to {_number(high)}"
    if low is not None:
        return f"{kind} of {_number(low)} or more"
    return kind if high is None else f"{kind} of {_number(high)} or less"


def _typed(problem: ErrorDetails) -> str:
    """Return the value as it was typed, in quotes if it is not a number."""
    value = problem["input"]
    is_number = problem["type"] in ("greater_than_equal", "less_than_equal")
    return value if is_number and isinstance(value, str) and len(value) <= _LONGEST else shown(value)


def _number(bound: float) -> str:
    return str(bound) if isinstance(bound, int) else f"{bound:g}"

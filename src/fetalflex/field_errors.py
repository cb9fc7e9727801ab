"""What is wrong with the fields of a config, in words."""

from __future__ import annotations

from pydantic import ValidationError

from fetalflex.anatomy.checks import shown

_PLAIN = {"tuple_type": "Input should be a list"}
"""What to say where pydantic would speak of Python."""


def described(error: ValidationError) -> str:
    """Return one line that names every wrong field, what is allowed and, where it helps, what came."""
    problems = []
    for problem in error.errors():
        field = ".".join(str(part) for part in problem["loc"])
        came = "" if problem["type"] in {"missing", "value_error"} else f" (got {shown(problem['input'])})"
        told = _PLAIN.get(problem["type"], problem["msg"].removeprefix("Value error, "))
        problems.append(f"{field + ': ' if field else ''}{told}{came}")
    return "; ".join(problems)

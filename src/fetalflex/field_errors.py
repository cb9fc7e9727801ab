"""What is wrong with the fields of a config, in words."""

from __future__ import annotations

from pydantic import ValidationError


def described(error: ValidationError) -> str:
    """Return one line that names every wrong field, what is allowed and, where it helps, what came."""
    problems = []
    for problem in error.errors():
        field = ".".join(str(part) for part in problem["loc"])
        came = "" if problem["type"] in {"missing", "value_error"} else f" (got {problem['input']!r})"
        problems.append(f"{field + ': ' if field else ''}{problem['msg'].removeprefix('Value error, ')}{came}")
    return "; ".join(problems)

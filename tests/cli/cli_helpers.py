"""A layout to draw and a way to call commands, shared by the tests of commands."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from typer.testing import CliRunner

from fetalflex.anatomy import Box, Layout, PlacedStructure

LAYOUT = Layout(
    "abdominal_transverse",
    width=72,
    height=56,
    structures=(
        PlacedStructure("abdomen", Box(36, 28, 48, 40)),
        PlacedStructure("stomach", Box(30, 28, 12, 8)),
    ),
)

RunCommand = Callable[..., Any]


def run_command(*arguments: object, code: int = 0) -> Any:
    """Run a command in this process, and check its exit status; output is in `.stdout` and `.stderr`."""
    from fetalflex.cli.app import app

    result = CliRunner().invoke(app, [str(argument) for argument in arguments], prog_name="fetalflex")
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == code, f"exit status {result.exit_code}: {result.stdout} {result.stderr}"
    return result

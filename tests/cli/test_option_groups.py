from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from typer.testing import CliRunner

from fetalflex.cli.option_groups import with_group

if TYPE_CHECKING:
    from fractions import Fraction


def share(
    parts: Annotated[int, typer.Option("--parts", help="Taken.")] = 1,
    of: Annotated[int, typer.Option("--of", help="In all.")] = 4,
) -> Fraction:
    from fractions import Fraction

    return Fraction(parts, of)


@with_group("part", share)
def cut(
    what: Annotated[str, typer.Argument()],
    *,
    part: Fraction,
    twice: Annotated[bool, typer.Option("--twice")] = False,
) -> None:
    """Cut something."""
    typer.echo(f"{part * (2 if twice else 1)} of {what}")


APP = typer.Typer()
APP.command()(cut)


def test_the_options_of_a_group_are_offered_and_arrive_as_one_value() -> None:
    run = CliRunner().invoke
    assert run(APP, ["cake"]).output == "1/4 of cake\n"
    assert run(APP, ["cake", "--parts", "3", "--of", "8", "--twice"]).output == "3/4 of cake\n"
    shown = run(APP, ["--help"]).output
    assert shown.index("--parts") < shown.index("--of") < shown.index("--twice")
    assert "Cut something." in shown
    assert "Fraction" not in shown


def test_a_wrong_option_is_named() -> None:
    result = CliRunner().invoke(APP, ["cake", "--parts", "many"])
    assert result.exit_code == 2
    assert "--parts" in result.output

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import typer
from cli_helpers import RunCommand

from fetalflex.cli.app import app


def ranged_options(command: Any, words: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], float, float]]:
    """Yield each limit of each option of each command: the words up to the option, a number beyond, and the limit."""
    for name, inner in getattr(command, "commands", {}).items():
        yield from ranged_options(inner, (*words, name))
    for option in command.params:
        for limit, beyond in ((getattr(option, "min", None), -1), (getattr(option, "max", None), 1)):
            if limit is not None:
                yield (*words, option.opts[0]), limit + beyond, limit


def test_every_number_out_of_range_is_named_with_its_option_and_limit(capfd: pytest.CaptureFixture[str]) -> None:
    command = typer.main.get_command(app)
    options = [*ranged_options(command)]
    assert len(options) > 100
    for typed, beyond, limit in options:
        assert command.main([*typed, str(beyond)], prog_name="fetalflex", standalone_mode=False) == 2
        stderr = capfd.readouterr().err
        assert stderr.startswith(f"error: {typed[-1]} is {beyond}; give a "), typed
        assert f"{limit:g}" in stderr or str(limit) in stderr
        assert stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("generate --steps 0", "--steps is 0; give a whole number from 1 to 1000"),
        ("generate --steps many", "--steps is 'many'; give a whole number from 1 to 1000"),
        ("generate --steps 2.5", "--steps is '2.5'; give a whole number from 1 to 1000"),
        ("generate --eta nan", "--eta is nan; give a number from 0 to 1"),
        ("generate --guidance-layout 30.5", "--guidance-layout is 30.5; give a number from 0 to 30"),
        ("generate --guidance-layout strong", "--guidance-layout is 'strong'; give a number from 0 to 30"),
        ("generate --limit 0", "--limit is 0; give a whole number of 1 or more"),
        ("measure --pixel-spacing=-1", "--pixel-spacing is -1; give a number from 0.0001 to 100"),
        ("study create --repeats 0.9", "--repeats is 0.9; give a number from 0 to 0.5"),
        ("generate --roi all", "--roi: 'all' is not one of 'auto', 'outline', 'box', 'structures', 'full'"),
        ("train sculptor", "STAGE: 'sculptor' is not one of 'autoencoder', "),
    ],
)
def test_what_was_typed_and_what_is_allowed_stand_in_one_line(run: RunCommand, typed: str, message: str) -> None:
    stderr = run(*typed.split(), code=2).stderr
    assert stderr.startswith("error: ")
    assert message in stderr
    assert stderr.count("\n") == 1


def test_endless_digits_are_cut(run: RunCommand) -> None:
    stderr = run("studio", "--port", "9" * 5000, code=2).stderr
    assert len(stderr) < 200
    assert "--port is '999" in stderr
    assert "from 0 to 65535" in stderr


def test_what_needs_no_other_words_keeps_its_own(run: RunCommand) -> None:
    assert "Missing option '--out'" in run("edit", "scan.png", "scan.layout.json", code=2).stderr
    assert "No such option: --stpes" in run("generate", "--stpes", "5", code=2).stderr

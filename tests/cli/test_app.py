from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from cli_helpers import RunCommand

from fetalflex import FetalFlexError, __version__
from fetalflex.anatomy import EDIT_ROI_MODES, ROI_MODES
from fetalflex.cli import app as app_module
from fetalflex.cli.options import EditRoi, Roi

COMMANDS = (
    "prepare", "pack", "export", "init", "train", "generate", "edit", "refine", "anomaly", "measure", "grow",
    "augment", "evaluate", "info", "demo",
)  # fmt: skip


def in_subprocess(*arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONWARNINGS": "error"}
    return subprocess.run(
        [sys.executable, "-m", "fetalflex", *arguments], capture_output=True, text=True, env=environment, **options
    )


def failing_app(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    """Give the application one more command, which fails."""
    app = typer.Typer(cls=app_module._Commands, add_completion=False)

    @app.command()
    def fail() -> None:
        raise error

    @app.command()
    def other() -> None: ...

    monkeypatch.setattr(app_module, "app", app)


def test_help_names_every_command_without_a_terminal() -> None:
    result = in_subprocess("--help", stdin=subprocess.DEVNULL)
    assert result.returncode == 0
    assert result.stderr == ""
    assert all(f"  {command}  " in result.stdout for command in COMMANDS)


def test_nothing_heavy_is_imported_before_a_command_runs() -> None:
    code = "import sys, fetalflex.cli.app; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(result.stdout.split())
    assert not loaded & {"torch", "diffusers", "transformers", "numpy", "scipy", "PIL", "pydantic", "yaml"}


def test_bad_input_exits_with_2_and_one_line(tmp_path: Path) -> None:
    result = in_subprocess("generate", "missing.json", "--out", "out", cwd=tmp_path)
    assert result.returncode == 2
    assert result.stdout == ""
    assert result.stderr == "error: missing.json cannot be read: No such file or directory\n"


def test_a_closed_pipe_is_no_error() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as closed_pipe:
        command = [sys.executable, "-m", "fetalflex", "generate", "--help"]
        result = subprocess.run(command, stdout=closed_pipe, stderr=subprocess.PIPE, text=True, check=False)
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(run: RunCommand, command: str) -> None:
    assert f"Usage: fetalflex {command}" in run(command, "--help").stdout


def test_version(run: RunCommand) -> None:
    assert run("--version").stdout == f"fetalflex {__version__}\n"


def test_unknown_command_is_a_usage_error(run: RunCommand) -> None:
    assert "No such command 'generat'" in run("generat", code=2).stderr


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (FetalFlexError("size is\n0; choose\tmore\x1b[2J"), 2, "error: size is 0; choose more [2J\n"),
        (FloatingPointError("the loss became nan"), 3, "error: training diverged: the loss became nan\n"),
        (KeyboardInterrupt(), 130, "interrupted\n"),
        (OSError(errno.ENOSPC, "No space left on device", "a.png"), 2, "error: a.png: No space left on device\n"),
    ],
)
def test_foreseen_errors_are_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: BaseException, code: int, line: str
) -> None:
    failing_app(monkeypatch, error)
    with pytest.raises(SystemExit) as leaving:
        app_module.main(["fail"])
    assert leaving.value.code == code
    assert capsys.readouterr().err == line


@pytest.mark.parametrize("error", [KeyError("bug"), ValueError("bug"), OSError(errno.EBADF, "bug")])
def test_unforeseen_errors_keep_their_traceback(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    failing_app(monkeypatch, error)
    with pytest.raises(type(error), match="bug"):
        app_module.main(["fail"])


def test_roi_choices_are_those_of_the_drawing() -> None:
    assert {roi.value for roi in Roi} == set(ROI_MODES)
    assert {roi.value for roi in EditRoi} == set(EDIT_ROI_MODES)


HEEDED = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
"""Heed Ctrl-C even where tests run in the background of a shell, which lets its children ignore it."""

HANG = """
import sys, time, typer
from fetalflex.cli import app as module
app = typer.Typer(cls=module._Commands, add_completion=False)

@app.command()
def hang() -> None:
    from fetalflex.files import replacing
    with replacing("half") as file:
        file.write(b"half")
        print("ready", flush=True)
        time.sleep(60)

@app.command()
def other() -> None: ...

module.app = app
module.main(["hang"])
"""


@pytest.mark.skipif(os.name == "nt", reason="there are no such signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_command_tidily(tmp_path: Path, number: signal.Signals) -> None:
    command = [sys.executable, "-c", HEEDED + HANG]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(number)
        _, told = process.communicate()
    assert process.returncode == 130
    assert told == "interrupted\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name == "nt", reason="there are no such signals")
def test_ctrl_c_while_it_starts_gives_one_line(tmp_path: Path) -> None:
    """The first module that is imported once Ctrl-C is provided for sends it."""
    (tmp_path / "typer.py").write_text("import os, signal, time; os.kill(os.getpid(), signal.SIGINT); time.sleep(60)")
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    code = f"{HEEDED}; import runpy, sys; sys.argv = ['fetalflex', '--help']; "
    code += "runpy.run_module('fetalflex', run_name='__main__')"
    command = [sys.executable, "-c", code]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout, result.stderr) == (130, "", "interrupted\n")

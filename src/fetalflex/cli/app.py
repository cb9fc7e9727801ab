"""The application: registers the commands, and turns what goes wrong into messages and exit codes."""

from __future__ import annotations

import errno
import io
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from fetalflex import __version__
from fetalflex.cli.anomaly import anomaly
from fetalflex.cli.augment import augment
from fetalflex.cli.counterfactual import counterfactual
from fetalflex.cli.demo import demo
from fetalflex.cli.detect import detect
from fetalflex.cli.edit import edit
from fetalflex.cli.evaluate import evaluate
from fetalflex.cli.evaluate_detector import evaluate_detector
from fetalflex.cli.exit_codes import ExitCode
from fetalflex.cli.experiment import experiment
from fetalflex.cli.export import export
from fetalflex.cli.generate import generate
from fetalflex.cli.grow import grow
from fetalflex.cli.info import info
from fetalflex.cli.init import init
from fetalflex.cli.layout import layout
from fetalflex.cli.measure import measure
from fetalflex.cli.pack import pack
from fetalflex.cli.planes import planes
from fetalflex.cli.prepare import prepare
from fetalflex.cli.refine import refine
from fetalflex.cli.stopping import terminated_as_interrupted
from fetalflex.cli.studio import studio
from fetalflex.cli.study import study
from fetalflex.cli.train import train
from fetalflex.cli.typed_edits import EditCommand
from fetalflex.cli.wrong_values import wrong_value
from fetalflex.errors import FetalFlexError, OtherProcessFailed

_SURROUNDINGS = frozenset(
    getattr(errno, name)
    for name in (
        *("EACCES", "EPERM", "EROFS"),
        *("ENOSPC", "EDQUOT", "EFBIG", "EIO", "ESTALE", "EMFILE", "ENFILE"),
        *("ENAMETOOLONG", "ENOTDIR", "EISDIR", "EEXIST", "ELOOP"),
    )
    if hasattr(errno, name)
)
"""Errors of the machine rather than of the code: permissions, full and broken disks, names."""


class _Commands(TyperGroup):
    """Run a command and say in one line what stopped it; unexpected errors keep their traceback."""

    def invoke(self, ctx: Any) -> Any:
        try:
            with terminated_as_interrupted():
                return super().invoke(ctx)
        except FetalFlexError as error:
            _stop(f"error: {error}", ExitCode.BAD_INPUT, error)
        except typer.BadParameter as error:
            if (message := wrong_value(error)) is None:
                raise
            _stop(f"error: {message}", ExitCode.BAD_INPUT, error)
        except FloatingPointError as error:
            _stop(f"error: training diverged: {error}", ExitCode.DIVERGED, error)
        except OtherProcessFailed as error:
            raise typer.Exit(1) from error
        except KeyboardInterrupt as error:
            _stop("interrupted", ExitCode.INTERRUPTED, error)
        except MemoryError as error:
            _stop("error: there is not enough memory for this; give smaller or fewer files", ExitCode.BAD_INPUT, error)
        except OSError as error:
            if error.errno == errno.ENOENT and not _has_working_directory():
                told = "error: the working directory no longer exists; change to one that does"
                _stop(told, ExitCode.BAD_INPUT, error)
            if error.errno not in _SURROUNDINGS:
                raise
            where = f"{error.filename}: " if error.filename else ""
            _stop(f"error: {where}{error.strerror}", ExitCode.BAD_INPUT, error)


def _has_working_directory() -> bool:
    try:
        return Path.cwd().is_dir()
    except OSError:
        return False


def _stop(message: str, exit_code: ExitCode, cause: BaseException) -> None:
    """Print a message as one line of printable characters on stderr, and leave with the exit code."""
    line = "".join(letter if letter.isprintable() else " " for letter in message)
    typer.echo(" ".join(line.split()), err=True)
    raise typer.Exit(exit_code) from cause


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"fetalflex {__version__}")
        raise typer.Exit


app = typer.Typer(cls=_Commands, no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and stop.")
    ] = False,
) -> None:
    """Synthesise fetal ultrasound images under anatomical control. For research and education, not for diagnosis."""


app.command()(prepare)
app.command()(pack)
app.command()(init)
app.command()(detect)
app.command()(export)
app.command()(train)
app.command()(generate)
app.command(cls=EditCommand)(edit)
app.command()(refine)
app.command()(layout)
app.command()(measure)
app.command()(grow)
app.command()(planes)
app.add_typer(anomaly, name="anomaly")
app.command()(counterfactual)
app.command()(augment)
app.command()(evaluate)
app.command()(evaluate_detector)
app.add_typer(experiment, name="experiment")
app.add_typer(study, name="study")
app.command()(studio)
app.command()(info)
app.command()(demo)


def _print_whatever_names_hold() -> None:
    """Let output spell out what its encoding lacks, such as file names that are not UTF-8, and not fail there."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="backslashreplace")


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line, and exit.

    The status is 0 or an `ExitCode`; an unexpected error keeps its traceback.

    Args:
        argv: Arguments without the program's name; those of the process if None.
    """
    _print_whatever_names_hold()
    try:
        typer.main.get_command(app).main(args=None if argv is None else list(argv), prog_name="fetalflex")
    except KeyboardInterrupt:  # between the commands' own blocks
        typer.echo("interrupted", err=True)
        sys.exit(ExitCode.INTERRUPTED)

"""`fetalflex study`: let readers judge images without knowing how they were made."""

from __future__ import annotations

import typer

from fetalflex.cli.study_create import create
from fetalflex.cli.study_report import report
from fetalflex.cli.study_run import run

study = typer.Typer(no_args_is_help=True, rich_markup_mode=None)


@study.callback()
def _study() -> None:
    """Let readers judge images without knowing how they were made.

    create makes a study folder, run serves it to the readers, report says what came out. For research only.
    """


study.command()(create)
study.command()(run)
study.command()(report)

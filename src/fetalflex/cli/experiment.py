"""`fetalflex experiment`: tables and figures, each by one command."""

from __future__ import annotations

import typer

from fetalflex.cli.ablation import ablation

experiment = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Make the tables and figures that show what the method is worth."
)
experiment.command()(ablation)

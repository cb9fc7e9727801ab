"""`fetalflex experiment`: figures and tables that show what a model does, each by one command."""

from __future__ import annotations

import typer

from fetalflex.cli.abilities import abilities
from fetalflex.cli.ablation import ablation
from fetalflex.cli.anomaly_sheets import anomalies
from fetalflex.cli.names import names
from fetalflex.cli.prompts import prompts
from fetalflex.cli.strengths import strengths

experiment = typer.Typer(no_args_is_help=True, rich_markup_mode=None)


@experiment.callback()
def _experiment() -> None:
    """Make figures and tables that show what a model does."""


experiment.command()(ablation)
experiment.command()(anomalies)
experiment.command()(names)
experiment.command()(prompts)
experiment.command()(abilities)
experiment.command()(strengths)

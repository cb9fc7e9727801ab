"""Print what a user should know of a request before it is computed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import typer

from fetalflex.anatomy import Layout
from fetalflex.request_notes import layout_notes, prompt_notes

if TYPE_CHECKING:
    from fetalflex.pipeline.pipeline import FetalFlexPipeline


def tell_of_prompts(pipeline: FetalFlexPipeline, model: str, *texts: str | None) -> None:
    """Print on stderr what a user should know who typed prompts; nothing if none was typed.

    Args:
        pipeline: The model.
        model: As the user named it.
        texts: Prompt and negative prompt, as typed.
    """
    for note in prompt_notes(pipeline, model, [text for text in texts if text]):
        typer.echo(f"note: {note}", err=True)


def tell_of_layouts(pipeline: FetalFlexPipeline, model: str, layouts: Iterable[Layout]) -> None:
    """Print on stderr which planes and structures of layouts the model has never learnt; nothing if it has all.

    Args:
        pipeline: The model.
        model: As the user named it.
        layouts: What is to be drawn.
    """
    for note in layout_notes(pipeline, model, layouts):
        typer.echo(f"note: {note}", err=True)

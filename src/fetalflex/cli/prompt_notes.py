"""What to tell of a typed prompt: words that the model has never learnt, and how much prompts change at all."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import typer

from fetalflex.abilities import abilities_of_named
from fetalflex.anatomy.prompts import words_beyond_prompts

if TYPE_CHECKING:
    from fetalflex.pipeline import FetalFlexPipeline

_LITTLE = 0.2


def tell_of_prompts(pipeline: FetalFlexPipeline, model: str, *texts: str | None) -> None:
    """Print on stderr what a user should know who typed prompts; nothing if none was typed.

    Args:
        pipeline: The model.
        model: As the user named it.
        texts: Prompt and negative prompt, as typed.
    """
    for note in prompt_notes(pipeline, model, [text for text in texts if text]):
        typer.echo(f"note: {note}", err=True)


def prompt_notes(pipeline: FetalFlexPipeline, model: str, texts: list[str]) -> Iterator[str]:
    """Yield the notes, see `tell_of_prompts`."""
    if not texts:
        return
    # A text encoder that brings its own table of word pieces has learnt more than our prompts.
    unlearnt = words_beyond_prompts(" ".join(texts), pipeline.registry) if _is_ours(pipeline) else ()
    if unlearnt:
        words = ", ".join(repr(word) for word in unlearnt)
        yield (
            f"no prompt that FetalFlex makes of a layout holds {words}; unless the model was trained on other prompts, "
            "it has never learnt what that means. Say by the layout what shall be there"
        )
    abilities = abilities_of_named(model)
    if abilities is not None and abilities.model == pipeline.identity and abilities.prompt is not None:
        measured = abilities.prompt
        if measured.share < _LITTLE:
            yield (
                f"prompts hardly change what this model draws: that of another plane changes the region by "
                f"{measured.change:.1f} grey levels, another seed by {measured.seed_change:.1f} (as measured)"
            )


def _is_ours(pipeline: FetalFlexPipeline) -> bool:
    return pipeline.components.config.text.pieces is None

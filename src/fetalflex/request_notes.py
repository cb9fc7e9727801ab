"""What a user should know of a request: words and structures that the model has never learnt, what prompts change."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from fetalflex.abilities import abilities_of_named
from fetalflex.anatomy import Layout, Registry, default_registry, model_registry
from fetalflex.anatomy.prompts import words_beyond_prompts
from fetalflex.errors import FetalFlexError
from fetalflex.models.locate import find_model

if TYPE_CHECKING:
    from fetalflex.pipeline.pipeline import FetalFlexPipeline

_LITTLE = 0.2


def prompt_notes(pipeline: FetalFlexPipeline, model: str, texts: list[str]) -> Iterator[str]:
    """Yield notes on prompts that a user typed.

    Args:
        pipeline: The model.
        model: As the user named it.
        texts: Prompt and negative prompt, as typed.
    """
    if not texts:
        return
    # A text encoder that brings its own table of word pieces has learnt more than our prompts.
    unlearnt = words_beyond_prompts(" ".join(texts), _own_registry(model)) if _is_ours(pipeline) else ()
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


def layout_notes(pipeline: FetalFlexPipeline, model: str, layouts: Iterable[Layout]) -> Iterator[str]:
    """Yield notes on planes and structures of layouts that the model has never learnt; none if it has learnt all.

    Args:
        pipeline: The model.
        model: As the user named it.
        layouts: What is to be drawn.
    """
    own, abilities = _own_registry(model), abilities_of_named(model)
    if abilities is not None and abilities.model != pipeline.identity:
        abilities = None
    # Models that show structures in channels of their own have one for each that they were trained on.
    channels = frozenset(pipeline.components.config.control.label_channels)
    planes, structures = {plane.name for plane in own.planes}, {one.name for one in own.structures}
    asked = sorted({(layout.plane, name) for layout in layouts for name in layout.names() or ("",)})
    unknown_planes = list(dict.fromkeys(plane for plane, _ in asked if plane not in planes))
    unlearnt = []
    for plane, name in asked:
        ability = None if abilities is None else abilities.structure(plane, name)
        is_learnt = name in structures and (not channels or name in channels)
        if name and not (is_learnt and (ability is None or ability.training_images)):
            unlearnt.append(name)
    unknown = [*(f"the plane {name}" for name in unknown_planes), *dict.fromkeys(unlearnt)]
    if unknown:
        yield (
            f"this model has never learnt {', '.join(unknown)}: no training image has it, so what is drawn "
            "there is chance; train the model on images that show it"
        )


def _own_registry(model: str) -> Registry:
    """Return the planes and structures that a model was trained with, without those that a user has added since."""
    try:
        return model_registry(find_model(model))
    except FetalFlexError:
        return default_registry()

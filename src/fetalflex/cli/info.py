"""`fetalflex info`: what a model costs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from fetalflex.cli.options import AsJson
from fetalflex.errors import FetalFlexError
from fetalflex.files.json_files import JsonObject

if TYPE_CHECKING:
    from fetalflex.models.components import Components

_TITLES = {
    "text_encoder": "text encoder, per prompt",
    "vae_encoder": "VAE encoder, per image or layout map",
    "condition": "pre-alignment and projection, per image",
    "unet": "U-Net, per step",
    "controlnet": "ControlNet, per step",
    "vae_decoder": "VAE decoder, per image",
}


def info(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="Model folder, name of one in weights/, or preset.")
    ] = "mini",
    as_json: AsJson = False,
) -> None:
    """Show what a model costs to run.

    Parameters and floating-point operations are shown part by part. 1 multiply-add counts as 2 FLOPs. Guidance on the
    prompt or the layout takes two or three passes per step.
    """
    components, identity = _load_or_build(model)

    from fetalflex.models.flops import CONVENTION, measure_cost

    cost = measure_cost(components)
    facts = {
        "model": model,
        "identity": identity,
        "image_size": components.config.image_size,
        "convention": CONVENTION,
        "parts": {name: {"parameters": part.parameters, "flops": part.flops} for name, part in cost.parts.items()},
        "parameters": cost.parameters,
        "flops_per_step": cost.step_flops,
    }
    typer.echo(json.dumps(facts, indent=2) if as_json else _as_text(facts))


def _load_or_build(model: str) -> tuple[Components, str | None]:
    """Return the model of that name and its identity, or a preset without weights and None."""
    from fetalflex.models.configs import PRESETS
    from fetalflex.models.locate import find_model

    try:
        folder = find_model(model)
    except FetalFlexError as error:
        if model not in PRESETS:
            raise FetalFlexError(f"{error}; or name a preset: {', '.join(sorted(PRESETS))}") from error

        import torch

        from fetalflex.anatomy import default_registry, prompt_corpus
        from fetalflex.models.build import build_components

        with torch.device("meta"):  # shapes alone, so that a preset of any size is quick
            return build_components(PRESETS[model], prompt_corpus(default_registry())), None

    from fetalflex.models.components import Components, model_identity

    components = Components.load(folder)
    return components, model_identity(components)


def _as_text(facts: JsonObject) -> str:
    source = f"model {facts['identity']}" if facts["identity"] else f"preset {facts['model']}, untrained"
    rows = [(_TITLES[name], part["parameters"], part["flops"]) for name, part in facts["parts"].items()]
    width = max(len(title) for title, _, _ in rows)
    lines = [f"{source}, {facts['image_size']} px", "", f"{'':{width}}  {'parameters':>12}  {'GFLOP':>8}"]
    lines += [f"{title:{width}}  {size:>12,}  {flops / 1e9:>8.3f}" for title, size, flops in rows]
    lines += ["", f"{'all parameters':{width}}  {facts['parameters']:>12,}"]
    lines += [f"{'one denoising step':{width}}  {'':>12}  {facts['flops_per_step'] / 1e9:>8.3f}"]
    return "\n".join([*lines, "", facts["convention"]])

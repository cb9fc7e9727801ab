"""`fetalflex init`: a model of the paper's size, made of published parts."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fetalflex.cli.locking import keep_for_this_command
from fetalflex.cli.options import AsJson, RegistryFile
from fetalflex.cli.show import progress_console
from fetalflex.errors import FetalFlexError
from fetalflex.files.json_files import JsonObject

if TYPE_CHECKING:
    from fetalflex.models.assemble import Assembly


class Preset(StrEnum):
    """The presets that are made of published parts; the others are trained from nothing by `fetalflex train`."""

    SD15 = "sd15"


_SOURCE = "folder, .safetensors or name on the hub"


def _source(option: str, what: str, kinds: str = _SOURCE) -> Any:
    return typer.Option(option, metavar="SOURCE", help=f"{what}: {kinds}.", show_default=False)


def init(
    folder: Annotated[Path, typer.Argument(metavar="MODEL_DIR", help="Model folder to write.", show_default=False)],
    preset: Annotated[Preset, typer.Option("--preset", help="Size of the model.")] = Preset.SD15,
    unet: Annotated[str | None, _source("--unet", "Denoiser in place of Stable Diffusion 1.5's")] = None,
    vae: Annotated[str | None, _source("--vae", "Autoencoder in place of Stable Diffusion 1.5's")] = None,
    text_encoder: Annotated[
        str | None, _source("--text-encoder", "BERT in place of PubMedBERT", "folder or name on the hub")
    ] = None,
    controlnet: Annotated[str | None, _source("--controlnet", "Published ControlNet to start from")] = None,
    from_unet: Annotated[
        bool, typer.Option("--from-unet", help="Start the ControlNet from the U-Net's encoder instead.")
    ] = False,
    scheduler: Annotated[
        str | None,
        _source("--scheduler", "Noise schedule in place of the one beside the U-Net", "folder or name on the hub"),
    ] = None,
    image_size: Annotated[
        int | None,
        typer.Option("--image-size", min=16, max=1024, help="Pixels; the U-Net's own by default.", show_default=False),
    ] = None,
    max_tokens: Annotated[int, typer.Option("--max-tokens", min=8, max=512, help="Length of prompts, in tokens.")] = 77,
    seed: Annotated[int, typer.Option("--seed", min=0, max=2**32 - 1, help="Seed of the new weights.")] = 0,
    download: Annotated[
        bool, typer.Option("--download", help="Fetch from the hub what is not in the local cache.")
    ] = False,
    registry_file: RegistryFile = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a model folder that is there.")] = False,
    as_json: AsJson = False,
) -> None:
    """Make a model of the paper's size from published weights, for `fetalflex train control` to start from.

    Parts that are not named are taken from the local hub cache: Stable Diffusion 1.5, PubMedBERT and a published
    ControlNet. Nothing is fetched without --download. Weights are read from safetensors only.
    """
    if controlnet is not None and from_unet:
        raise FetalFlexError("--controlnet and --from-unet both say what the ControlNet starts from; give one of them")
    from fetalflex.cli.inputs import load_registry
    from fetalflex.files import check_replaceable
    from fetalflex.models.assemble import assemble
    from fetalflex.models.configs import get_preset
    from fetalflex.models.folder_kind import MODEL
    from fetalflex.models.sources import ModelSources

    keep_for_this_command(folder)
    check_replaceable(folder, MODEL, force)
    registry = load_registry(registry_file)
    named = {"unet": unet, "vae": vae, "text_encoder": text_encoder, "controlnet": controlnet, "scheduler": scheduler}
    given = {part: source for part, source in named.items() if source is not None}
    sources = ModelSources(**given | ({"controlnet": None} if from_unet else {}))
    with progress_console().status("putting the model together"):
        made = assemble(sources, get_preset(preset.value), image_size, max_tokens, download, seed)
        made.components.planes = registry.to_yaml()
        made.components.save(folder)
    for warning in made.warnings:
        typer.echo(f"warning: {warning}", err=True)
    facts = _facts(folder, made)
    typer.echo(json.dumps(facts, indent=2) if as_json else _as_text(facts))


def _facts(folder: Path, made: Assembly) -> JsonObject:
    from fetalflex.models.components import model_identity

    return {
        "folder": str(folder),
        "identity": model_identity(made.components),
        "image_size": made.components.config.image_size,
        "parameters": sum(made.components.parameter_count().values()),
        "origins": {part: str(path) for part, path in made.origins.items()},
        "warnings": list(made.warnings),
    }


def _as_text(facts: JsonObject) -> str:
    width = max(len(part) for part in facts["origins"])
    lines = [f"{part:{width}}  {path}" for part, path in facts["origins"].items()]
    size = f"{facts['image_size']} px, {facts['parameters']:,} parameters"
    return "\n".join([*lines, "", f"wrote {facts['folder']}: {facts['identity']}, {size}"])

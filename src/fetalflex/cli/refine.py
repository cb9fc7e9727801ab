"""`fetalflex refine`: work out organs of a draft once more (OSM)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fetalflex.cli import options
from fetalflex.cli.sampling_options import DEFAULTS, SamplingOptions, with_sampling_options
from fetalflex.cli.show import progress_bar
from fetalflex.errors import FetalFlexError


@with_sampling_options
def refine(
    draft: Annotated[Path, typer.Argument(metavar="DRAFT", help="Image to refine, from this program or any other.")],
    layout: Annotated[Path, typer.Option("--layout", help="Layout file: what the result shows.")],
    masks: Annotated[
        list[Path],
        typer.Option(
            "--mask",
            metavar="ORGAN.png",
            help="Where an organ is, as a two-valued image of the draft's size; given several times, all are "
            "refined in one pass.",
        ),
    ],
    out: Annotated[Path, typer.Option("--out", metavar="OUT.png", help="Image file to write.")],
    strength: Annotated[
        float,
        typer.Option(
            "--strength",
            min=0.01,
            max=1,
            help="Share of the steps that is gone: little keeps the draft's structure, 1 forgets it.",
        ),
    ] = 0.6,
    model: options.Model = "mini",
    prompt: options.Prompt = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of the noise.")] = 0,
    negative_prompt: options.NegativePrompt = None,
    sampling: SamplingOptions = DEFAULTS,
    device: options.Device = "auto",
    registry_file: options.RegistryFile = None,
    force: options.Force = False,
) -> None:
    """Refine organs of a draft.

    Inside the masks the draft is noised as far as --strength says and denoised under prompt and layout; every pixel
    outside stays as it was. The layout is written beside the image, as OUT.layout.json.
    """
    import numpy as np

    from fetalflex.cli import inputs
    from fetalflex.cli.jobs import check_outputs
    from fetalflex.data import read_image

    if out.suffix.lower() != ".png":
        raise FetalFlexError(f"--out {out} does not end in .png")
    settings = sampling.settings() | {
        "prompt": prompt,
        "negative_prompt": negative_prompt,
        "strength": strength,
        "seed": seed,
    }
    registry = inputs.load_registry(registry_file, model)
    shown = inputs.load_layout(layout, registry)
    pixels = read_image(draft)
    inputs.check_shape(pixels, str(draft), shown, str(layout))
    organs = [inputs.read_mask(path) for path in masks]
    for organ, path in zip(organs, masks, strict=True):
        inputs.check_shape(organ, str(path), shown, str(layout))
    outputs = [out, out.with_suffix(".layout.json")]
    check_outputs(outputs, [draft, layout, *masks], force)

    pipeline = inputs.load_pipeline(model, registry, device)
    with progress_bar("refining", 100) as show:
        settings["callback"] = lambda _, step: show(100 * (step.index + 1) / step.count)
        synthesis = pipeline.refine(pixels, shown, np.stack(organs), **settings)
    synthesis.save(out, force=force)
    typer.echo(f"wrote {', '.join(map(str, outputs))}")

"""Options that several commands share."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import typer


class Roi(str, Enum):
    """How the region to synthesise follows from a layout."""

    AUTO = "auto"
    OUTLINE = "outline"
    STRUCTURES = "structures"
    FULL = "full"


Model = Annotated[
    str, typer.Option("--model", help="Model folder, or the name of one in weights/.", metavar="NAME_OR_FOLDER")
]
Prompt = Annotated[
    str | None, typer.Option("--prompt", help="Text in place of the prompt made from the layout.", show_default=False)
]
RoiMode = Annotated[
    Roi | None,
    typer.Option(
        "--roi",
        help="Region to synthesise; the rest is kept from the source image. outline is the plane's outline, structures "
        "are all boxes with a margin, full is the whole image, auto is the outline if there is one, else structures.",
        show_default="auto",
    ),
]
Mask = Annotated[
    Path | None,
    typer.Option(
        "--mask",
        help="Region to synthesise as a two-valued image of the layout's size, in place of --roi: black is kept, the "
        "other value is synthesised.",
        show_default=False,
    ),
]
Steps = Annotated[int, typer.Option("--steps", min=1, help="Denoising steps.")]
Eta = Annotated[float, typer.Option("--eta", min=0, max=1, help="0 is deterministic DDIM, 1 is ancestral sampling.")]
GuidancePrompt = Annotated[
    float, typer.Option("--guidance-prompt", min=0, max=30, help="How strongly the prompt pulls; 1 is off.")
]
GuidanceLayout = Annotated[
    float, typer.Option("--guidance-layout", min=0, max=30, help="How strongly the layout pulls; 1 is off.")
]
Feather = Annotated[
    int,
    typer.Option(
        "--feather", min=0, help="Width in pixels, inside the region, over which synthesis and source are blended."
    ),
]
Device = Annotated[str, typer.Option("--device", help="auto, cpu or cuda; auto takes a GPU if there is one.")]
RegistryFile = Annotated[
    Path | None,
    typer.Option(
        "--registry", help="YAML file with planes and structures beside the built-in ones.", show_default=False
    ),
]
Force = Annotated[bool, typer.Option("--force", help="Replace files that are there.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


def sampling_settings(
    steps: int, eta: float, guidance_prompt: float, guidance_layout: float, feather: int
) -> dict[str, Any]:
    """Return the sampling options as the pipeline takes them."""
    from fetalflex.diffusion.guidance import Guidance

    guidance = Guidance(prompt=guidance_prompt, layout=guidance_layout)
    return {"steps": steps, "eta": eta, "guidance": guidance, "feather": feather}

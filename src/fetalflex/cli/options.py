"""Options that several commands share."""

from __future__ import annotations

import re
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fetalflex.errors import FetalFlexError

if TYPE_CHECKING:
    from fetalflex.diffusion.resampling import Resampling


DEFAULT_GUIDANCE_LAYOUT = 2.0
DEFAULT_GUIDANCE_EDIT = 1.0
"""Those of the pipeline, named again because importing them there takes seconds."""


class Roi(str, Enum):
    """How the region to synthesise follows from a layout."""

    AUTO = "auto"
    OUTLINE = "outline"
    BOX = "box"
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
        help="Region to synthesise; the rest is kept from the source image. outline is the ellipse in the box of the "
        "plane's outline, structures are all boxes with a margin, full is the whole image, auto is the outline if "
        "there is one, else structures, box the same with the outline's box in place of the ellipse.",
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
SamplerName = Annotated[
    str, typer.Option("--sampler", help="ddim, or the faster converging dpm++ or unipc, good from about 10 steps on.")
]
NegativePrompt = Annotated[
    str | None,
    typer.Option(
        "--negative-prompt",
        help="Text to steer away from; takes effect with --guidance-prompt above 1.",
        show_default=False,
    ),
]
Ssa = Annotated[
    bool,
    typer.Option("--ssa", help="Smooth structures by anisotropic diffusion inside the sampling loop, keeping edges."),
]
SsaWeight = Annotated[
    float, typer.Option("--ssa-weight", min=0, max=1, help="With --ssa, how strongly it smooths at high noise.")
]
Resample = Annotated[
    str | None,
    typer.Option(
        "--resample",
        metavar="JUMPxREPEATS",
        help="Go each stretch of JUMP steps REPEATS times, as RePaint does: 5x3. Takes REPEATS times as long.",
        show_default=False,
    ),
]
Eta = Annotated[float, typer.Option("--eta", min=0, max=1, help="0 is deterministic DDIM, 1 is ancestral sampling.")]
GuidancePrompt = Annotated[
    float, typer.Option("--guidance-prompt", min=0, max=30, help="How strongly the prompt pulls; 1 is off.")
]
GuidanceLayout = Annotated[
    float, typer.Option("--guidance-layout", min=0, max=30, help="How strongly the layout pulls; 1 is off.")
]
GuidanceEdit = Annotated[
    float,
    typer.Option("--guidance-edit", min=0, max=30, help="How strongly what an edit has changed pulls; 0 is off."),
]
Feather = Annotated[
    int,
    typer.Option(
        "--feather", min=0, help="Width in pixels, inside the region, over which synthesis and source are blended."
    ),
]
WholeImage = Annotated[
    bool,
    typer.Option(
        "--whole-image",
        help="Show the model the whole source image; else it sees the image round anatomy and region alone, enlarged, "
        "so that small anatomy gets detail.",
    ),
]
Precision = Annotated[
    str,
    typer.Option(
        "--precision", help="fp32, or bf16, which is faster on hardware that knows it; images differ by a little."
    ),
]
Device = Annotated[str, typer.Option("--device", help="auto, cpu or cuda; auto takes a GPU if there is one.")]
RegistryFile = Annotated[
    Path | None,
    typer.Option(
        "--registry", help="YAML file with planes and structures beside the built-in ones.", show_default=False
    ),
]
PixelSpacing = Annotated[
    float | None,
    typer.Option(
        "--pixel-spacing", metavar="MM", help="Side of a pixel, for layouts that do not state it.", show_default=False
    ),
]
Force = Annotated[bool, typer.Option("--force", help="Replace files that are there.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


def was_given(context: typer.Context, name: str) -> bool:
    """Say whether an option stands on the command line, even if with its default value."""
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def sampling_settings(
    sampler: str,
    steps: int,
    eta: float,
    guidance_prompt: float,
    guidance_layout: float,
    ssa: bool,
    ssa_weight: float,
    resample: str | None,
    feather: int,
    whole_image: bool,
    precision: str,
    guidance_edit: float = 0.0,
) -> dict[str, Any]:
    """Return the sampling options as the pipeline takes them.

    Raises:
        FetalFlexError: If one is out of range, or two do not go together.
    """
    from fetalflex.diffusion.anisotropic import Smoothing
    from fetalflex.diffusion.guidance import Guidance
    from fetalflex.sampling_settings import SamplingSettings

    settings: dict[str, Any] = {
        "sampler": sampler,
        "steps": steps,
        "eta": eta,
        "guidance": Guidance(guidance_prompt, guidance_layout, guidance_edit),
        "smoothing": Smoothing(weight=ssa_weight) if ssa else None,
        "resampling": None if resample is None else _resampling(resample),
        "feather": feather,
        "close_up": not whole_image,
        "precision": precision,
    }
    SamplingSettings(**settings)  # refuses what does not fit before a model is loaded
    return settings


def _resampling(text: str) -> Resampling:
    from fetalflex.diffusion.resampling import Resampling

    match = re.fullmatch(r"\s*([0-9]{1,4})\s*[x×]\s*([0-9]{1,4})\s*", text)
    if match is None:
        raise FetalFlexError(f"--resample is {text!r}; give two whole numbers, as in 5x3")
    return Resampling(int(match[1]), int(match[2]))

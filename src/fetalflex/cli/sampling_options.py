"""The sampling options that several commands share, and the settings that they make."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from functools import wraps
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from fetalflex.cli.options import GuidanceLayout, Steps
from fetalflex.errors import FetalFlexError

if TYPE_CHECKING:
    from fetalflex.diffusion.anisotropic import Smoothing
    from fetalflex.diffusion.resampling import Resampling

_PARAMETER = "sampling"


@dataclass(frozen=True)
class SamplingOptions:
    """Hold what was typed about sampling; a command's own defaults are those of its parameter `sampling`.

    Where `guidance_edit` is None by default, the command edits nothing and does not offer it. The guidance's defaults
    are those of the pipeline, named again because importing them there takes seconds.
    """

    sampler: Annotated[
        str,
        typer.Option(
            "--sampler", help="ddim, or dpm++ or unipc, which converge faster and are good from about 10 steps."
        ),
    ] = "ddim"
    steps: Steps = 20
    eta: Annotated[
        float, typer.Option("--eta", min=0, max=1, help="0 is deterministic DDIM, 1 is ancestral sampling.")
    ] = 0.0
    guidance_prompt: Annotated[
        float,
        typer.Option(
            "--guidance-prompt", min=0, max=30, help="Weight of classifier-free guidance on the prompt; 1 is off."
        ),
    ] = 1.0
    guidance_layout: GuidanceLayout = 2.0
    guidance_edit: Annotated[
        float | None,
        typer.Option("--guidance-edit", min=0, max=30, help="Weight of guidance on what an edit changes; 0 is off."),
    ] = None
    ssa: Annotated[
        bool,
        typer.Option(
            "--ssa", help="Smooth structures by anisotropic diffusion inside the sampling loop, keeping edges."
        ),
    ] = False
    ssa_weight: Annotated[
        float, typer.Option("--ssa-weight", min=0, max=1, help="With --ssa: how strongly it smooths at high noise.")
    ] = 1.0
    ssa_paper: Annotated[
        bool,
        typer.Option(
            "--ssa-paper",
            help="SSA as in the paper: smooth the noisy latent itself, equally at every step.",
        ),
    ] = False
    resample: Annotated[
        str | None,
        typer.Option(
            "--resample",
            metavar="JUMPxREPEATS",
            help="RePaint's resampling: denoise each stretch of JUMP steps REPEATS times, as in 5x3. Takes REPEATS "
            "times as long.",
            show_default=False,
        ),
    ] = None
    finish: Annotated[
        bool,
        typer.Option(
            "--finish/--no-finish", help="Fit the region into its image; otherwise it is pasted with a hard rim."
        ),
    ] = True
    membrane: Annotated[
        bool,
        typer.Option(
            "--membrane/--no-membrane", help="Continue the grey difference at the rim into the region, fading out."
        ),
    ] = True
    tone: Annotated[
        bool,
        typer.Option("--tone/--no-tone", help="Match the brightness of a large region to the tissue around it."),
    ] = True
    texture: Annotated[
        bool,
        typer.Option(
            "--texture/--no-texture", help="Add the fine grain that the model cannot draw, taken from the image itself."
        ),
    ] = True
    feather: Annotated[
        int | None,
        typer.Option(
            "--feather",
            min=0,
            help="Width in pixels, inside the region, over which synthesis and source are blended; chosen to suit the "
            "region by default.",
            show_default=False,
        ),
    ] = None
    whole_image: Annotated[
        bool,
        typer.Option(
            "--whole-image",
            help="Show the model the whole source image; by default it sees a close-up of anatomy and region, so that "
            "small anatomy gets detail.",
        ),
    ] = False
    precision: Annotated[
        str,
        typer.Option(
            "--precision", help="fp32, or bf16, which is faster on hardware that supports it; images differ slightly."
        ),
    ] = "fp32"

    def settings(self) -> dict[str, Any]:
        """Return the options as the pipeline takes them.

        Raises:
            FetalFlexError: If one is out of range, or two do not go together.
        """
        from fetalflex.diffusion.guidance import Guidance
        from fetalflex.finishing import Finishing
        from fetalflex.pipeline.sampling import SamplingSettings

        settings: dict[str, Any] = {
            "sampler": self.sampler,
            "steps": self.steps,
            "eta": self.eta,
            "guidance": Guidance(self.guidance_prompt, self.guidance_layout, self.guidance_edit or 0.0),
            "smoothing": self._smoothing(),
            "resampling": None if self.resample is None else _resampling(self.resample),
            "finishing": Finishing.chosen(
                self.finish, membrane=self.membrane, tone=self.tone, texture=self.texture, feather=self.feather
            ),
            "close_up": not self.whole_image,
            "precision": self.precision,
        }
        SamplingSettings(**settings)  # refuses what does not fit before a model is loaded
        return settings

    def _smoothing(self) -> Smoothing | None:
        from fetalflex.diffusion.anisotropic import Smoothing

        if self.ssa_paper:
            return Smoothing(weight=self.ssa_weight, decay=0.0, smoothed="latent")
        return Smoothing(weight=self.ssa_weight) if self.ssa else None


DEFAULTS = SamplingOptions()
DEFAULTS_OF_EDITS = SamplingOptions(guidance_edit=1.0)


def with_sampling_options(command: Callable[..., None]) -> Callable[..., None]:
    """Return a command that offers each sampling option by itself, and gets them as one `SamplingOptions`.

    Args:
        command: Has a parameter `sampling`, whose default holds the options' defaults; they stand in its place.
    """
    signature = inspect.signature(command)
    hints = get_type_hints(command, include_extras=True)
    defaults = asdict(signature.parameters[_PARAMETER].default)
    option_hints = get_type_hints(SamplingOptions, include_extras=True)
    without = "guidance_edit" if defaults["guidance_edit"] is None else None
    offered = [one.name for one in fields(SamplingOptions) if one.name != without]
    parameters: list[inspect.Parameter] = []
    for name, parameter in signature.parameters.items():
        if name == _PARAMETER:
            parameters += [parameter.replace(name=one, default=defaults[one]) for one in offered]
        else:
            parameters.append(parameter)
    annotations = {one.name: (option_hints | hints)[one.name] for one in parameters}

    @wraps(command)
    def run(**given: Any) -> None:
        typed = {name: given.pop(name) for name in offered}
        command(**given, **{_PARAMETER: SamplingOptions(**typed)})

    run.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=[one.replace(annotation=annotations[one.name]) for one in parameters]
    )
    run.__annotations__ = annotations
    return run


def _resampling(text: str) -> Resampling:
    from fetalflex.diffusion.resampling import Resampling

    match = re.fullmatch(r"\s*([0-9]{1,4})\s*[x×]\s*([0-9]{1,4})\s*", text)
    if match is None:
        raise FetalFlexError(f"--resample is {text!r}; give two whole numbers, as in 5x3")
    return Resampling(int(match[1]), int(match[2]))

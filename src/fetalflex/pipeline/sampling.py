"""How an image is sampled, checked once and recorded with the image."""

from __future__ import annotations

from dataclasses import asdict, astuple, dataclass, fields
from typing import Any, get_args

from fetalflex.anatomy import CloseUp
from fetalflex.checks import finite_number, one_of, positive_number, shown, whole_number
from fetalflex.compute.precision import Precision
from fetalflex.diffusion.anisotropic import Smoothing
from fetalflex.diffusion.guidance import DEFAULT_GUIDANCE, Guidance
from fetalflex.diffusion.resampling import Resampling, with_resampling
from fetalflex.diffusion.samplers import choose_sampler
from fetalflex.diffusion.sampling import Sampler
from fetalflex.diffusion.schedule import NoiseSchedule
from fetalflex.errors import FetalFlexError
from fetalflex.finishing import DEFAULT_FINISHING, Finishing


@dataclass(frozen=True)
class SamplingSettings:
    """Hold everything about sampling that is not about one image.

    Args:
        sampler: `ddim`, `dpm++` or `unipc`.
        steps: Denoising steps from pure noise on.
        eta: 0 is deterministic, 1 ancestral sampling; DDIM only.
        guidance: Weights of prompt, layout and edit.
        smoothing: SSA's anisotropic diffusion; None is off.
        resampling: RePaint's going back and forth; None is off.
        strength: Share of the steps that is gone, starting at the source image noised so far; 1 starts at pure noise.
        finishing: How the region is fitted into the image: see `Finishing`.
        close_up: Work on the image round anatomy and ROI alone, enlarged to the canvas, if there is an image; or on
            this part of it.
        precision: `bf16` runs the networks in bfloat16 where that is safe: faster where the hardware knows it, and
            images differ by a few grey levels. What lies between the networks is float32 in any case.

    Raises:
        FetalFlexError: If a value is out of range, or two do not go together.
    """

    sampler: str = "ddim"
    steps: int = 20
    eta: float = 0.0
    guidance: Guidance = DEFAULT_GUIDANCE
    smoothing: Smoothing | None = None
    resampling: Resampling | None = None
    strength: float = 1.0
    finishing: Finishing = DEFAULT_FINISHING
    close_up: bool | CloseUp = True
    precision: Precision = "fp32"

    def __post_init__(self) -> None:
        whole_number(self.steps, "steps", 1, 1_000_000)
        if positive_number(self.strength, "strength") > 1:
            raise FetalFlexError(f"strength is {self.strength}; choose a number above 0 and up to 1")
        if not isinstance(self.finishing, Finishing):
            raise FetalFlexError(f"finishing is {shown(self.finishing)}; give a Finishing, or Finishing.off()")
        one_of(self.precision, "precision", get_args(Precision))
        self.choose()

    def choose(self) -> Sampler:
        """Return the sampler, with resampling if asked for."""
        sampler = choose_sampler(self.sampler, finite_number(self.eta, "eta"))
        return sampler if self.resampling is None else with_resampling(sampler, self.resampling)

    def timesteps(self, schedule: NoiseSchedule) -> list[int]:
        """Return the time steps to go, from noisy to clean; at least one.

        Raises:
            FetalFlexError: If there are more steps than the model's schedule has.
        """
        every = schedule.timesteps(self.steps)
        return every[len(every) - max(1, round(self.strength * len(every))) :]

    def options(self) -> dict[str, Any]:
        """Return the settings as `FetalFlexPipeline` takes them; `strength` is `refine`'s own and left out."""
        return {one.name: getattr(self, one.name) for one in fields(self) if one.name != "strength"}

    @property
    def draws_noise(self) -> bool:
        """Say whether noise is drawn on the way even without a background."""
        return self.eta > 0 or self.resampling is not None

    def record(self) -> dict[str, Any]:
        """Return the settings as plain values, those that are off left out."""
        record: dict[str, Any] = {"sampler": self.sampler, "steps": int(self.steps), "eta": float(self.eta)}
        record |= {
            "finishing": self.finishing.record(),
            "prompt_guidance": self.guidance.prompt,
            "layout_guidance": self.guidance.layout,
            "close_up": list(astuple(self.close_up)) if isinstance(self.close_up, CloseUp) else bool(self.close_up),
        }
        if self.precision != "fp32":
            record["precision"] = self.precision
        if self.guidance.edit:
            record["edit_guidance"] = self.guidance.edit
        if self.strength != 1.0:
            record["strength"] = float(self.strength)
        for name in ("smoothing", "resampling"):
            if (value := getattr(self, name)) is not None:
                record[name] = asdict(value)
        return record

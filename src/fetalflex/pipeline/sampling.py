"""How images are sampled: one value, checked once, used from the command line to the metadata of an image."""

from __future__ import annotations

from dataclasses import asdict, astuple, dataclass, field, fields
from dataclasses import replace as replace_fields
from typing import TYPE_CHECKING, TypedDict, Unpack, get_args

from fetalflex.checks import one_of, positive_number, shown, whole_number
from fetalflex.compute.precision import Precision
from fetalflex.diffusion.guidance import Guidance
from fetalflex.diffusion.samplers import SamplerName, check_sampler
from fetalflex.display import changes_repr
from fetalflex.errors import FetalFlexError
from fetalflex.files.json_files import JsonObject
from fetalflex.finishing import Finishing
from fetalflex.pipeline.option_names import explain_fields

if TYPE_CHECKING:
    from fetalflex.anatomy import CloseUp
    from fetalflex.diffusion.resampling import Resampling
    from fetalflex.diffusion.schedule import NoiseSchedule
    from fetalflex.diffusion.smoothing import Smoothing

REFINEMENT_STRENGTH = 0.6
"""Strength of a refinement that names none: the organ keeps its structure, and is drawn anew in detail."""

_MOST_STEPS = 1000


class _Changes(TypedDict, total=False):
    """What `Sampling.replace` takes: the fields of `Sampling`, for type checkers; a test compares the two."""

    sampler: SamplerName
    steps: int
    eta: float
    guidance: Guidance
    smoothing: Smoothing | None
    resampling: Resampling | None
    strength: float | None
    finishing: Finishing
    close_up: bool | CloseUp
    precision: Precision


@explain_fields
@dataclass(frozen=True, kw_only=True, repr=False)
class Sampling:
    """How images are sampled: everything that is not about one image.

    Example:
        >>> sampling = Sampling(steps=30, guidance=Guidance(layout=3))
        >>> sampling.replace(sampler="unipc")
        Sampling(sampler='unipc', steps=30, guidance=Guidance(prompt=1.0, layout=3, edit=1.0))

    Args:
        sampler: ddim, or dpm++ or unipc, which converge faster and are good from about 10 steps.
        steps: Denoising steps.
        eta: 0 is deterministic, 1 is ancestral sampling; ddim only.
        guidance: Weights of prompt, layout and edit.
        smoothing: Smooth structures by anisotropic diffusion inside the sampling loop, keeping edges (SSA); None is
            off.
        resampling: RePaint's resampling, which joins region and background; None is off.
        strength: Fraction of the denoising schedule to run, in (0, 1]. The source is first noised to that level: small
            values keep its structure, 1 starts from pure noise. By default 1, and 0.6 where a draft is refined.
        finishing: How the region is fitted into the image.
        close_up: Show the model the image round anatomy and region alone, enlarged to its canvas, so that small anatomy
            gets detail; else the whole image. In Python also a part that you choose, as a `CloseUp`.
        precision: fp32, or bf16, which runs the networks in bfloat16: faster on hardware that supports it; images
            differ by a few grey levels.

    Raises:
        FetalFlexError: If a value is out of range, or two do not go together.
    """

    sampler: SamplerName = "ddim"
    steps: int = field(default=20, metadata={"low": 1, "high": _MOST_STEPS})
    eta: float = field(default=0.0, metadata={"low": 0, "high": 1})
    guidance: Guidance = Guidance()
    smoothing: Smoothing | None = None
    resampling: Resampling | None = None
    strength: float | None = field(default=None, metadata={"low": 0.01, "high": 1})
    finishing: Finishing = Finishing()
    close_up: bool | CloseUp = True
    precision: Precision = "fp32"

    def __post_init__(self) -> None:
        whole_number(self.steps, "steps", 1, _MOST_STEPS)
        check_sampler(self.sampler, self.eta)
        if self.strength is not None and positive_number(self.strength, "strength") > 1:
            raise FetalFlexError(f"strength is {self.strength}; choose a number above 0 and up to 1")
        for name, cls in (("guidance", Guidance), ("finishing", Finishing)):
            if not isinstance(value := getattr(self, name), cls):
                raise FetalFlexError(f"{name} is {shown(value)}; give a {cls.__name__}")
        if self.smoothing is not None or self.resampling is not None:
            self._check_methods()
        if not isinstance(self.close_up, bool):
            self._check_close_up()
        one_of(self.precision, "precision", get_args(Precision))

    def _check_close_up(self) -> None:
        from fetalflex.anatomy import CloseUp

        if not isinstance(self.close_up, CloseUp):
            raise FetalFlexError(f"close_up is {shown(self.close_up)}; give True, False or a CloseUp")

    def _check_methods(self) -> None:
        from fetalflex.diffusion.resampling import Resampling
        from fetalflex.diffusion.smoothing import Smoothing

        for name, cls in (("smoothing", Smoothing), ("resampling", Resampling)):
            value = getattr(self, name)
            if value is not None and not isinstance(value, cls):
                raise FetalFlexError(f"{name} is {shown(value)}; give a {cls.__name__}, or None")

    def replace(self, **changes: Unpack[_Changes]) -> Sampling:
        """Return a copy in which some fields have other values."""
        return replace_fields(self, **changes)

    def timesteps(self, schedule: NoiseSchedule) -> list[int]:
        """Return the time steps to go, from noisy to clean; at least one.

        Raises:
            FetalFlexError: If there are more steps than the model's schedule has.
        """
        every = schedule.timesteps(self.steps)
        return every[len(every) - max(1, round((self.strength or 1.0) * len(every))) :]

    @property
    def starts_at_source(self) -> bool:
        """Say whether the source image, noised, is where sampling starts, in place of pure noise."""
        return self.strength is not None and self.strength < 1

    @property
    def draws_noise(self) -> bool:
        """Say whether noise is drawn on the way even without a background."""
        return self.eta > 0 or self.resampling is not None

    def record(self) -> JsonObject:
        """Return the settings as plain values, those that are off left out."""
        record: JsonObject = {"sampler": self.sampler, "steps": int(self.steps), "eta": float(self.eta)}
        record |= {
            "finishing": self.finishing.record(),
            "prompt_guidance": self.guidance.prompt,
            "layout_guidance": self.guidance.layout,
            "close_up": bool(self.close_up) if isinstance(self.close_up, bool) else list(astuple(self.close_up)),
        }
        if self.precision != "fp32":
            record["precision"] = self.precision
        if self.guidance.edit:
            record["edit_guidance"] = self.guidance.edit
        if self.strength not in (None, 1.0):
            record["strength"] = float(self.strength)
        for name in ("smoothing", "resampling"):
            if (value := getattr(self, name)) is not None:
                record[name] = asdict(value)
        return record

    def __repr__(self) -> str:
        return changes_repr(self)


def sampling_fields() -> tuple[str, ...]:
    """Return the names of the fields of `Sampling`."""
    return tuple(one.name for one in fields(Sampling))

"""The flat names of sampling settings: what command-line options and plans are generated from.

A name, such as `guidance_layout`, stands for one field of a value, such as `Guidance.layout`; default, range and text
are that field's own. No torch.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from inspect import cleandoc
from typing import TYPE_CHECKING, Any

from fetalflex.compute.precision import Precision
from fetalflex.diffusion.guidance import Guidance
from fetalflex.diffusion.samplers import SamplerName
from fetalflex.diffusion.smoothing import Smoothing
from fetalflex.errors import FetalFlexError
from fetalflex.finishing import Finishing
from fetalflex.pipeline.sampling import Sampling

if TYPE_CHECKING:
    from fetalflex.diffusion.resampling import Resampling

Holder = type[Sampling] | type[Guidance] | type[Smoothing] | type[Finishing]


@dataclass(frozen=True)
class SamplingOption:
    """A setting under its flat name.

    Args:
        name: What command line and plans call it.
        kind: bool, int, float, str, or a `Literal`; `optional` says whether None is allowed too.
        text: What it does.
        default: Value if nothing is said.
        holder: The value of which it is a field; None if it stands for more than one.
        field: Name of the field.
        low: Least value, or None.
        high: Largest value, or None.
        optional: Whether None is allowed.
    """

    name: str
    kind: Any
    text: str
    default: Any
    holder: Holder | None = None
    field: str = ""
    low: float | None = None
    high: float | None = None
    optional: bool = False

    def value_in(self, sampling: Sampling) -> Any:
        """Return the setting's value in a sampling."""
        if self.name == "ssa":
            return sampling.smoothing is not None
        if self.holder is None:
            return self.default
        parts = (sampling, sampling.guidance, sampling.finishing, sampling.smoothing or Smoothing())
        return next(getattr(part, self.field) for part in parts if isinstance(part, self.holder))


def sampling_from(options: Mapping[str, Any], base: Sampling = Sampling()) -> Sampling:
    """Return the sampling that flat names and values describe, and for the rest a given one.

    Args:
        options: Values by flat name; see `SAMPLING_OPTIONS`.
        base: What is not named.

    Raises:
        FetalFlexError: If a value is out of range, or two do not go together.
    """
    values = {name: option.value_in(base) for name, option in SAMPLING_OPTIONS.items()} | dict(options)

    def part(holder: Holder) -> dict[str, Any]:
        return {one.field: values[one.name] for one in SAMPLING_OPTIONS.values() if one.holder is holder}

    return replace(
        base,
        **part(Sampling),
        guidance=Guidance(**part(Guidance)),
        smoothing=_smoothing(values["ssa"], values["ssa_paper"], values["ssa_weight"], base.smoothing),
        resampling=base.resampling if values["resample"] is None else _resampling(values["resample"]),
        finishing=Finishing.chosen(values["finish"], **part(Finishing)),
    )


def _smoothing(ssa: bool, paper: bool, weight: float, base: Smoothing | None) -> Smoothing | None:
    if paper:
        return Smoothing(weight=weight, decay=0.0, smoothed="latent")
    return replace(base or Smoothing(), weight=weight) if ssa else None


def _resampling(text: str) -> Resampling:
    from fetalflex.diffusion.resampling import Resampling

    match = re.fullmatch(r"\s*([0-9]{1,4})\s*[x×]\s*([0-9]{1,4})\s*", text)
    if match is None:
        raise FetalFlexError(f"--resample is {text!r}; give two whole numbers, as in 5x3")
    return Resampling(int(match[1]), int(match[2]))


def _texts(holder: Holder) -> dict[str, str]:
    """Return what the docstring of a class says of each field."""
    flags = re.DOTALL | re.MULTILINE
    arguments = re.search(r"^Args:\n(.*?)(?=^\S|\Z)", cleandoc(holder.__doc__ or ""), flags)
    entries = re.findall(r"^ {4}(\w+): (.*?)(?=^ {4}\w|\Z)", arguments[1] if arguments else "", flags)
    return {name: " ".join(text.split()) for name, text in entries}


def _option(name: str, holder: Holder, field: str, prefix: str = "") -> SamplingOption:
    [one] = [one for one in fields(holder) if one.name == field]
    first, *others = str(one.type).split(" | ")
    return SamplingOption(
        name,
        _KINDS[first],
        f"{prefix}{_texts(holder).get(field, '')}",
        one.default,
        holder,
        field,
        one.metadata.get("low"),
        one.metadata.get("high"),
        "None" in others,
    )


_KINDS = {"int": int, "float": float, "bool": bool, "SamplerName": SamplerName, "Precision": Precision}

SAMPLING_OPTIONS = {
    one.name: one
    for one in (
        _option("sampler", Sampling, "sampler"),
        _option("steps", Sampling, "steps"),
        _option("eta", Sampling, "eta"),
        _option("guidance_prompt", Guidance, "prompt"),
        _option("guidance_layout", Guidance, "layout"),
        _option("guidance_edit", Guidance, "edit"),
        SamplingOption("ssa", bool, _texts(Sampling).get("smoothing", "").removesuffix("; None is off."), False),
        _option("ssa_weight", Smoothing, "weight", "With SSA: "),
        SamplingOption(
            "ssa_paper",
            bool,
            "SSA as in the paper: smooth the noisy latent itself, equally at every step.",
            False,
        ),
        SamplingOption(
            "resample",
            str,
            "RePaint's resampling: denoise each stretch of JUMP steps REPEATS times, as in 5x3. Takes REPEATS times as "
            "long.",
            None,
            optional=True,
        ),
        SamplingOption("finish", bool, "Fit the region into its image; otherwise it is pasted with a hard rim.", True),
        _option("membrane", Finishing, "membrane"),
        _option("tone", Finishing, "tone"),
        _option("texture", Finishing, "texture"),
        _option("feather", Finishing, "feather"),
        _option("close_up", Sampling, "close_up"),
        _option("strength", Sampling, "strength"),
        _option("precision", Sampling, "precision"),
    )
}
"""All settings by their flat names, in the order in which they are shown."""

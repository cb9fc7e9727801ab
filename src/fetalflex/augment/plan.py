"""The plan of a data set to make: which images, of what, how many. One YAML file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model, field_validator, model_validator

from fetalflex.checks import describe_error, did_you_mean, shown
from fetalflex.errors import FetalFlexError
from fetalflex.pipeline.sampling import REFINEMENT_STRENGTH, Sampling
from fetalflex.pipeline.sampling_options import SAMPLING_OPTIONS, SamplingOption, sampling_from

MOST_IMAGES = 10_000_000

_NOT_IN_PLANS = {"ssa_paper", "resample", "strength"}


class _Strict(BaseModel):
    """Take what the fields name, and neither other fields nor values that only resemble the right ones."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    @model_validator(mode="before")
    @classmethod
    def _check_names(cls, values: object) -> object:
        if not isinstance(values, dict):
            return values
        for name in values:
            if name not in cls.model_fields:
                hint = did_you_mean(name, cls.model_fields) if isinstance(name, str) else ""
                raise ValueError(f"unknown field {shown(name)}; allowed are {', '.join(cls.model_fields)}.{hint}")
        return values


class PlanSampling(_Strict):
    """How images are sampled, under the flat names of `fetalflex generate`: see `SAMPLING_OPTIONS` for the fields."""

    @model_validator(mode="after")
    def _check(self) -> PlanSampling:
        self.settings()  # refuses what does not go together
        return self

    def settings(self) -> Sampling:
        """Return how images are sampled, as the pipeline takes it."""
        return sampling_from(self.model_dump())


def _field(option: SamplingOption) -> Any:
    kind = option.kind | None if option.optional else option.kind
    return (kind, Field(option.default, ge=option.low, le=option.high, description=option.text))


if not TYPE_CHECKING:
    PlanSampling = create_model(
        "PlanSampling",
        __base__=PlanSampling,
        **{name: _field(option) for name, option in SAMPLING_OPTIONS.items() if name not in _NOT_IN_PLANS},
    )


class Refinement(_Strict):
    """How organs are re-synthesised (OSM).

    Args:
        strength: Fraction of the denoising schedule to run: small values keep the draft, 1 starts from noise.
        margin: Space round every organ, as a fraction of the longer image side.
        organs: Structures, by name or synonym; those that the anomaly names if empty.
    """

    strength: float = Field(REFINEMENT_STRENGTH, gt=0, le=1)
    margin: float = Field(0.02, ge=0, le=0.5)
    organs: Annotated[tuple[str, ...], Field(strict=False)] = ()


class Variation(_Strict):
    """How layouts of normal images are varied: every structure but the outline, each by itself, evenly.

    Args:
        shift: Largest shift along each axis, as a fraction of the longer side of the outline (or of the image, on
            planes without an outline).
        scale: Largest growth of a side; 0.05 allows factors from 1 / 1.05 to 1.05.
    """

    shift: float = Field(0.02, ge=0, le=0.2)
    scale: float = Field(0.05, ge=0, le=0.5)


class Checks(_Strict):
    """Which images are rejected and made again from the next seed.

    Args:
        attempts: How often an image is tried from one source.
        sources: From how many source images it is tried, one after the other; what fails from all is left out and
            reported.
        least_grey: Mean grey of the region, 0 to 255, below which it counts as empty; 0 is off.
        least_contrast: Standard deviation of the region's grey below which it counts as flat; 0 is off.
        layout: Reject images on which a stomach or skull is not where the layout has it, or still there where an
            anomaly took it away.
        anomaly: Reject images that do not show what their anomaly demands, such as fluid in both bubbles, as far as
            grey values can tell.
        copy_correlation: Correlation of a region's grey values with a real region from which it counts as its copy;
            null is off.
        duplicate_correlation: The same with another image of the new data set.
    """

    attempts: int = Field(4, ge=1, le=100)
    sources: int = Field(3, ge=1, le=20)
    least_grey: float = Field(5.0, ge=0, le=255)
    least_contrast: float = Field(5.0, ge=0, le=255)
    layout: bool = True
    anomaly: bool = True
    copy_correlation: float | None = Field(0.95, gt=0, le=1)
    duplicate_correlation: float | None = Field(0.95, gt=0, le=1)


class Entry(_Strict):
    """Ask for some images of one kind.

    Args:
        plane: Name or synonym.
        count: How many.
        normal: Whether they are normal; exactly one of `normal: true` and `anomaly` is given.
        anomaly: Name or title of an anomaly.
        severity: Grades that come in turn, one or a list; all grades of the anomaly if empty.
        structure: For anomalies of any structure, which one; drawn if it is left out.
        split: Split of the source images.
        variation: For normal images, how layouts are varied; without it they stay as they are.
        roi: Region to synthesise. `changed` = the structures that differ from the source's, and all else stays the
            source's own (or the whole region where nothing differs); `auto`, `box`, `structures` and `full` as for
            `fetalflex edit`.
        sampling: What differs from the plan's `sampling`.
        refine: Re-synthesise organs after the first pass.
    """

    plane: str = Field(min_length=1)
    count: int = Field(ge=1, le=MOST_IMAGES)
    normal: bool = False
    anomaly: str | None = Field(None, min_length=1)
    severity: Annotated[tuple[str, ...], Field(strict=False)] = ()
    structure: str | None = None
    split: Literal["train", "val", "test"] = "train"
    variation: Variation | None = None
    roi: Literal["changed", "auto", "box", "structures", "full"] = "changed"
    sampling: PlanSampling = PlanSampling()
    refine: Refinement | None = None

    @field_validator("severity", mode="before")
    @classmethod
    def _listed(cls, value: object) -> object:
        return (value,) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _check(self) -> Entry:
        if self.normal == (self.anomaly is not None):
            raise ValueError("give one of normal: true and anomaly: NAME")
        if self.normal and (self.severity or self.structure):
            raise ValueError(f"{'severity' if self.severity else 'structure'} is for an anomaly; this entry is normal")
        if self.anomaly and self.variation:
            raise ValueError("variation is for normal images; an anomaly is drawn anew for each image anyway")
        if self.normal and self.refine and not self.refine.organs:
            raise ValueError("refine: a normal image has no anomaly that names organs; give refine.organs")
        return self

    @property
    def kind(self) -> str:
        """Anomaly as the plan names it, or `normal`."""
        return self.anomaly or "normal"


class Plan(_Strict):
    """Describe a labelled data set to make.

    Args:
        entries: What it holds.
        seed: Seed of everything that is drawn.
        shard_size: Images that are made and written as one unit; an interruption loses at most one unit per process.
        sampling: How images are sampled where an entry does not say otherwise.
        checks: Which images are rejected.
    """

    entries: Annotated[tuple[Entry, ...], Field(strict=False)]
    seed: int = Field(0, ge=0, le=2**53)
    shard_size: int = Field(32, ge=1, le=1000)
    sampling: PlanSampling = PlanSampling()
    checks: Checks = Checks()

    @model_validator(mode="after")
    def _check(self) -> Plan:
        if not self.entries:  # min_length would call a list empty of which an entry is wrong
            raise ValueError("entries holds nothing; give at least one entry")
        if self.count > MOST_IMAGES:
            raise ValueError(f"the entries ask for {self.count:,} images; at most {MOST_IMAGES:,} are made at once")
        return self

    @property
    def count(self) -> int:
        """Number of images."""
        return sum(entry.count for entry in self.entries)

    def sampling_of(self, entry: Entry) -> PlanSampling:
        """Return how images of an entry are sampled.

        Raises:
            FetalFlexError: If what the entry changes does not go together with the rest.
        """
        changes = entry.sampling.model_dump(exclude_unset=True)
        return PlanSampling.model_validate(self.sampling.model_dump() | changes)


def load_plan(path: Path | str) -> Plan:
    """Read and check the YAML file of a plan.

    Raises:
        FetalFlexError: If the file is missing, no YAML, or a field is wrong; the message names file and field.
    """
    from fetalflex.files.yaml_files import read_yaml

    try:
        values = read_yaml(Path(path), "plan")
        if not isinstance(values, dict):
            raise FetalFlexError(f"must hold the fields {', '.join(Plan.model_fields)}, got {shown(values)}")
        return Plan.model_validate(values)
    except ValidationError as error:
        raise FetalFlexError(f"{path}: {describe_error(error)}") from error
    except FetalFlexError as error:
        raise FetalFlexError(f"{path}: {error}") from error

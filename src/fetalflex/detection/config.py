"""What a detector is made of and what it was trained on: its `config.json`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from fetalflex.checks import describe_error
from fetalflex.errors import FetalFlexError
from fetalflex.files.json_files import read_json

CONFIG = "config.json"
STRIDE = 4
"""Image pixels per cell of the map on which a detector places structures."""

_FORMAT = "fetalflex/detector"
_COARSEST = 32
_LARGEST_FILE = 10_000_000

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
Fraction = Annotated[float, Field(gt=0, le=10)]
Channels = Annotated[int, Field(ge=8, le=1024, multiple_of=8)]
Blocks = Annotated[int, Field(ge=1, le=16)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class NetworkConfig(_Strict):
    """Describe the network.

    Args:
        channels: Feature channels at strides of 4, 8, 16 and 32 pixels, multiples of 8.
        blocks: Residual blocks there.
        neck: Channels in which the four resolutions are brought together.
    """

    channels: tuple[Channels, Channels, Channels, Channels] = (24, 48, 96, 192)
    blocks: tuple[Blocks, Blocks, Blocks, Blocks] = (1, 2, 2, 2)
    neck: Channels = 64


class TrainingFacts(_Strict):
    """What a detector was trained on, so that an evaluation can tell whether it has seen its images before.

    Args:
        data_fingerprint: Digest of the records.
        images: How many there were.
        patients: `patient_digest` of each patient.
    """

    data_fingerprint: str
    images: int = Field(..., ge=0)
    patients: tuple[Annotated[str, Field(pattern="^[0-9a-f]{12}$")], ...]


class DetectorConfig(_Strict):
    """Describe a detector.

    Args:
        size: Side of the square canvas on which it sees an image, pixels, a multiple of 32.
        planes: The planes that it tells apart, in the order of its output, and the structures that it finds in each.
        typical_sizes: Median width and height of each structure as fractions of the canvas.
        network: Sizes of the network.
        training: What it was trained on.
    """

    format: Literal["fetalflex/detector"] = "fetalflex/detector"
    version: Literal[1] = 1
    size: int = Field(..., ge=_COARSEST, le=1024, multiple_of=_COARSEST)
    planes: dict[Name, tuple[Name, ...]] = Field(..., min_length=1, max_length=200)
    typical_sizes: dict[Name, tuple[Fraction, Fraction]] = Field(..., min_length=1, max_length=500)
    network: NetworkConfig = NetworkConfig()
    training: TrainingFacts | None = None

    @model_validator(mode="after")
    def _check_structures(self) -> DetectorConfig:
        for plane, names in self.planes.items():
            if missing := [name for name in names if name not in self.typical_sizes]:
                raise ValueError(f"plane {plane} names {missing[0]}, which has no typical size")
        return self

    @property
    def structures(self) -> tuple[str, ...]:
        """All structures, in the order of the network's output."""
        return tuple(self.typical_sizes)


def read_detector_config(folder: Path) -> DetectorConfig:
    """Read the config of a detector's folder.

    Raises:
        FetalFlexError: If the folder holds no detector, or the config is damaged.
    """
    path = folder / CONFIG
    if not path.is_file():
        raise FetalFlexError(
            f"{folder} holds no detector (no {CONFIG}); give the folder that `fetalflex train detector` wrote"
        )
    values = read_json(path, _LARGEST_FILE)
    if not isinstance(values, dict) or values.get("format") != _FORMAT:
        raise FetalFlexError(
            f"{path} is not a detector's; give the folder that `fetalflex train detector` wrote, not another model"
        )
    try:
        return DetectorConfig.model_validate(values)
    except ValidationError as error:
        raise FetalFlexError(f"{path}: {describe_error(error)}") from error

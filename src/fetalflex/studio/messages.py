"""What the page may send, field by field; everything else is refused."""

from __future__ import annotations

from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, WithJsonSchema

from fetalflex.anatomy import EDIT_ROI_MODES, Layout
from fetalflex.checks import describe_error
from fetalflex.errors import FetalFlexError
from fetalflex.files.json_files import JsonObject

MOST_VARIANTS = 8
LARGEST_SEED = 2**53 - 1
"""The largest whole number that a page can hold."""

Id = Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
"""Given out by the server; stands for an image, a result or a job."""

Name = Annotated[str, Field(min_length=1, max_length=200)]
Text = Annotated[str, Field(max_length=2000)]
PngText = Annotated[str, Field(max_length=24_000_000, description="a PNG file, in base64")]
LayoutValue = Annotated[JsonObject, WithJsonSchema({"type": "object", "description": "a layout, as in a layout file"})]
Region = Literal["changed", "auto", "outline", "box", "structures", "full"]
Seed = Annotated[int, Field(ge=0, le=LARGEST_SEED)]

assert set(Region.__args__) == set(EDIT_ROI_MODES)  # type: ignore[attr-defined]


class Message(BaseModel):
    """A JSON object without unknown fields; numbers are finite, and texts are no numbers."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, strict=True)


class Settings(Message):
    """How to sample; see the options of `fetalflex edit`."""

    sampler: Literal["ddim", "dpm++", "unipc"] = "ddim"
    steps: Annotated[int, Field(ge=1, le=1000)] = 20
    guidance_prompt: Annotated[float, Field(ge=0, le=30)] = 1.0
    guidance_layout: Annotated[float, Field(ge=0, le=30)] = 1.5
    guidance_edit: Annotated[float, Field(ge=0, le=30)] = 1.0
    ssa: bool = False
    feather: Annotated[int, Field(ge=0, le=1000)] | None = None
    strength: Annotated[float, Field(gt=0, le=1)] = 1.0
    prompt: Text = ""
    negative_prompt: Text = ""


class Task(Message):
    """What all jobs have in common: who asks, and on which image."""

    client: Annotated[str, Field(pattern=r"^[0-9a-zA-Z-]{1,64}$")]
    image: Id


class Generate(Task):
    """Synthesise an image under an edited layout, in one or more variants."""

    kind: Literal["generate"]
    before: LayoutValue
    layout: LayoutValue
    region: Region = "changed"
    mask: PngText | None = None
    seeds: Annotated[list[Seed], Field(min_length=1, max_length=MOST_VARIANTS)]
    settings: Settings = Settings()


class Refine(Task):
    """Re-synthesise a part of an image (OSM)."""

    kind: Literal["refine"]
    layout: LayoutValue
    mask: PngText
    seeds: Annotated[list[Seed], Field(min_length=1, max_length=MOST_VARIANTS)]
    settings: Settings = Settings(strength=0.6)


class Pair(Task):
    """Synthesise an image as it is and as edited, all else being equal."""

    kind: Literal["pair"]
    before: LayoutValue
    layout: LayoutValue
    seed: Seed
    settings: Settings = Settings()


class Detect(Task):
    """Find plane and boxes."""

    kind: Literal["detect"]
    plane: Name | None = None


class Look(Message):
    """Ask what is to be said of a layout, and which region an edit would redraw."""

    image: Id
    before: LayoutValue
    layout: LayoutValue
    region: Region = "changed"
    prompts: list[Text] = []


class ApplyAnomaly(Message):
    """Draw an anomaly on a layout."""

    layout: LayoutValue
    anomaly: Name
    severity: Name | None = None
    structure: Name | None = None
    seed: Seed = 0


class Grow(Message):
    """Set measures of a layout."""

    layout: LayoutValue
    targets: Annotated[list[Name], Field(min_length=1, max_length=20)]


class OrganMask(Message):
    """Draw the region of some structures."""

    image: Id
    layout: LayoutValue
    structures: Annotated[list[Name], Field(min_length=1, max_length=100)]


class Upload(Message):
    """Take in an image file."""

    name: Name
    data: Annotated[str, Field(max_length=96_000_000, description="an image file, in base64")]


class Correct(Message):
    """Write back what an image of a data set shows."""

    layout: LayoutValue


class Work(Message):
    """Save the work; `revision` is that on which it builds."""

    revision: Annotated[int, Field(ge=0, le=LARGEST_SEED)]
    document: JsonObject


class Export(Message):
    """Pack results into one file."""

    results: Annotated[list[Id], Field(min_length=1, max_length=200)]


MessageT = TypeVar("MessageT", bound=Message)


def read_message(kind: type[MessageT], value: JsonObject) -> MessageT:
    """Return a message that came as JSON, or raise a FetalFlexError that names each wrong field."""
    try:
        return kind.model_validate(value)
    except ValidationError as error:
        raise FetalFlexError(describe_error(error)[:2000]) from error


def layout_of(value: JsonObject, field: str) -> Layout:
    """Return the layout in a message, or raise a FetalFlexError that names the field."""
    try:
        return Layout.from_dict(value)
    except FetalFlexError as error:
        raise FetalFlexError(f"{field}: {error}") from error

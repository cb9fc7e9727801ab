"""Options that several commands share."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Roi(StrEnum):
    """How the region to synthesise follows from a layout."""

    AUTO = "auto"
    OUTLINE = "outline"
    BOX = "box"
    STRUCTURES = "structures"
    FULL = "full"


class EditRoi(StrEnum):
    """How the region to synthesise follows from an edit."""

    CHANGED = "changed"
    AUTO = "auto"
    OUTLINE = "outline"
    BOX = "box"
    STRUCTURES = "structures"
    FULL = "full"


ModelArgument = Annotated[
    str, typer.Argument(metavar="MODEL", help="Model folder, or the name of one in weights/.", show_default=False)
]
Data = Annotated[
    list[Path], typer.Argument(metavar="DATA...", help="Data set folders or packed files.", show_default=False)
]
DatasetArgument = Annotated[
    Path, typer.Argument(metavar="DATASET", help="Data set folder, packed file, or WebDataset shards.")
]
Split = Annotated[str, typer.Option("--split", help="Split to take images from: train, val or test.")]
Planes = Annotated[
    str | None,
    typer.Option("--planes", metavar="A,B", help="Only these planes, by name or synonym.", show_default=False),
]
MinQuality = Annotated[
    int | None,
    typer.Option(
        "--min-quality",
        min=0,
        help="Minimum image quality, 0 to 3; unrated images are always included.",
        show_default=False,
    ),
]
BatchSize = Annotated[int, typer.Option("--batch-size", min=1, max=4096, help="Images computed together.")]
RoiOfAll = Annotated[
    Roi, typer.Option("--roi", help="Region to synthesise: auto, box, structures or full, as in fetalflex generate.")
]
Model = Annotated[
    str, typer.Option("--model", help="Model folder, or the name of one in weights/.", metavar="NAME_OR_FOLDER")
]
Prompt = Annotated[
    str | None,
    typer.Option(
        "--prompt",
        help="Text in place of the prompt made from the layout. The layout decides what is drawn; the model's card "
        "says how much a prompt changes.",
        show_default=False,
    ),
]
RoiMode = Annotated[
    Roi | None,
    typer.Option(
        "--roi",
        help="Region to synthesise; the rest is kept from the source image. outline: the ellipse in the box of the "
        "plane's outline. structures: all boxes with a margin. full: the whole image. auto: the outline if there is "
        "one, else structures. box: as auto, but the outline's box in place of its ellipse.",
        show_default="auto",
    ),
]
EditRoiMode = Annotated[
    EditRoi | None,
    typer.Option(
        "--roi",
        help="Region to synthesise; the rest is kept from the source image. changed: the structures that the edit "
        "changes, where they were and where they are, with a margin, and for a skull or abdomen all its contents. "
        "auto: the whole body, before and after, as the ellipse in the outline's box, else all structures. outline, "
        "box, structures and full: as in generate.",
        show_default="changed",
    ),
]
Mask = Annotated[
    Path | None,
    typer.Option(
        "--mask",
        help="Region to synthesise, in place of --roi, as a two-valued image of the layout's size: black is kept, the "
        "other value is synthesised.",
        show_default=False,
    ),
]
Steps = Annotated[int, typer.Option("--steps", min=1, help="Denoising steps.")]
GuidanceLayout = Annotated[
    float,
    typer.Option(
        "--guidance-layout", min=0, max=30, help="Weight of classifier-free guidance on the layout; 1 is off."
    ),
]
NegativePrompt = Annotated[
    str | None,
    typer.Option(
        "--negative-prompt",
        help="Text to steer away from; takes effect with --guidance-prompt above 1.",
        show_default=False,
    ),
]
Device = Annotated[str, typer.Option("--device", help="auto, cpu or cuda; auto takes a GPU if there is one.")]
RegistryFile = Annotated[
    Path | None,
    typer.Option(
        "--registry", help="YAML file with planes and structures in addition to the built-in ones.", show_default=False
    ),
]
FromDataset = Annotated[
    Path | None,
    typer.Option(
        "--dataset",
        metavar="FOLDER",
        help="Data set folder or packed file to take image and layout from; IMAGE is then a file name in it.",
        show_default=False,
    ),
]
Samples = Annotated[
    int,
    typer.Option(
        "--samples",
        min=1,
        max=1_000_000,
        help="Images, written as OUT-1.png, OUT-2.png, ...; image k has the seed SEED + 1000000 k.",
    ),
]
Compare = Annotated[
    Path | None,
    typer.Option(
        "--compare",
        metavar="FILE.gif|FILE.png",
        help="Also write before and after side by side (.png) or in turn (.gif).",
        show_default=False,
    ),
]
PixelSpacing = Annotated[
    float | None,
    typer.Option(
        "--pixel-spacing",
        metavar="MM",
        min=1e-4,
        max=100,
        help="Side of a pixel, for layouts that do not state it.",
        show_default=False,
    ),
]
AllowSynthetic = Annotated[
    bool,
    typer.Option("--allow-synthetic", help="Treat synthetic images in the data as real; they are refused otherwise."),
]
Force = Annotated[bool, typer.Option("--force", help="Replace existing files.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


def names_in(text: str | None) -> tuple[str, ...]:
    """Return the names of a list such as `a, b`; nothing if the option was not given."""
    return () if text is None else tuple(name.strip() for name in text.split(","))


def was_given(context: typer.Context, name: str) -> bool:
    """Say whether an option was given on the command line, even with its default value."""
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"

"""`fetalflex study create`: a blinded study from images by several methods."""

from __future__ import annotations

import json
import re
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fetalflex.cli import options
from fetalflex.errors import FetalFlexError

if TYPE_CHECKING:
    from fetalflex.study.creating import Created

_MOST_READERS = 100


class Fit(StrEnum):
    """How images of other proportions are brought to one size."""

    PAD = "pad"
    CROP = "crop"


_Sources = Annotated[
    list[str],
    typer.Argument(
        metavar="SOURCE...",
        help="METHOD=FOLDER, a data set or a folder of images by one method; or a manifest, .csv or .jsonl, with "
        "image, method and, where known, plane, case and synthetic.",
        show_default=False,
    ),
]
_Out = Annotated[Path, typer.Option("--out", metavar="DIR", help="Study folder to make.")]
_Readers = Annotated[str, typer.Option("--readers", help="Number of readers, or their names: A,B,C.")]
_Real = Annotated[
    str | None,
    typer.Option(
        "--real",
        metavar="A,B",
        help="Methods whose images are real, such as a folder of scans; those of all others are then synthetic.",
        show_default=False,
    ),
]
_Each = Annotated[
    int | None,
    typer.Option(
        "--each",
        min=1,
        help="Images of each plane by each method; by default as many as the smallest of these groups has.",
        show_default=False,
    ),
]
_Repeats = Annotated[
    float, typer.Option("--repeats", min=0, max=0.5, help="Share of the images that each reader sees twice.")
]
_Criteria = Annotated[
    Path | None,
    typer.Option("--criteria", metavar="FILE.yaml", help="Other questions than the paper's.", show_default=False),
]
_Size = Annotated[
    str | None,
    typer.Option("--size", metavar="WIDTHxHEIGHT", help="Size of all images in pixels; by default the median one."),
]
_Fit = Annotated[Fit, typer.Option("--fit", help="pad: show all of each image, on black. crop: fill the size.")]
_Seed = Annotated[
    int, typer.Option("--seed", min=0, max=2**63 - 1, help="Seed of the choice of images and of all orders.")
]
_Force = Annotated[bool, typer.Option("--force", help="Replace an older study that nobody has answered yet.")]


def create(
    sources: _Sources,
    out: _Out,
    readers: _Readers = "1",
    real: _Real = None,
    planes: options.Planes = None,
    each: _Each = None,
    repeats: _Repeats = 0.1,
    criteria: _Criteria = None,
    size: _Size = None,
    fit: _Fit = Fit.PAD,
    seed: _Seed = 0,
    registry_file: options.RegistryFile = None,
    force: _Force = False,
    as_json: options.AsJson = False,
) -> None:
    """Make a blinded study from images by several methods.

    Each reader sees as many images of each plane by each method, in an order of their own, and some of them twice. File
    names, sizes and metadata of what readers see say nothing; DIR/key.json says what each image is, and belongs to
    whoever runs the study. The images that are synthetic are also listed in DIR/synthetic.jsonl.
    """
    from fetalflex.cli.inputs import load_registry
    from fetalflex.study.creating import Design, create_study
    from fetalflex.study.questions import default_questions, read_questions
    from fetalflex.study.sources import read_sources

    registry = load_registry(registry_file)
    design = Design(_reader_names(readers), each, repeats, seed, _size(size), fit is Fit.CROP)
    questions = default_questions() if criteria is None else read_questions(criteria)
    candidates = read_sources(sources, registry, options.names_in(real), options.names_in(planes))
    created = create_study(out, candidates, design, questions, force)
    if not as_json:
        for warning in created.warnings:
            typer.echo(f"note: {warning}", err=True)
    typer.echo(json.dumps(_facts(created), indent=2) if as_json else _told(created))


def _reader_names(text: str) -> tuple[str, ...]:
    if re.fullmatch(r"\d{1,6}", text.strip()):
        count = int(text)
        if not 1 <= count <= _MOST_READERS:
            raise FetalFlexError(f"--readers must be 1 to {_MOST_READERS}, or names such as A,B,C; got {count}")
        return tuple(f"reader {number}" for number in range(1, count + 1))
    return options.names_in(text)


def _size(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    match = re.fullmatch(r"(\d{1,5})x(\d{1,5})", text.strip())
    if match is None:
        raise FetalFlexError(f"--size must be WIDTHxHEIGHT in pixels, such as 640x480, got {text!r}")
    return int(match[1]), int(match[2])


def _facts(created: Created) -> dict[str, object]:
    study = created.study
    groups: dict[str, dict[str, int]] = {}
    for image in study.key.images:
        of_plane = groups.setdefault(image.plane, {})
        of_plane[image.method] = of_plane.get(image.method, 0) + 1
    return {
        "study": str(study.root),
        "images": study.file.images,
        "size": list(study.file.size),
        "by_plane_and_method": {plane: dict(sorted(counts.items())) for plane, counts in sorted(groups.items())},
        "readers": [reader.name for reader in study.readers],
        "images_per_reader": len(study.readers[0].order),
        "notes": list(created.warnings),
    }


def _told(created: Created) -> str:
    study = created.study
    facts = _facts(created)
    width, height = study.file.size
    repeats = len(study.readers[0].order) - study.file.images
    lines = [f"wrote {study.root}: {study.file.images} images of {width} x {height} pixels"]
    groups = facts["by_plane_and_method"]
    assert isinstance(groups, dict)
    for plane, counts in groups.items():
        lines.append(f"  {plane}: " + ", ".join(f"{count} {method}" for method, count in counts.items()))
    lines.append(f"  {len(study.readers)} readers, each sees {study.file.images} images, {repeats} of them twice")
    lines.append(f"next: fetalflex study run {study.root}")
    return "\n".join(lines)

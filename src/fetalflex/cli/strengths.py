"""`fetalflex experiment strengths`: from how noisy a source an edit should start."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fetalflex.cli import options
from fetalflex.cli.sampling_options import with_sampling_options
from fetalflex.cli.show import progress_bar
from fetalflex.errors import FetalFlexError
from fetalflex.pipeline.sampling import Sampling

if TYPE_CHECKING:
    from fetalflex.anatomy import Registry
    from fetalflex.evaluation.samples import Selection
    from fetalflex.evaluation.strengths import StrengthEdit

_Strengths = Annotated[str, typer.Option("--strengths", metavar="S,S", help="Strengths to try, above 0 and up to 1.")]


@with_sampling_options("guidance_edit")
def strengths(
    model: options.ModelArgument,
    data: options.Data,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for report and syntheses.")],
    split: options.Split = "val",
    planes: options.Planes = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="Of each plane, only N images, spread over it.")] = 8,
    strengths: _Strengths = "0.6,0.8,0.9,1",
    seed: Annotated[int, typer.Option("--seed", min=0, help="The image of record i has the seed SEED+i.")] = 0,
    sampling: Sampling = Sampling(),
    allow_synthetic: options.AllowSynthetic = False,
    device: options.Device = "auto",
    registry_file: options.RegistryFile = None,
    as_json: options.AsJson = False,
) -> None:
    """Measure adherence, seam and tone of local edits by kind of edit and strength.

    With a strength below 1 an edit starts from the noised source, which keeps its tone and costs some adherence.
    DIR/strengths.md shows how much of each, for moved, enlarged, shrunk and removed structures, strengths.json the
    same for programs. The same command resumes an interrupted run.
    """
    tried = _strengths(strengths)
    from fetalflex.cli.inputs import load_pipeline, load_registry
    from fetalflex.data import open_dataset
    from fetalflex.evaluation.kept import KeptSyntheses
    from fetalflex.evaluation.samples import select_samples
    from fetalflex.evaluation.strengths import (
        judge_strengths,
        strengths_markdown,
        strengths_values,
        synthesise_strengths,
    )
    from fetalflex.files import write_text
    from fetalflex.files.json_files import json_text

    registry = load_registry(registry_file, model)
    datasets = [open_dataset(path, registry) for path in data]
    selection = select_samples(
        datasets, registry, split, options.names_in(planes), limit, allow_synthetic=allow_synthetic
    )
    edits = _planned(selection, registry)
    pipeline = load_pipeline(model, registry, device)
    facts = {
        "model": pipeline.identity,
        "data_fingerprint": selection.fingerprint,
        "seed": seed,
        "sampling": sampling.record(),
    }
    kept = KeptSyntheses(out, {"format": "fetalflex/strengths-settings", "version": 1, **facts})
    with progress_bar("synthesising", len(edits) * len(tried)) as tell:
        synthesise_strengths(pipeline, edits, kept, sampling, tried, seed, tell)
    results = judge_strengths(pipeline, edits, kept, tried)
    lines = strengths_markdown(results)
    head = [f"# Strengths: {pipeline.identity}", "", f"Split {split}, {len(edits)} edits, seed {seed}.", ""]
    values = strengths_values(results) | facts | {"split": split, "edits": len(edits)}
    write_text(out / "strengths.md", "\n".join([*head, *lines]) + "\n")
    write_text(out / "strengths.json", json_text(values))
    text = "\n".join([*lines[2:], f"wrote {out / 'strengths.md'}"])
    typer.echo(json.dumps(values, indent=2) if as_json else text)


def _planned(selection: Selection, registry: Registry) -> list[StrengthEdit]:
    from fetalflex.evaluation.strengths import plan_strength_edits

    edits = plan_strength_edits(selection.evaluated, registry)
    if not edits:
        raise FetalFlexError(
            f"none of the {len(selection.evaluated)} images shows a structure that differs from its surroundings; "
            "give more images"
        )
    return edits


def _strengths(text: str) -> tuple[float, ...]:
    try:
        found = tuple(sorted({float(part) for part in text.split(",")}))
    except ValueError:
        found = (0.0,)
    if not all(0.01 <= one <= 1 for one in found):
        raise FetalFlexError(f"--strengths is {text!r}; give numbers from 0.01 up to 1, as in 0.6,0.8,1")
    return found

"""`fetalflex experiment prompts`: is there what the prompt names, and not what it says is absent?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from fetalflex.cli import options
from fetalflex.cli.sampling_options import WITHOUT_EDITS, with_sampling_options
from fetalflex.cli.show import progress_bar
from fetalflex.pipeline.sampling import Sampling

_Out = Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for report, sheets and syntheses.")]
_Detector = Annotated[
    str, typer.Option("--detector", metavar="NAME_OR_FOLDER", help="Detector's folder, or its name in weights/.")
]
_ImagesPerStructure = Annotated[
    int,
    typer.Option(
        "--images-per-structure", min=1, max=100_000, help="Images of a structure in a plane, of as many patients."
    ),
]
_ImagesPerPlane = Annotated[
    int,
    typer.Option("--images-per-plane", min=0, max=1000, help="Syntheses under the prompt of each plane; 0 is off."),
]
_Seed = Annotated[int, typer.Option("--seed", min=0, max=2**62, help="The image of record i has the seed SEED+i.")]


@with_sampling_options()
def prompts(
    model: options.ModelArgument,
    data: options.Data,
    out: _Out,
    split: options.Split = "test",
    planes: options.Planes = None,
    min_quality: options.MinQuality = None,
    detector: _Detector = "detector",
    images_per_structure: _ImagesPerStructure = 8,
    images_per_plane: _ImagesPerPlane = 8,
    roi: options.RoiOfAll = options.Roi.AUTO,
    seed: _Seed = 0,
    sampling: Sampling = WITHOUT_EDITS,
    batch_size: options.BatchSize = 4,
    device: options.Device = "auto",
    allow_synthetic: options.AllowSynthetic = False,
    registry_file: options.RegistryFile = None,
    as_json: options.AsJson = False,
) -> None:
    """Leave structures and planes to the prompt alone, and see whether a detector finds what the prompt says.

    A structure is kept out of the layout, and the region is synthesised twice from the same noise: under a prompt that
    names it, and under one that says it is absent. Followed are those of which the detector finds the structure in the
    first and not in the second. And whole images are synthesised under a prompt that names the plane, without layout.

    DIR/prompts.md shows all structures and planes, prompts.json the same for programs, prompts.png and planes.png some
    images. The same command resumes an interrupted run.
    """
    from fetalflex.cli.inputs import load_detector, load_pipeline, load_registry
    from fetalflex.data import open_dataset
    from fetalflex.evaluation.prompts import (
        follow_prompts,
        kept_prompts,
        prompts_summary,
        prompts_values,
        write_prompts,
    )
    from fetalflex.evaluation.samples import select_samples

    registry = load_registry(registry_file, model)
    datasets = [open_dataset(path, registry) for path in data]
    selection = select_samples(datasets, registry, split, options.names_in(planes), None, min_quality, allow_synthetic)
    judge, pipeline = load_detector(detector, device), load_pipeline(model, registry, device)
    kept = kept_prompts(out, pipeline, selection, sampling, roi.value, seed)
    how = (images_per_structure, images_per_plane, roi.value, seed, batch_size, progress_bar)
    results = follow_prompts(pipeline, judge, selection, kept, sampling, *how)
    facts = {
        "model": pipeline.identity,
        "detector": judge.identity,
        "split": split,
        "images": len(selection.evaluated),
        "images_per_structure": images_per_structure,
        "images_per_plane": images_per_plane,
        "seed": seed,
        "roi": roi.value,
        "sampling": sampling.record(),
    }
    report = write_prompts(results, kept, registry, facts)
    text = "\n".join([*prompts_summary(results), f"wrote {report}"])
    typer.echo(json.dumps(prompts_values(results), indent=2) if as_json else text)

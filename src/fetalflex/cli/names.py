"""`fetalflex experiment names`: does the content of boxes follow their names?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from fetalflex.cli import options
from fetalflex.cli.sampling_options import WITHOUT_EDITS, with_sampling_options
from fetalflex.cli.show import progress_bar
from fetalflex.errors import FetalFlexError
from fetalflex.pipeline.sampling import Sampling

_ImagesPerPair = Annotated[
    int,
    typer.Option(
        "--images-per-pair", min=1, max=100_000, help="Images on which a pair is exchanged, of as many patients."
    ),
]
_AllPairs = Annotated[
    bool,
    typer.Option("--all-pairs", help="Exchange pairs that do not differ to the eye too; they are not scored."),
]
_Seed = Annotated[int, typer.Option("--seed", min=0, max=2**63 - 1, help="The image of record i has the seed SEED+i.")]


@with_sampling_options()
def names(
    model: options.ModelArgument,
    data: options.Data,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for report, sheet and syntheses.")],
    split: options.Split = "test",
    planes: options.Planes = None,
    min_quality: options.MinQuality = None,
    images_per_pair: _ImagesPerPair = 8,
    all_pairs: _AllPairs = False,
    roi: options.RoiOfAll = options.Roi.AUTO,
    seed: _Seed = 0,
    sampling: Sampling = WITHOUT_EDITS,
    batch_size: options.BatchSize = 4,
    device: options.Device = "auto",
    allow_synthetic: options.AllowSynthetic = False,
    registry_file: options.RegistryFile = None,
    as_json: options.AsJson = False,
) -> None:
    """Exchange the names of two boxes, for all pairs of structures of a plane, and see whether the content follows.

    A model that can tell boxes from background but not from each other follows every move and every removal, and
    draws all structures alike. Here boxes, background, noise and prompt stay the same; only the names change. Only
    pairs whose brightness differs in the real images of the split are scored.

    DIR/names.md shows all pairs, names.json the same for programs, names.png one image of each. The same command
    resumes an interrupted run.
    """
    from fetalflex.cli.inputs import load_pipeline, load_registry
    from fetalflex.data import open_dataset
    from fetalflex.evaluation.names import exchange_names, kept_names, names_summary, names_values, write_names
    from fetalflex.evaluation.samples import select_samples

    registry = load_registry(registry_file, model)
    datasets = [open_dataset(path, registry) for path in data]
    chosen = options.names_in(planes)
    selection = select_samples(datasets, registry, split, chosen, None, min_quality, allow_synthetic)
    pipeline = load_pipeline(model, registry, device)
    kept = kept_names(out, pipeline, selection, sampling, roi.value, seed)
    images, region = selection.evaluated, roi.value
    how = (images_per_pair, all_pairs, region, seed, batch_size, progress_bar)
    results = exchange_names(pipeline, images, kept, sampling, *how)
    if not results.pairs:
        raise FetalFlexError(
            f"none of the {len(images)} images shows two structures that differ to the eye, beside the "
            "outline; give more images, or --all-pairs"
        )
    facts = {
        "model": pipeline.identity,
        "split": split,
        "images": len(images),
        "images_per_pair": images_per_pair,
        "seed": seed,
        "roi": roi.value,
        "sampling": sampling.record(),
    }
    report = write_names(results, kept, registry, facts)
    text = "\n".join([*names_summary(results), f"wrote {report}"])
    typer.echo(json.dumps(names_values(results), indent=2) if as_json else text)

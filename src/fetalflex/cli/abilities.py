"""`fetalflex experiment abilities`: what a model's weights can draw, measured and written into its folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from fetalflex.cli import options
from fetalflex.cli.locking import keep_for_this_command
from fetalflex.cli.sampling_options import with_sampling_options
from fetalflex.cli.show import progress_bar
from fetalflex.pipeline.sampling import Sampling

_IntoModel = Annotated[
    bool, typer.Option("--into-model", help="Write abilities.json into the model's folder too, for other commands.")
]


@with_sampling_options("guidance_edit")
def abilities(
    model: options.ModelArgument,
    data: options.Data,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for page, sheet and syntheses.")],
    into_model: _IntoModel = False,
    split: Annotated[str, typer.Option("--split", help="Split to take images from: val or test.")] = "val",
    variants: Annotated[int, typer.Option("--variants", min=1, max=100_000, help="Of each grade of each anomaly.")] = 5,
    images: Annotated[int, typer.Option("--images", min=1, max=100_000, help="Unedited images of each plane.")] = 8,
    seed: Annotated[int, typer.Option("--seed", min=0, max=2**63 - 1, help="Seed of everything.")] = 0,
    sampling: Sampling = Sampling(),
    device: options.Device = "auto",
    allow_synthetic: options.AllowSynthetic = False,
    registry_file: options.RegistryFile = None,
    as_json: options.AsJson = False,
) -> None:
    """Measure what a model can draw: anomalies by what they demand, structures by their look, and if prompts matter.

    Variants of every grade are synthesised on images of the split, and grey values tell whether what the anomaly
    demands is seen. DIR/abilities.md says how often, DIR/abilities.png shows all of them. With --into-model, `fetalflex
    anomaly list`, `fetalflex planes` and `fetalflex experiment anomalies` mark what the weights cannot draw. The same
    command resumes an interrupted run.
    """
    from fetalflex.abilities import ABILITIES
    from fetalflex.anatomy.anomalies import default_library
    from fetalflex.cli.inputs import load_pipeline, load_registry
    from fetalflex.data import open_dataset, write_png
    from fetalflex.evaluation.kept import KeptSyntheses
    from fetalflex.evaluation.samples import select_samples
    from fetalflex.experiments.abilities import measure_abilities, plan_cases
    from fetalflex.experiments.abilities_sheet import abilities_page, draw_case_sheet
    from fetalflex.files import write_text
    from fetalflex.models.locate import find_model
    from fetalflex.pipeline.synthesis import picture_metadata

    registry = load_registry(registry_file, model)
    datasets = [open_dataset(path, registry) for path in data]
    selection = select_samples(datasets, registry, split, allow_synthetic=allow_synthetic)
    keep_for_this_command(out)
    pipeline = load_pipeline(model, registry, device)
    library = default_library()
    facts = {"data_fingerprint": selection.fingerprint, "split": split, "seed": seed, "sampling": sampling.record()}
    identity = {"format": "fetalflex/abilities-settings", "version": 1, "model": pipeline.identity, **facts}
    kept = KeptSyntheses(out, identity)
    facts |= {"variants_of_a_grade": variants, "images_of_a_plane": images}
    found = measure_abilities(pipeline, selection, library, kept, sampling, facts, variants, images, seed, progress_bar)
    found.save(out / ABILITIES)
    write_text(out / "abilities.md", abilities_page(found, registry))
    sheet = draw_case_sheet(plan_cases(selection, library, pipeline, variants, seed), kept, registry)
    if sheet is not None:
        write_png(out / "abilities.png", sheet, picture_metadata("real and synthetic side by side"), force=True)
    written = [out / "abilities.md"]
    if into_model:
        written.append(find_model(model) / ABILITIES)
        found.save(written[-1])
    if as_json:
        typer.echo(json.dumps(json.loads((out / ABILITIES).read_text(encoding="utf-8")), indent=2))
        return
    for name, grades in found.anomalies.items():
        typer.echo(f"{name}: {', '.join(f'{grade} {hits}' for grade, hits in grades.items())}")
    typer.echo(f"wrote {', '.join(map(str, written))}")

"""`fetalflex experiment anomalies`: every anomaly of the library, shown on images that suit it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fetalflex.cli import options
from fetalflex.cli.locking import keep_for_this_command
from fetalflex.cli.show import progress_bar
from fetalflex.errors import FetalFlexError


def anomalies(
    out: Annotated[Path, typer.Option("--out", help="Folder to write to, such as docs.")],
    model: options.Model = "mini",
    examples: Annotated[
        Path, typer.Option("--examples", help="Data set folder or packed file to take images from.")
    ] = Path("examples"),
    seed: Annotated[int, typer.Option("--seed", min=0, max=2**63 - 1, help="Seed of every variant and image.")] = 0,
    steps: options.Steps = 20,
    device: options.Device = "auto",
    force: options.Force = False,
) -> None:
    """Show every anomaly of the library, in all its grades, on images that suit it.

    OUT/anomalies.md lists all anomalies, with a sheet for each in OUT/images/anomalies: source, layouts before and
    after, syntheses, differences.
    """
    from fetalflex.abilities import abilities_of_named
    from fetalflex.anatomy.anomalies import default_library
    from fetalflex.cli.inputs import load_pipeline, load_registry
    from fetalflex.data import open_dataset
    from fetalflex.experiments.anomaly_plan import image_count, plan_sheets, sheet_files
    from fetalflex.experiments.anomaly_sheets import make_sheets
    from fetalflex.files import check_outputs

    if not examples.exists():
        raise FetalFlexError(f"there is no {examples}; run this in FetalFlex's source folder, or give --examples")
    registry, library = load_registry(None, model), default_library()
    dataset = open_dataset(examples, registry)
    scenes = plan_sheets(library, dataset, registry, seed)
    read = [examples] if examples.is_file() else [examples / scene.record.file_name for scene in scenes if scene.record]
    keep_for_this_command(out)
    check_outputs(sheet_files(scenes, out), read, force)
    pipeline = load_pipeline(model, registry, device)
    count = image_count(scenes)
    with progress_bar("synthesising", count) as show:
        page = make_sheets(pipeline, library, dataset, scenes, out, seed, steps, force, show, abilities_of_named(model))
    typer.echo(f"wrote {count} synthetic images on {sum(map(bool, scenes))} sheets; read {page}")

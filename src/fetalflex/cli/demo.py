"""`fetalflex demo`: a gallery of edits, from the model and the examples in the repository."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fetalflex.cli import options
from fetalflex.errors import FetalFlexError


def demo(
    out: Annotated[Path, typer.Option("--out", help="Folder to write to.")] = Path("demo"),
    model: options.Model = "mini",
    examples: Annotated[
        Path, typer.Option("--examples", help="Data set folder or packed file to take images from.")
    ] = Path("examples"),
    seed: Annotated[int, typer.Option("--seed", min=0, max=2**63 - 1, help="Seed of every image.")] = 0,
    steps: options.Steps = 20,
    per_plane: Annotated[int, typer.Option("--per-plane", min=1, help="Sheets per plane, at most.")] = 1,
    device: options.Device = "auto",
    force: options.Force = False,
) -> None:
    """Make a gallery of edits.

    For each plane a sheet shows a real image, its layout, a synthesis from the same layout, and syntheses after a
    structure was moved, enlarged, shrunk, rotated and removed. OUT/index.html shows all sheets; every synthesis lies
    in OUT/images, with its layout and the recipe of its edit.
    """
    from fetalflex.cli.inputs import load_pipeline, load_registry
    from fetalflex.cli.show import progress_bar
    from fetalflex.data import open_dataset
    from fetalflex.experiments.gallery import GALLERY, gallery_files, image_count, make_gallery, plan_gallery
    from fetalflex.files import check_claimable, check_outputs, locked

    if not examples.exists():
        raise FetalFlexError(f"there is no {examples}; run the demo in FetalFlex's source folder, or give --examples")
    registry = load_registry(None, model)
    dataset = open_dataset(examples, registry)
    scenes = plan_gallery(dataset, registry, per_plane)
    inputs = [examples] if examples.is_file() else [examples / scene.record.file_name for scene in scenes]
    count = image_count(scenes)
    with locked(out):
        check_outputs(gallery_files(scenes, out), inputs, force)
        check_claimable(out, GALLERY)
        pipeline = load_pipeline(model, registry, device)
        with progress_bar("synthesising", count) as show:
            page = make_gallery(pipeline, scenes, out, seed, steps, force, show)
    typer.echo(f"wrote {count} synthetic images; open {page}")

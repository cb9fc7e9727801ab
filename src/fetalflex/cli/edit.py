"""`fetalflex edit`: change a layout, and the image with it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fetalflex.cli import options
from fetalflex.cli.option_groups import with_group
from fetalflex.cli.sampling_options import with_sampling_options
from fetalflex.cli.typed_edits import TypedEdits, typed_edits
from fetalflex.pipeline.sampling import Sampling

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from fetalflex.anatomy import Layout
    from fetalflex.pipeline.pipeline import FetalFlexPipeline
    from fetalflex.pipeline.requests import Request
    from fetalflex.pipeline.synthesis import Synthesis
    from fetalflex.progress import OnProgress

_Image = Annotated[
    str, typer.Argument(metavar="IMAGE", help="Image to edit; with --dataset, the name of an image in it.")
]
_Layout = Annotated[
    Path | None, typer.Option("--layout", help="Layout file: what the image shows.", show_default=False)
]
_SaveRecipe = Annotated[
    Path | None, typer.Option("--save-recipe", help="Write all edits to a recipe file.", show_default=False)
]


@with_sampling_options("guidance_edit", "strength")
@with_group("edits", typed_edits)
def edit(
    context: typer.Context,
    image: _Image,
    out: Annotated[Path, typer.Option("--out", metavar="OUT.png", help="Image file to write.")],
    layout: _Layout = None,
    dataset: options.FromDataset = None,
    *,
    edits: TypedEdits,
    save_recipe: _SaveRecipe = None,
    compare: options.Compare = None,
    model: options.Model = "mini",
    prompt: options.Prompt = None,
    roi: options.EditRoiMode = None,
    mask: options.Mask = None,
    seed: Annotated[int, typer.Option("--seed", min=0, max=2**63 - 1, help="Seed of the noise.")] = 0,
    samples: options.Samples = 1,
    negative_prompt: options.NegativePrompt = None,
    sampling: Sampling = Sampling(strength=1.0),
    device: options.Device = "auto",
    registry_file: options.RegistryFile = None,
    force: options.Force = False,
) -> None:
    """Edit the anatomy of an image.

    Edits are applied in the order given, and every option may be repeated; lateral_ventricle[1] means the second of
    several. A skull, abdomen or thorax takes its contents along. The region to synthesise covers each changed
    structure, where it was and where it is, and a margin; every pixel outside stays as it was. The edited layout is
    written beside the image, as OUT.layout.json.
    """
    from fetalflex.cli import inputs
    from fetalflex.cli.prompt_notes import tell_of_layouts, tell_of_prompts
    from fetalflex.cli.samples import check_sample_outputs, make_samples, plan_samples
    from fetalflex.cli.scans import read_scan
    from fetalflex.experiments.before_after import check_comparison_file, write_comparison
    from fetalflex.pipeline.requests import Request

    planned = plan_samples(out, seed, samples)
    check_comparison_file(compare)
    inputs.check_roi_options(True, roi, mask, sampling.finishing.feather)
    registry = inputs.load_registry(registry_file, model)
    scan = read_scan(image, layout, dataset, registry)
    recipe = edits.recipe_in_order(context)
    after = recipe.apply(scan.layout, registry)
    region = scan.region(mask, roi, options.EditRoi.CHANGED)
    _tell_of_nothing_changed(region, scan.layout, after)
    others = [path for path in (save_recipe, compare) if path is not None]
    read = [path for path in (edits.recipe, mask) if path is not None]
    outputs = check_sample_outputs(planned, after, others, [*scan.files, *read], force)

    pipeline = inputs.load_pipeline(model, registry, device)
    tell_of_prompts(pipeline, model, prompt, negative_prompt)
    tell_of_layouts(pipeline, model, [after])
    roi_mask = pipeline.edit_region(scan.image, scan.layout, after, region)
    wanted = Request.edit(scan.image, scan.layout, after, roi_mask, prompt, negative_prompt=negative_prompt)
    made = make_samples(planned, _making(pipeline, wanted, sampling), force, "synthesising")
    if save_recipe is not None:
        recipe.save(save_recipe)
    if compare is not None:
        write_comparison(compare, scan.image, scan.layout, made, registry, scan.name, force, scan.is_synthetic)
    typer.echo(f"wrote {', '.join(map(str, outputs))}")


def _tell_of_nothing_changed(region: str | NDArray[np.bool_], before: Layout, after: Layout) -> None:
    from fetalflex.anatomy import changed_structures

    if isinstance(region, str) and region == options.EditRoi.CHANGED and not changed_structures(before, after):
        typer.echo("the edits change no structure, so the whole region of the layout is synthesised", err=True)


def _making(
    pipeline: FetalFlexPipeline, wanted: Request, sampling: Sampling
) -> Callable[[list[int], OnProgress], list[Synthesis]]:
    """Return what makes images from seeds."""

    def make(seeds: list[int], tell: OnProgress) -> list[Synthesis]:
        return pipeline.batch([replace(wanted, seed=seed) for seed in seeds], sampling, on_progress=tell)

    return make

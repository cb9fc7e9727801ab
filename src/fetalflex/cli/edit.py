"""`fetalflex edit`: change a layout, and the image with it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from fetalflex.cli import options
from fetalflex.cli.sampling_options import with_sampling_options
from fetalflex.errors import FetalFlexError
from fetalflex.pipeline.sampling import Sampling

if TYPE_CHECKING:
    from fetalflex.anatomy import Recipe

_ORDER = "fetalflex.edit.order"


class EditCommand(TyperCommand):
    """Note the order in which options are typed, which the parsed values no longer show."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the arguments; names of the options, as often as they stand, are kept in the context."""
        _, _, order = self.make_parser(ctx).parse_args(args=list(args))
        ctx.meta[_ORDER] = [parameter.name for parameter in order]
        return super().parse_args(ctx, args)


def _edit_option(kind: str, form: str, text: str) -> Any:
    return typer.Option(f"--{kind}", metavar=form, help=text, show_default=False)


@with_sampling_options("guidance_edit", "strength")
def edit(
    context: typer.Context,
    image: Annotated[
        str, typer.Argument(metavar="IMAGE", help="Image to edit; with --dataset, the name of an image in it.")
    ],
    out: Annotated[Path, typer.Option("--out", metavar="OUT.png", help="Image file to write.")],
    layout: Annotated[
        Path | None, typer.Option("--layout", help="Layout file: what the image shows.", show_default=False)
    ] = None,
    dataset: options.FromDataset = None,
    move: Annotated[
        list[str] | None,
        _edit_option("move", "STRUCTURE:DX,DY", "Move a structure: stomach:+20,-10 or +5%,-3% or +4mm,0mm."),
    ] = None,
    scale: Annotated[
        list[str] | None,
        _edit_option("scale", "STRUCTURE:F[,F]", "Scale about the centre: stomach:1.5 or 150% or 1.5,1.0."),
    ] = None,
    resize: Annotated[
        list[str] | None, _edit_option("resize", "STRUCTURE:WxH", "Set the size: stomach:60x40 or 5%x4%.")
    ] = None,
    rotate: Annotated[
        list[str] | None, _edit_option("rotate", "STRUCTURE:DEGREES", "Rotate clockwise about the centre: skull:15.")
    ] = None,
    remove: Annotated[list[str] | None, _edit_option("remove", "STRUCTURE", "Remove a structure: stomach.")] = None,
    add: Annotated[
        list[str] | None,
        _edit_option("add", "STRUCTURE:X,Y[,WxH]", "Add at a centre: stomach:120,90 (usual size) or 120,90,60x40."),
    ] = None,
    mirror: Annotated[
        list[str] | None, _edit_option("mirror", "AXIS", "Mirror the whole layout: horizontal or vertical.")
    ] = None,
    alone: Annotated[
        bool,
        typer.Option("--alone", help="Move, scale, resize or rotate a skull, abdomen or thorax without its contents."),
    ] = False,
    recipe: Annotated[
        Path | None, typer.Option("--recipe", help="Recipe file of edits, applied first.", show_default=False)
    ] = None,
    save_recipe: Annotated[
        Path | None, typer.Option("--save-recipe", help="Write all edits to a recipe file.", show_default=False)
    ] = None,
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
    from fetalflex.anatomy import changed_structures
    from fetalflex.cli import inputs
    from fetalflex.cli.prompt_notes import tell_of_layouts, tell_of_prompts
    from fetalflex.cli.samples import check_sample_outputs, make_samples, plan_samples
    from fetalflex.cli.scans import read_scan
    from fetalflex.experiments.before_after import check_comparison_file, write_comparison
    from fetalflex.pipeline.requests import Request

    planned = plan_samples(out, seed, samples)
    if compare is not None:
        check_comparison_file(compare)
    inputs.check_roi_options(True, roi, mask, sampling.finishing.feather)
    registry = inputs.load_registry(registry_file, model)
    scan = read_scan(image, layout, dataset, registry)
    typed = {"move": move, "scale": scale, "resize": resize, "rotate": rotate, "remove": remove, "add": add}
    edits = _joined(recipe, typed | {"mirror": mirror}, context.meta[_ORDER], alone)
    after = edits.apply(scan.layout, registry)
    region = inputs.read_region(mask, roi, options.EditRoi.CHANGED)
    if not isinstance(region, str):
        inputs.check_shape(region, str(mask), scan.layout, scan.layout_origin)
    elif region == options.EditRoi.CHANGED and not changed_structures(scan.layout, after):
        typer.echo("the edits change no structure, so the whole region of the layout is synthesised", err=True)
    others = [path for path in (save_recipe, compare) if path is not None]
    read = [*scan.files, *(path for path in (recipe, mask) if path is not None)]
    outputs = check_sample_outputs(planned, after, others, read, force)

    pipeline = inputs.load_pipeline(model, registry, device)
    tell_of_prompts(pipeline, model, prompt, negative_prompt)
    tell_of_layouts(pipeline, model, [after])
    roi_mask = pipeline.edit_region(scan.image, scan.layout, after, region)
    wanted = Request.edit(scan.image, scan.layout, after, roi_mask, prompt, negative_prompt=negative_prompt)
    made = make_samples(
        planned,
        lambda seeds, tell: pipeline.batch([replace(wanted, seed=seed) for seed in seeds], sampling, on_progress=tell),
        force,
        "synthesising",
    )
    if save_recipe is not None:
        edits.save(save_recipe)
    if compare is not None:
        write_comparison(compare, scan.image, scan.layout, made, registry, scan.name, force, scan.is_synthetic)
    typer.echo(f"wrote {', '.join(map(str, outputs))}")


def _joined(recipe: Path | None, typed: dict[str, list[str] | None], order: list[str], alone: bool) -> Recipe:
    """Return the edits of the recipe file, then the typed ones.

    Args:
        recipe: Recipe file.
        typed: Texts of the typed edits by kind.
        order: Names of the options in the order typed.
        alone: Whether typed edits of an outline leave its contents behind.
    """
    from fetalflex.anatomy import Recipe, parse_edit

    first = () if recipe is None else Recipe.load(recipe).edits
    texts = {kind: iter(values or []) for kind, values in typed.items()}
    edits = (*first, *(parse_edit(kind, next(texts[kind]), alone) for kind in order if kind in texts))
    if not edits:
        raise FetalFlexError("there is nothing to edit; give --move, --scale, ... or --recipe with at least one edit")
    return Recipe(edits)

"""`fetalflex edit`: change a layout, and the image with it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from fetalflex.cli import options
from fetalflex.cli.sampling_options import DEFAULTS_OF_EDITS, SamplingOptions, with_sampling_options
from fetalflex.cli.show import progress_bar
from fetalflex.errors import FetalFlexError

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


@with_sampling_options
def edit(
    context: typer.Context,
    image: Annotated[Path, typer.Argument(metavar="IMAGE", help="Image to edit.")],
    layout: Annotated[Path, typer.Option("--layout", help="Layout file: what the image shows.")],
    out: Annotated[Path, typer.Option("--out", metavar="OUT.png", help="Image file to write.")],
    move: Annotated[
        list[str] | None, _edit_option("move", "STRUCTURE:DX,DY", "Move: stomach:+20,-10 or +5%,-3% or +4mm,0mm.")
    ] = None,
    scale: Annotated[
        list[str] | None, _edit_option("scale", "STRUCTURE:F[,F]", "Scale about the centre: stomach:1.5 or 1.5,1.0.")
    ] = None,
    resize: Annotated[
        list[str] | None, _edit_option("resize", "STRUCTURE:WxH", "Give another size: stomach:60x40 or 5%x4%.")
    ] = None,
    rotate: Annotated[
        list[str] | None, _edit_option("rotate", "STRUCTURE:DEGREES", "Turn clockwise about the centre: skull:15.")
    ] = None,
    remove: Annotated[list[str] | None, _edit_option("remove", "STRUCTURE", "Take away: stomach.")] = None,
    add: Annotated[
        list[str] | None,
        _edit_option("add", "STRUCTURE:X,Y[,WxH]", "Add at a centre: stomach:120,90 (usual size) or 120,90,60x40."),
    ] = None,
    mirror: Annotated[
        list[str] | None, _edit_option("mirror", "AXIS", "Mirror the whole layout: horizontal or vertical.")
    ] = None,
    recipe: Annotated[
        Path | None, typer.Option("--recipe", help="Recipe file of edits, applied first.", show_default=False)
    ] = None,
    save_recipe: Annotated[
        Path | None, typer.Option("--save-recipe", help="Write all edits to a recipe file.", show_default=False)
    ] = None,
    model: options.Model = "mini",
    prompt: options.Prompt = None,
    roi: options.RoiMode = None,
    mask: options.Mask = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of the noise.")] = 0,
    negative_prompt: options.NegativePrompt = None,
    sampling: SamplingOptions = DEFAULTS_OF_EDITS,
    device: options.Device = "auto",
    registry_file: options.RegistryFile = None,
    force: options.Force = False,
) -> None:
    """Edit the anatomy of an image.

    Edits are applied in the order typed, each as often as given; lateral_ventricle[1] means the second of several.
    What lay under the structures before and what lies there now is synthesised; every pixel outside stays as it was.
    The edited layout is written beside the image, as OUT.layout.json.
    """
    from fetalflex.cli import inputs
    from fetalflex.cli.jobs import check_outputs
    from fetalflex.data import read_image

    if out.suffix.lower() != ".png":
        raise FetalFlexError(f"--out {out} does not end in .png")
    settings = sampling.settings() | {"prompt": prompt, "negative_prompt": negative_prompt}
    inputs.check_roi_options(True, roi, mask, sampling.feather)
    registry = inputs.load_registry(registry_file, model)
    before = inputs.load_layout(layout, registry)
    pixels = read_image(image)
    inputs.check_shape(pixels, str(image), before, str(layout))
    typed = {"move": move, "scale": scale, "resize": resize, "rotate": rotate, "remove": remove, "add": add}
    edits = _joined(recipe, typed | {"mirror": mirror}, context.meta[_ORDER])
    after = edits.apply(before, registry)
    region = inputs.read_region(mask, roi)
    if not isinstance(region, str):
        inputs.check_shape(region, str(mask), before, str(layout))
    outputs = [out, out.with_suffix(".layout.json"), *([] if save_recipe is None else [save_recipe])]
    check_outputs(outputs, [path for path in (image, layout, recipe, mask) if path is not None], force)

    pipeline = inputs.load_pipeline(model, registry, device)
    with progress_bar("synthesising", 100) as show:
        settings |= {"seed": seed, "callback": lambda _, step: show(100 * (step.index + 1) / step.count)}
        synthesis = pipeline.edit(pixels, before, after, roi=region, **settings)
    synthesis.save(out, force=force)
    if save_recipe is not None:
        save_recipe.parent.mkdir(parents=True, exist_ok=True)
        edits.save(save_recipe)
    typer.echo(f"wrote {', '.join(map(str, outputs))}")


def _joined(recipe: Path | None, typed: dict[str, list[str] | None], order: list[str]) -> Recipe:
    """Return the edits of the recipe file, then the typed ones.

    Args:
        recipe: Recipe file.
        typed: Texts of the typed edits by kind.
        order: Names of the options in the order typed.
    """
    from fetalflex.anatomy import Recipe, parse_edit

    first = () if recipe is None else Recipe.load(recipe).edits
    texts = {kind: iter(values or []) for kind, values in typed.items()}
    edits = (*first, *(parse_edit(kind, next(texts[kind])) for kind in order if kind in texts))
    if not edits:
        raise FetalFlexError("there is nothing to edit; give --move, --scale, ... or --recipe with at least one edit")
    return Recipe(edits)

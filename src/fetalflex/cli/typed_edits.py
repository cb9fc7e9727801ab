"""The options of `fetalflex edit` that change a layout, and the edits that they make, in the order typed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

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


@dataclass(frozen=True)
class TypedEdits:
    """Edits as they were typed.

    Args:
        texts: Texts of the edits by kind, each in the order typed.
        alone: Whether edits of an outline leave its contents behind.
        recipe: Recipe file, whose edits come first.
    """

    texts: dict[str, Sequence[str]]
    alone: bool
    recipe: Path | None

    def recipe_in_order(self, context: typer.Context) -> Recipe:
        """Return the edits of the recipe file, then the typed ones in the order of an `EditCommand`.

        Raises:
            FetalFlexError: If there are none, or one cannot be understood.
        """
        from fetalflex.anatomy import Recipe, parse_edit

        first = () if self.recipe is None else Recipe.load(self.recipe).edits
        texts = {kind: iter(values) for kind, values in self.texts.items()}
        typed = (parse_edit(kind, next(texts[kind]), self.alone) for kind in context.meta[_ORDER] if kind in texts)
        edits = (*first, *typed)
        if not edits:
            raise FetalFlexError(
                "there is nothing to edit; give --move, --scale, ... or --recipe with at least one edit"
            )
        return Recipe(edits)


def _edit_option(kind: str, form: str, text: str) -> Any:
    return typer.Option(f"--{kind}", metavar=form, help=text, show_default=False)


def typed_edits(
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
) -> TypedEdits:
    """Return the edits as typed."""
    kinds = {"move": move, "scale": scale, "resize": resize, "rotate": rotate, "remove": remove, "add": add}
    kinds |= {"mirror": mirror}
    return TypedEdits({kind: texts or () for kind, texts in kinds.items()}, alone, recipe)

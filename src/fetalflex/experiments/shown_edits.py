"""Which edits the gallery shows on which plane."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fetalflex.anatomy import Edit, Layout, Move, Recipe, Registry, Remove, Rotate, Scale
from fetalflex.errors import FetalFlexError

RecipeBuilder = Callable[[Layout, Registry], Recipe]


@dataclass(frozen=True)
class ShownEdit:
    """One edit of the gallery.

    Args:
        name: Part of file names.
        title: What people read above the image.
        build: Gives the recipe for a layout, so that one edit suits images that lie differently.
    """

    name: str
    title: str
    build: RecipeBuilder


def fixed(edit: Edit) -> RecipeBuilder:
    """Return a builder that gives the same edit for every layout."""
    return lambda *_: Recipe((edit,))


def towards_centre(structure: str, share: float) -> RecipeBuilder:
    """Return a builder that moves one structure towards the centre of the plane's outline.

    Args:
        structure: Canonical name; all structures of that name are moved alike, as the first of them needs it.
        share: Share of the way; 1 ends at the centre, more than 1 beyond it.
    """

    def build(layout: Layout, registry: Registry) -> Recipe:
        found, outline = layout.find(structure), layout.outline(registry)
        if not found or outline is None:
            raise FetalFlexError(f"the layout holds no {structure} inside an outline; it holds {layout.names()}")
        dx, dy = outline.box.cx - found[0].box.cx, outline.box.cy - found[0].box.cy
        return Recipe((Move(structure, share * dx, share * dy),))

    return build


def grown_downwards(structure: str, factor: float) -> RecipeBuilder:
    """Return a builder that makes a structure `factor` times as high while its upper edge stays where it is."""

    def build(layout: Layout, registry: Registry) -> Recipe:
        del registry
        heights = [placed.box.height for placed in layout.find(structure)]
        if not heights:
            raise FetalFlexError(f"the layout holds no {structure}; it holds {layout.names()}")
        return Recipe((Scale(structure, 1.0, factor), Move(structure, 0.0, (factor - 1) / 2 * heights[0])))

    return build


SHOWN_EDITS: dict[str, tuple[ShownEdit, ...]] = {
    "thalamic_transverse": (
        ShownEdit("head-moved", "Head moved", fixed(Move("skull", 0.1, 0.0, "fraction"))),
        ShownEdit("head-enlarged", "Head enlarged to 115%", fixed(Scale("skull", 1.15))),
        ShownEdit("head-shrunk", "Head shrunk to 80%", fixed(Scale("skull", 0.8))),
        ShownEdit("head-rotated", "Head rotated by 15°", fixed(Rotate("skull", 15.0))),
        ShownEdit("csp-removed", "Cavum septi pellucidi removed", fixed(Remove("cavum_septi_pellucidi"))),
    ),
    "ventricular_transverse": (
        ShownEdit("ventricle-moved", "Lateral ventricle moved", towards_centre("lateral_ventricle", 0.4)),
        ShownEdit("ventricle-enlarged", "Lateral ventricle enlarged to 180%", fixed(Scale("lateral_ventricle", 1.8))),
        ShownEdit("ventricle-shrunk", "Lateral ventricle shrunk to 60%", fixed(Scale("lateral_ventricle", 0.6))),
        ShownEdit("head-rotated", "Head rotated by 15°", fixed(Rotate("skull", 15.0))),
        ShownEdit("ventricle-removed", "Lateral ventricle removed", fixed(Remove("lateral_ventricle"))),
    ),
    "facial_sagittal": (
        ShownEdit("palate-moved", "Palate moved", fixed(Move("palate", 0.0, 0.1, "fraction"))),
        ShownEdit("nt-enlarged", "Nuchal translucency thickened", grown_downwards("nuchal_translucency", 1.8)),
        ShownEdit("palate-shrunk", "Palate shrunk to 60%", fixed(Scale("palate", 0.6))),
        ShownEdit("palate-rotated", "Palate rotated by 30°", fixed(Rotate("palate", 30.0))),
        ShownEdit("nasal-bone-removed", "Nasal bone removed", fixed(Remove("nasal_bone"))),
    ),
    "abdominal_transverse": (
        ShownEdit("stomach-moved", "Stomach moved", towards_centre("stomach", 1.7)),
        ShownEdit("stomach-enlarged", "Stomach enlarged to 150%", fixed(Scale("stomach", 1.5))),
        ShownEdit("stomach-shrunk", "Stomach shrunk to 60%", fixed(Scale("stomach", 0.6))),
        ShownEdit("stomach-rotated", "Stomach rotated by 30°", fixed(Rotate("stomach", 30.0))),
        ShownEdit("stomach-removed", "Stomach removed", fixed(Remove("stomach"))),
    ),
}
"""Edits by plane, in the order of the gallery."""

"""Planes, structures, layouts, edits, prompts, and the drawing of layout maps and masks. No torch."""

from fetalflex.anatomy.box import Box
from fetalflex.anatomy.canvas import Canvas
from fetalflex.anatomy.close_up import CloseUp
from fetalflex.anatomy.drawing import draw_layout_map, draw_overlay, draw_roi_mask
from fetalflex.anatomy.edit_text import parse_edit
from fetalflex.anatomy.edits import EDIT_KINDS, Add, Edit, Mirror, Move, Remove, Resize, Rotate, Scale
from fetalflex.anatomy.layout import Layout, PlacedStructure, layout_schema
from fetalflex.anatomy.planes import Plane, Structure
from fetalflex.anatomy.prompts import global_prompt, prompt_corpus
from fetalflex.anatomy.recipe import Recipe
from fetalflex.anatomy.registry import Registry, default_registry, model_registry

__all__ = [
    "EDIT_KINDS",
    "Add",
    "Box",
    "Canvas",
    "CloseUp",
    "Edit",
    "Layout",
    "Mirror",
    "Move",
    "PlacedStructure",
    "Plane",
    "Recipe",
    "Registry",
    "Remove",
    "Resize",
    "Rotate",
    "Scale",
    "Structure",
    "default_registry",
    "draw_layout_map",
    "draw_overlay",
    "draw_roi_mask",
    "global_prompt",
    "layout_schema",
    "model_registry",
    "parse_edit",
    "prompt_corpus",
]

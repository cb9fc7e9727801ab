"""Planes, structures, layouts, edits, growth, prompts, and the drawing of layout maps and masks. No torch."""

from fetalflex.anatomy.biometry.charts import GROWTH_CHARTS, chart_of
from fetalflex.anatomy.biometry.gestational_age import GestationalAge
from fetalflex.anatomy.biometry.measures import MEASURES, measure, measure_all
from fetalflex.anatomy.biometry.recipe import biometry_recipe, centile_of, set_biometry
from fetalflex.anatomy.biometry.targets import GrowthTarget, parse_growth_target
from fetalflex.anatomy.box import Box
from fetalflex.anatomy.canvas import Canvas
from fetalflex.anatomy.changed import changed_structures
from fetalflex.anatomy.close_up import CloseUp
from fetalflex.anatomy.drawing import draw_layout_map, draw_overlay
from fetalflex.anatomy.edit_text import parse_edit
from fetalflex.anatomy.edits import EDIT_KINDS, Add, Edit, Mirror, Move, Remove, Resize, Rotate, Scale
from fetalflex.anatomy.layout import Layout, PlacedStructure, layout_schema
from fetalflex.anatomy.planes import Plane, Structure
from fetalflex.anatomy.prompts import global_prompt, prompt_corpus
from fetalflex.anatomy.recipe import Recipe
from fetalflex.anatomy.region import (
    CHANGE_MARGIN,
    CHANGED,
    EDIT_ROI_MODES,
    ROI_MODES,
    draw_change_mask,
    draw_edit_mask,
    draw_organ_mask,
    draw_roi_mask,
    draw_structures_mask,
)
from fetalflex.anatomy.registry import Registry, default_registry, model_registry

__all__ = [
    "CHANGED",
    "CHANGE_MARGIN",
    "EDIT_KINDS",
    "EDIT_ROI_MODES",
    "GROWTH_CHARTS",
    "MEASURES",
    "ROI_MODES",
    "Add",
    "Box",
    "Canvas",
    "CloseUp",
    "Edit",
    "GestationalAge",
    "GrowthTarget",
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
    "biometry_recipe",
    "centile_of",
    "changed_structures",
    "chart_of",
    "default_registry",
    "draw_change_mask",
    "draw_edit_mask",
    "draw_layout_map",
    "draw_organ_mask",
    "draw_overlay",
    "draw_roi_mask",
    "draw_structures_mask",
    "global_prompt",
    "layout_schema",
    "measure",
    "measure_all",
    "model_registry",
    "parse_edit",
    "parse_growth_target",
    "prompt_corpus",
    "set_biometry",
]

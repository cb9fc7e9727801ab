"""FetalFlex: fetal ultrasound image synthesis under anatomical control. Research and education only."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fetalflex.anatomy import (
        Add,
        Box,
        CloseUp,
        GestationalAge,
        Layout,
        Mirror,
        Move,
        PlacedStructure,
        Recipe,
        Registry,
        Remove,
        Resize,
        Rotate,
        Scale,
        biometry_recipe,
        centile_of,
        default_registry,
        draw_change_mask,
        draw_layout_map,
        draw_organ_mask,
        draw_overlay,
        draw_roi_mask,
        measure,
        measure_all,
        parse_growth_target,
        set_biometry,
    )
    from fetalflex.anatomy.anomalies import AnomalyLibrary, Variant, default_library
    from fetalflex.counterfactuals import CounterfactualPair, save_pair, synthesise_pairs
    from fetalflex.data import Dataset, DatasetFolder, Record, export, open_dataset, prepare, read_image
    from fetalflex.detection import Detection, Detector
    from fetalflex.diffusion.guidance import Guidance
    from fetalflex.diffusion.resampling import Resampling
    from fetalflex.diffusion.smoothing import Smoothing
    from fetalflex.errors import FetalFlexError
    from fetalflex.finishing import Finishing
    from fetalflex.pipeline.pipeline import FetalFlexPipeline
    from fetalflex.pipeline.requests import Request
    from fetalflex.pipeline.sampling import Sampling
    from fetalflex.pipeline.synthesis import Synthesis

__version__ = "0.1.0"

_HOMES = {
    "Add": "anatomy",
    "AnomalyLibrary": "anatomy.anomalies",
    "Box": "anatomy",
    "CloseUp": "anatomy",
    "CounterfactualPair": "counterfactuals",
    "Dataset": "data",
    "DatasetFolder": "data",
    "Detection": "detection",
    "Detector": "detection",
    "FetalFlexError": "errors",
    "FetalFlexPipeline": "pipeline.pipeline",
    "Finishing": "finishing",
    "GestationalAge": "anatomy",
    "Guidance": "diffusion.guidance",
    "Layout": "anatomy",
    "Mirror": "anatomy",
    "Move": "anatomy",
    "PlacedStructure": "anatomy",
    "Recipe": "anatomy",
    "Record": "data",
    "Registry": "anatomy",
    "Remove": "anatomy",
    "Request": "pipeline.requests",
    "Resampling": "diffusion.resampling",
    "Resize": "anatomy",
    "Rotate": "anatomy",
    "Sampling": "pipeline.sampling",
    "Scale": "anatomy",
    "Smoothing": "diffusion.smoothing",
    "Synthesis": "pipeline.synthesis",
    "Variant": "anatomy.anomalies",
    "biometry_recipe": "anatomy",
    "centile_of": "anatomy",
    "default_library": "anatomy.anomalies",
    "default_registry": "anatomy",
    "draw_change_mask": "anatomy",
    "draw_layout_map": "anatomy",
    "draw_organ_mask": "anatomy",
    "draw_overlay": "anatomy",
    "draw_roi_mask": "anatomy",
    "export": "data",
    "measure": "anatomy",
    "measure_all": "anatomy",
    "open_dataset": "data",
    "parse_growth_target": "anatomy",
    "prepare": "data",
    "read_image": "data",
    "save_pair": "counterfactuals",
    "set_biometry": "anatomy",
    "synthesise_pairs": "counterfactuals",
}

__all__ = [
    "Add",
    "AnomalyLibrary",
    "Box",
    "CloseUp",
    "CounterfactualPair",
    "Dataset",
    "DatasetFolder",
    "Detection",
    "Detector",
    "FetalFlexError",
    "FetalFlexPipeline",
    "Finishing",
    "GestationalAge",
    "Guidance",
    "Layout",
    "Mirror",
    "Move",
    "PlacedStructure",
    "Recipe",
    "Record",
    "Registry",
    "Remove",
    "Request",
    "Resampling",
    "Resize",
    "Rotate",
    "Sampling",
    "Scale",
    "Smoothing",
    "Synthesis",
    "Variant",
    "__version__",
    "biometry_recipe",
    "centile_of",
    "default_library",
    "default_registry",
    "draw_change_mask",
    "draw_layout_map",
    "draw_organ_mask",
    "draw_overlay",
    "draw_roi_mask",
    "export",
    "measure",
    "measure_all",
    "open_dataset",
    "parse_growth_target",
    "prepare",
    "read_image",
    "save_pair",
    "set_biometry",
    "synthesise_pairs",
]


if not TYPE_CHECKING:  # for type checkers there are the names above and no others

    def __getattr__(name: str) -> object:
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(import_module(f"fetalflex.{_HOMES[name]}"), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

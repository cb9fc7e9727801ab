"""FetalFlex: fetal ultrasound image synthesis under anatomical control. Research and education only."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fetalflex.anatomy import Box, Layout, Recipe, Registry
    from fetalflex.diffusion.guidance import Guidance
    from fetalflex.errors import FetalFlexError
    from fetalflex.pipeline.pipeline import FetalFlexPipeline
    from fetalflex.pipeline.synthesis import Synthesis

__version__ = "0.1.0"

_HOMES = {
    "Box": "fetalflex.anatomy",
    "FetalFlexError": "fetalflex.errors",
    "FetalFlexPipeline": "fetalflex.pipeline.pipeline",
    "Guidance": "fetalflex.diffusion.guidance",
    "Layout": "fetalflex.anatomy",
    "Recipe": "fetalflex.anatomy",
    "Registry": "fetalflex.anatomy",
    "Synthesis": "fetalflex.pipeline.synthesis",
}

__all__ = [
    "Box",
    "FetalFlexError",
    "FetalFlexPipeline",
    "Guidance",
    "Layout",
    "Recipe",
    "Registry",
    "Synthesis",
    "__version__",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)

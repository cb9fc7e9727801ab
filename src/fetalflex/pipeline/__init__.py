"""Layouts in, synthetic images out."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fetalflex.pipeline.pipeline import FetalFlexPipeline
    from fetalflex.pipeline.requests import Request
    from fetalflex.pipeline.sampling import Sampling
    from fetalflex.pipeline.synthesis import Synthesis

_HOMES = {"FetalFlexPipeline": "pipeline", "Request": "requests", "Sampling": "sampling", "Synthesis": "synthesis"}

__all__ = ["FetalFlexPipeline", "Request", "Sampling", "Synthesis"]


if not TYPE_CHECKING:  # for type checkers there are the names above and no others

    def __getattr__(name: str) -> object:
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(f"fetalflex.pipeline.{_HOMES[name]}"), name)

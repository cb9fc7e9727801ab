"""Detection: images in, layouts out; and how well a detector does."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fetalflex.detection.detector import Detector
    from fetalflex.detection.found import Detection

_HOMES = {"Detection": "found", "Detector": "detector"}

__all__ = ["Detection", "Detector"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"fetalflex.detection.{_HOMES[name]}"), name)

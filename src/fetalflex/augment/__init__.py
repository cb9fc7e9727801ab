"""Labelled data sets in bulk: a plan, and from it many normal and abnormal images, checked and reproducible."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fetalflex.augment.making import augment
    from fetalflex.augment.outcomes import Outcome
    from fetalflex.augment.plan import Plan, load_plan
    from fetalflex.augment.planned import PlannedImage
    from fetalflex.augment.planning import plan_images
    from fetalflex.augment.report import Report

_HOMES = {
    "Outcome": "outcomes",
    "Plan": "plan",
    "PlannedImage": "planned",
    "Report": "report",
    "augment": "making",
    "load_plan": "plan",
    "plan_images": "planning",
}

__all__ = ["Outcome", "Plan", "PlannedImage", "Report", "augment", "load_plan", "plan_images"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"fetalflex.augment.{_HOMES[name]}"), name)

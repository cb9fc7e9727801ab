"""Labelled data sets in bulk: a plan, and from it many normal and abnormal images, checked and reproducible."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fetalflex.augment.plan import Plan, load_plan
    from fetalflex.augment.planning import plan_samples
    from fetalflex.augment.report import Report
    from fetalflex.augment.samples import Sample
    from fetalflex.augment.set_making import augment

_HOMES = {
    "Plan": "plan",
    "Report": "report",
    "Sample": "samples",
    "augment": "set_making",
    "load_plan": "plan",
    "plan_samples": "planning",
}

__all__ = ["Plan", "Report", "Sample", "augment", "load_plan", "plan_samples"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"fetalflex.augment.{_HOMES[name]}"), name)

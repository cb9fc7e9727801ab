"""Anomalies as programmes that change layouts: grades, thresholds with sources, plausible variants."""

from fetalflex.anatomy.anomalies.anomaly import Anomaly, Severity
from fetalflex.anatomy.anomalies.demands import Demand, Sign, Test
from fetalflex.anatomy.anomalies.library import AnomalyLibrary, default_library
from fetalflex.anatomy.anomalies.rules import Plausibility, Rules
from fetalflex.anatomy.anomalies.variant import Variant

__all__ = [
    "Anomaly",
    "AnomalyLibrary",
    "Demand",
    "Plausibility",
    "Rules",
    "Severity",
    "Sign",
    "Test",
    "Variant",
    "default_library",
]

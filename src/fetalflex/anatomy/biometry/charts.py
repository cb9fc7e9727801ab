"""The growth charts that come with the package.

A chart is here only if its numbers could be checked twice: the INTERGROWTH-21st equations give the project's printed
z-score tables; the ventricle's mean and deviation give the limit of 10 mm (mean + 3 SD) that the same paper states.
There is none of nasal bone length, whose published ranges contradict each other, nor of nuchal translucency, whose
ranges follow the crown-rump length and not the age. Both can be measured, and set in millimetres.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from fetalflex.anatomy.biometry.curves import GrowthChart, GrowthCurve
from fetalflex.anatomy.biometry.gestational_age import GestationalAge
from fetalflex.anatomy.biometry.measures import find_measure
from fetalflex.errors import FetalFlexError

_INTERGROWTH = (
    "A. T. Papageorghiou et al., International standards for fetal growth based on serial ultrasound measurements: the "
    "Fetal Growth Longitudinal Study of the INTERGROWTH-21st Project, Lancet 2014; 384: 869-879, "
    "doi 10.1016/S0140-6736(14)61490-2"
)
_ALMOG = (
    "B. Almog et al., Fetal lateral ventricular width: what should be its upper limit? A prospective cohort study and "
    "reanalysis of the current and previous data, J Ultrasound Med 2003; 22: 39-43 (8216 fetuses, pooled)"
)


def _intergrowth(measure: str, mean: GrowthCurve, sd: GrowthCurve) -> GrowthChart:
    first, last = GestationalAge.from_weeks(14), GestationalAge.from_weeks(40)
    return GrowthChart(measure, "INTERGROWTH-21st", _INTERGROWTH, first, last, mean, sd)


GROWTH_CHARTS: Mapping[str, GrowthChart] = MappingProxyType(
    {
        chart.measure: chart
        for chart in (
            _intergrowth(
                "HC",
                mean=GrowthCurve(((-28.2849, 0, 0), (1.69267, 2, 0), (-0.397485, 2, 1))),
                sd=GrowthCurve(((1.98735, 0, 0), (0.0136772, 3, 0), (-0.00726264, 3, 1), (0.000976253, 3, 2))),
            ),
            _intergrowth(
                "BPD",
                mean=GrowthCurve(((5.60878, 0, 0), (0.158369, 2, 0), (-0.00256379, 3, 0))),
                sd=GrowthCurve(
                    ((0.101242, 0, 0), (0.00150557, 3, 0), (-0.000771535, 3, 1), (0.0000999638, 3, 2)),
                    of_logarithm=True,
                ),
            ),
            _intergrowth(
                "OFD",
                mean=GrowthCurve(((-12.4097, 0, 0), (0.626342, 2, 0), (-0.148075, 2, 1))),
                sd=GrowthCurve(
                    ((-0.880034, 0, 0), (0.0631165, 2, 0), (-0.0317136, 2, 1), (0.00408302, 2, 2)), of_logarithm=True
                ),
            ),
            _intergrowth(
                "AC",
                mean=GrowthCurve(((-81.3243, 0, 0), (11.6772, 1, 0), (-0.000561865, 3, 0))),
                sd=GrowthCurve(((-4.36302, 0, 0), (0.121445, 2, 0), (-0.0130256, 3, 0), (0.00282143, 3, 1))),
            ),
            GrowthChart(
                "LV",
                "Almog 2003",
                _ALMOG,
                first=GestationalAge.from_weeks(20),
                last=GestationalAge.from_weeks(40),
                mean=GrowthCurve(((6.4, 0, 0),)),
                sd=GrowthCurve(((1.2, 0, 0),)),
            ),
        )
    }
)


def chart_of(measure: str, charts: Mapping[str, GrowthChart] = GROWTH_CHARTS) -> GrowthChart:
    """Return the chart of a measure, by abbreviation or title.

    Args:
        measure: as `biometry.find_measure` takes it.
        charts: by abbreviation; those of the package, or your own.

    Raises:
        FetalFlexError: an unknown measure, or one without a chart.
    """
    name = find_measure(measure).name
    if name not in charts:
        raise FetalFlexError(f"there is no growth chart of {name}, only of {', '.join(charts)}; give {name} in mm")
    return charts[name]

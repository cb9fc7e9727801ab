from __future__ import annotations

from itertools import pairwise

import pytest

from fetalflex.anatomy import GROWTH_CHARTS, GestationalAge, chart_of
from fetalflex.anatomy.biometry.measures import MEASURES
from fetalflex.errors import FetalFlexError

INTERGROWTH = ("HC", "BPD", "OFD", "AC")

# Millimetres at -3, -2, ... 3 SD and completed weeks, from the project's printed z-score tables.
PRINTED = {
    "HC": {
        14: (81.1, 86.7, 92.3, 97.9, 103.5, 109.0, 114.6),
        20: (150.2, 157.6, 165.0, 172.5, 179.9, 187.4, 194.8),
        30: (250.6, 259.9, 269.1, 278.4, 287.6, 296.9, 306.1),
        40: (295.2, 308.1, 321.0, 333.9, 346.9, 359.8, 372.7),
    },
    "BPD": {
        14: (24.4, 26.1, 27.9, 29.6, 31.4, 33.1, 34.8),
        20: (41.5, 43.8, 46.1, 48.4, 50.7, 53.0, 55.3),
        30: (69.7, 72.8, 75.8, 78.9, 82.0, 85.1, 88.1),
        40: (83.1, 87.1, 91.0, 94.9, 98.8, 102.7, 106.7),
    },
    "OFD": {
        14: (28.0, 29.9, 31.8, 33.8, 35.7, 37.6, 39.6),
        20: (52.4, 55.1, 57.9, 60.7, 63.5, 66.2, 69.0),
        30: (86.4, 90.3, 94.1, 98.0, 101.9, 105.8, 109.7),
        40: (97.2, 103.4, 109.6, 115.8, 122.0, 128.2, 134.4),
    },
    "AC": {
        14: (68.2, 72.4, 76.5, 80.6, 84.7, 88.9, 93.0),
        20: (124.8, 132.5, 140.1, 147.7, 155.4, 163.0, 170.6),
        30: (216.8, 229.1, 241.5, 253.8, 266.2, 278.5, 290.9),
        40: (282.6, 305.0, 327.4, 349.8, 372.2, 394.6, 417.1),
    },
}


@pytest.mark.parametrize("name", INTERGROWTH)
def test_equations_give_the_printed_tables(name):
    """To the printed tenth of a millimetre; one value of BPD at 40 weeks lies 0.06 mm off."""
    for weeks, row in PRINTED[name].items():
        age = GestationalAge.from_weeks(weeks)
        for z_score, printed in zip(range(-3, 4), row, strict=True):
            assert GROWTH_CHARTS[name].value(z_score, age) == pytest.approx(printed, abs=0.06)


@pytest.mark.parametrize(("centile", "mm"), [(3, 158.5), (5, 160.2), (10, 163.0), (50, 172.5), (90, 182.0)])
def test_printed_centiles_of_head_circumference_at_20_weeks(centile, mm):
    age = GestationalAge.from_weeks(20)
    assert GROWTH_CHARTS["HC"].value_at_centile(centile, age) == pytest.approx(mm, abs=0.06)


@pytest.mark.parametrize("name", INTERGROWTH)
def test_what_grows_grows_every_day_and_spreads_are_positive(name):
    chart = GROWTH_CHARTS[name]
    weeks = [days / 7 for days in range(chart.first.days, chart.last.days + 1)]
    means = [chart.mean(week) for week in weeks]
    assert all(earlier < later for earlier, later in pairwise(means))
    assert all(0.02 < chart.sd(week) / mean < 0.08 for week, mean in zip(weeks, means, strict=True))


@pytest.mark.parametrize("weeks", [20, 28, 40])
def test_three_deviations_of_the_ventricle_are_10_mm(weeks):
    assert GROWTH_CHARTS["LV"].value(3, GestationalAge.from_weeks(weeks)) == pytest.approx(10)


def test_charts_are_of_known_measures_and_name_their_source():
    assert set(GROWTH_CHARTS) < {known.name for known in MEASURES}
    for name, chart in GROWTH_CHARTS.items():
        assert chart.measure == name
        assert any(year in chart.source for year in ("2003", "2014"))
        assert chart.first < chart.last


def test_charts_are_found_by_title_and_missing_ones_named():
    assert chart_of("head circumference") is GROWTH_CHARTS["HC"]
    with pytest.raises(FetalFlexError, match=r"no growth chart of NT, only of HC, BPD, OFD, AC, LV; give NT in mm"):
        chart_of("NT")
    with pytest.raises(FetalFlexError, match="unknown measure 'FL'"):
        chart_of("FL")

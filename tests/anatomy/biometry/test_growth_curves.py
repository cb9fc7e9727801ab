from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import ndtr, ndtri

from fetalflex.anatomy import GROWTH_CHARTS, GestationalAge
from fetalflex.anatomy.biometry.curves import GrowthChart, GrowthCurve, centile_of_z, z_of_centile
from fetalflex.errors import FetalFlexError

HC = GROWTH_CHARTS["HC"]
charts = st.sampled_from(list(GROWTH_CHARTS.values()))


@st.composite
def charted_ages(draw: st.DrawFn) -> tuple[GrowthChart, GestationalAge]:
    chart = draw(charts)
    return chart, GestationalAge(draw(st.integers(chart.first.days, chart.last.days)))


@given(charted_ages(), st.floats(0.1, 99.9))
def test_centile_to_value_to_centile(charted, centile):
    chart, age = charted
    assert chart.centile(chart.value_at_centile(centile, age), age) == pytest.approx(centile, rel=1e-9)


@given(charted_ages(), st.floats(-5, 5))
def test_z_score_to_value_to_z_score(charted, z_score):
    chart, age = charted
    assert chart.z_score(chart.value(z_score, age), age) == pytest.approx(z_score, abs=1e-9)


@given(st.integers(14 * 7, 40 * 7), st.sampled_from(["HC", "BPD", "OFD", "AC"]))
def test_the_age_of_a_median_is_its_age(days, name):
    chart, age = GROWTH_CHARTS[name], GestationalAge(days)
    assert chart.age_at(chart.value_at_centile(50, age)) == age


@given(st.floats(-9, 9))
def test_centiles_are_those_of_the_normal_distribution(z_score):
    assert centile_of_z(z_score) == pytest.approx(100 * ndtr(z_score), rel=1e-9)
    if 1e-9 < centile_of_z(z_score) < 100 - 1e-9:
        assert z_of_centile(centile_of_z(z_score)) == pytest.approx(ndtri(centile_of_z(z_score) / 100), abs=1e-9)


def test_a_curve_is_the_sum_of_its_terms():
    terms = ((2.0, 0, 0), (3.0, 2, 0), (-1.0, 2, 1), (0.5, -1, 2))
    at_20 = 2 + 3 * 400 - 400 * math.log(20) + 0.5 / 20 * math.log(20) ** 2
    assert GrowthCurve(terms)(20) == pytest.approx(at_20)
    assert GrowthCurve(((0.5, 0, 0), (0.1, 1, 0)), of_logarithm=True)(20) == pytest.approx(math.exp(2.5))


@pytest.mark.parametrize("weeks", [13.8, 40.2])
def test_an_age_outside_the_chart_is_refused(weeks):
    age = GestationalAge.from_weeks(weeks)
    reason = rf"gestational age {age} is outside the chart INTERGROWTH-21st of HC, which covers 14w0d to 40w0d"
    for ask in (HC.z_score, HC.centile, HC.value, HC.value_at_centile):
        with pytest.raises(FetalFlexError, match=reason):
            ask(50, age)


def test_what_cannot_be_answered_is_refused():
    age = GestationalAge.from_weeks(20)
    with pytest.raises(FetalFlexError, match=r"HC of 44.3 mm .* at no age .* 97.9 mm at 14w0d and 333.9 mm at 40w0d"):
        HC.age_at(44.3)
    with pytest.raises(FetalFlexError, match="LV hardly changes with gestational age"):
        GROWTH_CHARTS["LV"].age_at(6.4)
    with pytest.raises(FetalFlexError, match=r"LV z-score -6 at 20w0d is -0.8 mm"):
        GROWTH_CHARTS["LV"].value(-6, age)
    with pytest.raises(FetalFlexError, match="HC in mm must be greater than 0"):
        HC.z_score(0, age)
    for centile in (0, 100, -1, 140):
        with pytest.raises(FetalFlexError, match="centile must be above 0 and below 100"):
            HC.value_at_centile(centile, age)

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fetalflex.anatomy import GROWTH_CHARTS, MEASURES, GestationalAge, GrowthTarget, parse_growth_target
from fetalflex.errors import FetalFlexError

AGE = GestationalAge.parse("22w3d")
names = st.sampled_from([measure.name for measure in MEASURES])
ages = st.builds(GestationalAge, st.integers(0, 315))
targets = st.one_of(
    st.builds(GrowthTarget, names, st.floats(0.1, 500), st.just("mm"), st.one_of(st.none(), ages)),
    st.builds(GrowthTarget, names, st.floats(0.1, 99.9), st.just("centile"), ages),
    st.builds(GrowthTarget, names, st.integers(1, 99), st.just("centile"), ages),
    st.builds(GrowthTarget, names, st.floats(-6, 6), st.just("SD"), ages),
)


@given(targets)
def test_what_is_printed_reads_back(target):
    assert parse_growth_target(str(target)) == target


@pytest.mark.parametrize(
    "text",
    [
        "22w3d, HC 5th centile",
        "22+3, head circumference 5 centile",
        "22.43,hc: 5th percentile",
        " 22 weeks 3 days , HC = 5.0th Percentile ",
        "22w3d, head-circumference 5th centile",
    ],
)
def test_forms_of_one_target(text):
    assert parse_growth_target(text) == GrowthTarget("HC", 5, "centile", AGE)


@pytest.mark.parametrize(
    ("text", "target", "printed"),
    [
        ("HC 175 mm", GrowthTarget("HC", 175), "HC 175 mm"),
        ("22w3d, LV 12.5mm", GrowthTarget("LV", 12.5, "mm", AGE), "22w3d, LV 12.5 mm"),
        ("22w3d, BPD -2 SD", GrowthTarget("BPD", -2, "SD", AGE), "22w3d, BPD -2 SD"),
        ("22w3d, AC +1.5 sd", GrowthTarget("AC", 1.5, "SD", AGE), "22w3d, AC 1.5 SD"),
        ("22w3d, OFD 3rd centile", GrowthTarget("OFD", 3, "centile", AGE), "22w3d, OFD 3rd centile"),
        ("22w3d, OFD 2.5th centile", GrowthTarget("OFD", 2.5, "centile", AGE), "22w3d, OFD 2.5th centile"),
    ],
)
def test_units(text, target, printed):
    assert parse_growth_target(text) == target
    assert str(target) == printed


@pytest.mark.parametrize(
    ("number", "ending"), [(1, "1st"), (2, "2nd"), (11, "11th"), (12, "12th"), (91, "91st"), (50, "50th")]
)
def test_ordinals(number, ending):
    assert f"HC {ending} centile" in str(GrowthTarget("HC", number, "centile", AGE))


def test_millimetres_come_from_the_chart():
    chart = GROWTH_CHARTS["HC"]
    assert parse_growth_target("22w3d, HC 5th centile").millimetres() == chart.value_at_centile(5, AGE)
    assert parse_growth_target("22w3d, HC -2 SD").millimetres() == chart.value(-2, AGE)
    assert parse_growth_target("NT 3.5 mm").millimetres() == 3.5


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("HC", "cannot be read; write for example '22w3d, HC 5th centile'"),
        ("HC 5", "cannot be read"),
        (", HC 5 mm", "cannot be read"),
        ("22w3d HC 5th centile", "cannot be read"),
        ("5th centile", "cannot be read"),
        ("HC 5 cm", "cannot be read"),
        ("HC 5th centile", r"HC 5th centile needs a gestational age, as in '22w3d, HC 5th centile'"),
        ("22w3d, HC 0th centile", "centile must be above 0 and below 100, got 0"),
        ("22w3d, HC 100 centile", "centile must be above 0 and below 100, got 100"),
        ("22w9d, HC 5th centile", "days must be 0 to 6"),
        ("22w3d, XY 5th centile", "unknown measure 'XY'"),
        ("HC -5 mm", "HC mm must be greater than 0"),
        ("HC 1e999 mm", "HC mm must be finite"),
        (5, "growth target must be a text, got 5"),
    ],
)
def test_what_is_no_target_is_refused(text, reason):
    with pytest.raises(FetalFlexError, match=reason):
        parse_growth_target(text)


def test_targets_that_no_chart_answers():
    with pytest.raises(FetalFlexError, match="no growth chart of NB, only of HC"):
        parse_growth_target("12w3d, NB 5th centile").millimetres()
    with pytest.raises(FetalFlexError, match="13w6d is outside the chart INTERGROWTH-21st of HC, which covers 14w0d"):
        parse_growth_target("13w6d, HC 5th centile").millimetres()
    with pytest.raises(FetalFlexError, match="HC unit must be one of mm, centile, SD"):
        GrowthTarget("HC", 5, "cm")

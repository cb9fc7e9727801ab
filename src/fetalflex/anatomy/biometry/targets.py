"""What a measure is to become: so many millimetres, or a centile or z-score at a gestational age."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from fetalflex.anatomy.biometry.charts import GROWTH_CHARTS, chart_of
from fetalflex.anatomy.biometry.curves import GrowthChart, z_of_centile
from fetalflex.anatomy.biometry.gestational_age import GestationalAge
from fetalflex.anatomy.biometry.measures import find_measure
from fetalflex.checks import finite_number, one_of, positive_number, shown
from fetalflex.errors import FetalFlexError

TARGET_UNITS = ("mm", "centile", "SD")
_NUMBER = r"(?P<number>[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)"
_UNIT = r"(?P<unit>mm|(?:st|nd|rd|th)?\s*(?:per)?centile|SD)"
_TARGET = re.compile(rf"(?P<measure>[a-z][a-z \-_]*?)\s*[:=]?\s*{_NUMBER}\s*{_UNIT}", re.IGNORECASE)
_EXAMPLES = "write for example '22w3d, HC 5th centile', '22w3d, HC -2 SD' or 'HC 175 mm'"


@dataclass(frozen=True, slots=True)
class GrowthTarget:
    """What a measure is to become.

    Args:
        measure: abbreviation or title; kept as the abbreviation.
        number: millimetres, > 0; a centile, above 0 and below 100; or a z-score.
        unit: `mm`, `centile` or `SD` (standard deviations from the mean: a z-score).
        age: gestational age; needed for a centile or z-score.

    Raises:
        FetalFlexError: an unknown measure or unit, a number out of range, or no age where one is needed.
    """

    measure: str
    number: float
    unit: str = "mm"
    age: GestationalAge | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "measure", find_measure(self.measure).name)
        one_of(self.unit, f"{self.measure} unit", TARGET_UNITS)
        check = positive_number if self.unit == "mm" else finite_number
        object.__setattr__(self, "number", check(self.number, f"{self.measure} {self.unit}"))
        if self.unit == "centile":
            z_of_centile(self.number)  # refuses 0 and 100
        if self.unit != "mm" and self.age is None:
            raise FetalFlexError(f"{self} needs a gestational age, as in '22w3d, {self}'")

    def __str__(self) -> str:
        unit = f"{_ordinal_ending(self.number)} centile" if self.unit == "centile" else f" {self.unit}"
        age = "" if self.age is None else f"{self.age}, "
        return f"{age}{self.measure} {_plain(self.number)}{unit}"

    def millimetres(self, charts: Mapping[str, GrowthChart] = GROWTH_CHARTS) -> float:
        """Return the value to reach, mm.

        Raises:
            FetalFlexError: the measure has no chart, or the chart does not cover the age.
        """
        if self.unit == "mm" or self.age is None:
            return self.number
        chart = chart_of(self.measure, charts)
        if self.unit == "centile":
            return chart.value_at_centile(self.number, self.age)
        return chart.value(self.number, self.age)


def parse_growth_target(text: str) -> GrowthTarget:
    """Read a target as typed: `22w3d, HC 5th centile`, `22+3, head circumference -2 SD`, `LV 12.5 mm`.

    Raises:
        FetalFlexError: another form, or a target that is none.
    """
    if not isinstance(text, str):
        raise FetalFlexError(f"growth target must be a text, got {shown(text)}; {_EXAMPLES}")
    before, comma, rest = text.rpartition(",")
    match = _TARGET.fullmatch(" ".join(rest.split()))
    if match is None or (comma and not before.strip()):
        raise FetalFlexError(f"growth target {shown(text)} cannot be read; {_EXAMPLES}")
    unit = match["unit"].lower()
    try:
        return GrowthTarget(
            match["measure"],
            float(match["number"]),
            "centile" if unit.endswith("centile") else {"mm": "mm", "sd": "SD"}[unit],
            GestationalAge.parse(before) if comma else None,
        )
    except FetalFlexError as error:
        raise FetalFlexError(f"growth target {shown(text)}: {error}") from error


def _plain(number: float) -> str:
    return str(int(number)) if number == int(number) and abs(number) < 1e9 else repr(number)


def _ordinal_ending(number: float) -> str:
    if number != int(number) or 10 <= number % 100 <= 20:
        return "th"
    return {1: "st", 2: "nd", 3: "rd"}.get(int(number) % 10, "th")

"""Growth charts: what a measure is at a gestational age, as mean and standard deviation of a normal distribution."""

from __future__ import annotations

import math
from dataclasses import dataclass

from fetalflex.anatomy.biometry.gestational_age import GestationalAge
from fetalflex.checks import finite_number, positive_number
from fetalflex.errors import FetalFlexError

_BISECTIONS = 60


@dataclass(frozen=True, slots=True)
class GrowthCurve:
    """A fractional polynomial of gestational age.

    sum of coefficient · GA^power · ln(GA)^log_power, with GA in weeks; its exponential if `of_logarithm`.

    Args:
        terms: (coefficient, power, log_power) of each term.
        of_logarithm: the terms give the natural logarithm of the value.
    """

    terms: tuple[tuple[float, int, int], ...]
    of_logarithm: bool = False

    def __call__(self, weeks: float) -> float:
        """Return the value, mm, at so many weeks, > 0."""
        logarithm = math.log(weeks)
        total = math.fsum(factor * weeks**power * logarithm**log_power for factor, power, log_power in self.terms)
        return math.exp(total) if self.of_logarithm else total


@dataclass(frozen=True, slots=True)
class GrowthChart:
    """Mean and standard deviation of one measure by gestational age.

    Args:
        measure: abbreviation, as in `biometry.MEASURES`.
        name: name of the chart, for messages.
        source: where it is published.
        first: the youngest age that it covers.
        last: the oldest age that it covers.
        mean: mm.
        sd: standard deviation, mm.
    """

    measure: str
    name: str
    source: str
    first: GestationalAge
    last: GestationalAge
    mean: GrowthCurve
    sd: GrowthCurve

    def value(self, z_score: float, age: GestationalAge) -> float:
        """Return the millimetres of a z-score: mean + z · SD.

        Raises:
            FetalFlexError: age outside the chart, or so low a z-score that nothing is left.
        """
        z_score = finite_number(z_score, f"{self.measure} z-score")
        mm = self.mean(self._weeks(age)) + z_score * self.sd(age.weeks)
        if mm <= 0:
            raise FetalFlexError(f"{self.measure} z-score {z_score:g} at {age} is {mm:.1f} mm; it must be above 0 mm")
        return mm

    def z_score(self, mm: float, age: GestationalAge) -> float:
        """Return how many standard deviations a value lies above the mean; age outside the chart raises."""
        mm = positive_number(mm, f"{self.measure} in mm")
        return (mm - self.mean(self._weeks(age))) / self.sd(age.weeks)

    def value_at_centile(self, centile: float, age: GestationalAge) -> float:
        """Return the millimetres of a centile, 0 < centile < 100; raises like `value`."""
        return self.value(z_of_centile(centile), age)

    def centile(self, mm: float, age: GestationalAge) -> float:
        """Return the centile of a value, 0 to 100; age outside the chart raises."""
        return centile_of_z(self.z_score(mm, age))

    def age_at(self, mm: float) -> GestationalAge:
        """Return the age, to the nearest day, at which a value is the 50th centile.

        Raises:
            FetalFlexError: the measure does not grow, or the value is the 50th centile at no age of the chart.
        """
        mm = positive_number(mm, f"{self.measure} in mm")
        low, high = self.first.weeks, self.last.weeks
        smallest, largest = self.mean(low), self.mean(high)
        if smallest >= largest:
            raise FetalFlexError(f"{self.measure} hardly changes with gestational age, so no age follows from it")
        if not smallest <= mm <= largest:
            raise FetalFlexError(
                f"{self.measure} of {mm:.1f} mm is the 50th centile at no age that the chart {self.name} covers: it is "
                f"{smallest:.1f} mm at {self.first} and {largest:.1f} mm at {self.last}"
            )
        for _ in range(_BISECTIONS):
            middle = (low + high) / 2
            low, high = (middle, high) if self.mean(middle) < mm else (low, middle)
        return GestationalAge.from_weeks(low)

    def _weeks(self, age: GestationalAge) -> float:
        if not self.first <= age <= self.last:
            raise FetalFlexError(
                f"gestational age {age} is outside the chart {self.name} of {self.measure}, which covers {self.first} "
                f"to {self.last}; give an age in it, or a value in mm"
            )
        return age.weeks


def centile_of_z(z_score: float) -> float:
    """Return the centile of a z-score: 100 Φ(z)."""
    return 50 * math.erfc(-finite_number(z_score, "z-score") / math.sqrt(2))


def z_of_centile(centile: float) -> float:
    """Return the z-score of a centile, 0 < centile < 100, both excluded; others raise FetalFlexError."""
    from statistics import NormalDist

    centile = finite_number(centile, "centile")
    if not 0 < centile < 100:
        raise FetalFlexError(f"centile must be above 0 and below 100, got {centile:g}")
    return NormalDist().inv_cdf(centile / 100)

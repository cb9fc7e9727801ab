"""Gestational age as a value: parsed, printed, compared."""

from __future__ import annotations

import re
from dataclasses import dataclass

from fetalflex.checks import finite_number, shown, whole_number
from fetalflex.errors import FetalFlexError

DAYS_PER_WEEK = 7
LONGEST_DAYS = 45 * DAYS_PER_WEEK
_WEEK, _DAY = r"\s*(?:weeks?|wks?|w)", r"\s*(?:days?|d)"
_WEEKS_AND_DAYS = re.compile(rf"(?P<weeks>\d+)(?:{_WEEK}\s*\+?|\s*\+)\s*(?P<days>\d+)(?:{_DAY})?", re.IGNORECASE)
_WEEKS = re.compile(rf"(?P<weeks>\d+(?:\.\d+)?)(?:{_WEEK})?", re.IGNORECASE)
_EXAMPLES = "write for example 22w3d, 22+3 or 22.43"


@dataclass(frozen=True, slots=True, order=True)
class GestationalAge:
    """A gestational age in whole days since the first day of the last menstrual period.

    Whole days, because no dating is finer: 22.43 weeks is the same age as 22w3d.

    Args:
        days: 0 to 315 (45 weeks).

    Raises:
        FetalFlexError: no whole number, or out of range.

    Example:
        >>> str(GestationalAge.parse("22+3")), GestationalAge.parse("22.43") < GestationalAge.parse("22w4d")
        ('22w3d', True)
    """

    days: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "days", whole_number(self.days, "gestational age in days", 0, LONGEST_DAYS))

    def __str__(self) -> str:
        return f"{self.days // DAYS_PER_WEEK}w{self.days % DAYS_PER_WEEK}d"

    @property
    def weeks(self) -> float:
        """Weeks as growth charts count them: days / 7."""
        return self.days / DAYS_PER_WEEK

    @classmethod
    def from_weeks(cls, weeks: float) -> GestationalAge:
        """Return the age of so many weeks, 0 to 45, rounded to the nearest day."""
        weeks = finite_number(weeks, "gestational age in weeks")
        if not 0 <= weeks <= LONGEST_DAYS / DAYS_PER_WEEK:
            raise FetalFlexError(f"gestational age must be 0 to 45 weeks, got {weeks:g} weeks")
        return cls(round(weeks * DAYS_PER_WEEK))

    @classmethod
    def parse(cls, text: str) -> GestationalAge:
        """Read `22w3d`, `22w 3d`, `22 weeks 3 days`, `22+3`, `22w`, `22` or `22.43` (weeks, to the nearest day).

        Raises:
            FetalFlexError: another form, more than 6 days, or beyond 45 weeks.
        """
        written = " ".join(text.split()) if isinstance(text, str) else ""
        if match := _WEEKS_AND_DAYS.fullmatch(written):
            days = float(match["days"])
            if days >= DAYS_PER_WEEK:
                raise FetalFlexError(f"gestational age {shown(text)}: days must be 0 to 6; {_EXAMPLES}")
            weeks = float(match["weeks"]) + days / DAYS_PER_WEEK
        elif match := _WEEKS.fullmatch(written):
            weeks = float(match["weeks"])
        else:
            raise FetalFlexError(f"gestational age {shown(text)} cannot be read; {_EXAMPLES}")
        return cls.from_weeks(weeks)

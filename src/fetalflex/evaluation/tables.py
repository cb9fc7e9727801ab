"""Cells and lines of Markdown tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from fetalflex.evaluation.intervals import Estimate
from fetalflex.files.json_files import JsonObject


def table_head(cells: Sequence[str]) -> list[str]:
    """Return the first two lines of a table."""
    return [table_row(cells), "|" + "---|" * len(cells)]


def table_row(cells: Iterable[str]) -> str:
    """Return a line of a Markdown table."""
    return "| " + " | ".join(cells) + " |"


def shown_estimate(estimate: JsonObject | None, factor: float = 1.0, digits: int = 3) -> str:
    """Return a number of a report with its interval, as text; a dash if there is none.

    Args:
        estimate: As it stands in `report.json`: value, low, high.
        factor: By which it is multiplied.
        digits: After the point.
    """
    if estimate is None or estimate["value"] is None:
        return "-"
    text = f"{estimate['value'] * factor:.{digits}f}"
    if estimate["low"] is None or estimate["high"] is None:
        return text
    return f"{text} [{estimate['low'] * factor:.{digits}f}, {estimate['high'] * factor:.{digits}f}]"


def shown(estimate: Estimate | None, factor: float = 1.0, digits: int = 3) -> str:
    """Return a number with its interval, times a factor; a dash for None."""
    if estimate is None:
        return "-"
    value = f"{estimate.value * factor:.{digits}f}"
    if estimate.low is None or estimate.high is None:
        return value
    return f"{value} [{estimate.low * factor:.{digits}f}, {estimate.high * factor:.{digits}f}]"


def percent(share: Estimate | None) -> str:
    """Return a share in per cent with its interval and count; a dash for None."""
    if share is None or share.low is None or share.high is None:
        return "-"
    return f"{share.value:.1%} [{share.low:.1%}, {share.high:.1%}] of {share.count}"

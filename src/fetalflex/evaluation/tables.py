"""Cells and lines of Markdown tables."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def table_row(cells: Iterable[str]) -> str:
    """Return a line of a Markdown table."""
    return "| " + " | ".join(cells) + " |"


def shown_estimate(estimate: dict[str, Any] | None, factor: float = 1.0, digits: int = 3) -> str:
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

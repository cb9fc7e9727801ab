from __future__ import annotations

from typing import Any

import pytest

from fetalflex.evaluation.tables import shown_estimate, table_row


def test_a_row_is_a_line_of_markdown() -> None:
    assert table_row(["a", "b"]) == "| a | b |"


@pytest.mark.parametrize(
    ("estimate", "text"),
    [
        (None, "-"),
        ({"value": None, "low": None, "high": None}, "-"),
        ({"value": 0.5, "low": None, "high": 0.6}, "50.0"),
        ({"value": 0.5, "low": 0.25, "high": 0.75}, "50.0 [25.0, 75.0]"),
    ],
)
def test_an_estimate_is_shown_with_its_interval(estimate: dict[str, Any] | None, text: str) -> None:
    assert shown_estimate(estimate, factor=100, digits=1) == text

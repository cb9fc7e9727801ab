from __future__ import annotations

from pathlib import Path

import pytest

from fetalflex.augment.shards import last_round, read_rounds, write_round
from fetalflex.errors import FetalFlexError


def test_rounds_are_read_in_their_order(tmp_path: Path) -> None:
    assert read_rounds(tmp_path) == []
    write_round(tmp_path, 1, {12: 3, 5: 2})
    write_round(tmp_path, 2, {12: 4})
    assert read_rounds(tmp_path) == [{5: 2, 12: 3}, {12: 4}]


def test_the_last_round_that_concerns_some_samples() -> None:
    rounds = [{5: 2, 12: 3}, {12: 4}, {40: 1}]
    assert [last_round(rounds, numbers) for numbers in ([1, 2], [5, 6], range(10, 20), [12, 40])] == [0, 1, 2, 3]


@pytest.mark.parametrize("text", ["{", "[]", '{"format": "fetalflex/augment-round", "version": 1}'])
def test_a_damaged_round_is_told(tmp_path: Path, text: str) -> None:
    write_round(tmp_path, 1, {1: 2})
    (tmp_path / "rounds" / "0001.json").write_text(text)
    with pytest.raises(FetalFlexError, match=r"0001\.json"):
        read_rounds(tmp_path)

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fetalflex.abilities import (
    ABILITIES,
    NO_HITS,
    Abilities,
    Hits,
    PromptAbility,
    StructureAbility,
    abilities_of,
    abilities_of_named,
)
from fetalflex.errors import FetalFlexError

MEASURED = Abilities(
    "mini-0123456789ab",
    {"split": "val"},
    {"duodenal_atresia": {"stenosis": Hits(0, 5), "atresia": Hits(1, 5)}, "absent_stomach": {"absent": Hits(5, 5)}},
    (StructureAbility("abdominal_transverse", "stomach", 120, Hits(7, 8), Hits(8, 8), Hits(0, 8)),),
    PromptAbility(0.5, 20.0, 8),
)


@pytest.mark.parametrize(
    ("hits", "shown"),
    [
        (Hits(5, 5), "yes (5 of 5)"),
        (Hits(2, 3), "yes (2 of 3)"),
        (Hits(2, 5), "sometimes (2 of 5)"),
        (Hits(1, 5), "hardly (1 of 5)"),
        (Hits(0, 5), "hardly (0 of 5)"),
        (NO_HITS, "not tested"),
    ],
)
def test_hits_are_told_in_words(hits: Hits, shown: str) -> None:
    assert str(hits) == shown


@given(st.integers(0, 50), st.integers(0, 50), st.integers(0, 50), st.integers(0, 50))
def test_hits_add_up(a: int, b: int, c: int, d: int) -> None:
    assert Hits(a, a + b) + Hits(c, c + d) == Hits(a + c, a + b + c + d)


def test_more_seen_than_looked_at_is_refused() -> None:
    with pytest.raises(FetalFlexError, match="seen"):
        Hits(3, 2)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    MEASURED.save(tmp_path / ABILITIES)
    assert abilities_of(tmp_path) == MEASURED
    assert MEASURED.anomaly("duodenal_atresia") == Hits(1, 10)
    assert MEASURED.anomaly("duodenal_atresia", "stenosis") == Hits(0, 5)
    assert MEASURED.anomaly("hydrocephalus") == MEASURED.anomaly("duodenal_atresia", "other") == NO_HITS
    assert MEASURED.structure("abdominal_transverse", "kidney") is None
    assert MEASURED.prompt is not None
    assert MEASURED.prompt.share == 0.025


def test_a_model_that_was_not_measured_has_none(tmp_path: Path) -> None:
    assert abilities_of(tmp_path) is None
    assert abilities_of_named(str(tmp_path / "nowhere")) is None


@pytest.mark.parametrize(
    "change", [{"version": 2}, {"anomalies": {"x": {"y": {"seen": 2, "of": 1}}}}, {"structures": [{}]}, {"prompt": 3}]
)
def test_damaged_files_are_named(tmp_path: Path, change: dict[str, object]) -> None:
    path = tmp_path / ABILITIES
    MEASURED.save(path)
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(FetalFlexError, match=ABILITIES):
        abilities_of(tmp_path)

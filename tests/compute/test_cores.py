from __future__ import annotations

from pathlib import Path

import pytest

from fetalflex.compute.cores import container_share, usable_cores


def test_there_is_at_least_one_core() -> None:
    assert usable_cores() >= 1


@pytest.mark.parametrize(("text", "share"), [("150000 100000\n", 1.5), ("max 100000\n", None), ("nonsense", None)])
def test_a_container_says_its_share_of_the_machine(tmp_path: Path, text: str, share: float | None) -> None:
    (tmp_path / "cpu.max").write_text(text)
    assert container_share(tmp_path) == share


@pytest.mark.parametrize(("quota", "share"), [("400000\n", 4.0), ("-1\n", None)])
def test_so_do_older_systems(tmp_path: Path, quota: str, share: float | None) -> None:
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text(quota)
    (tmp_path / "cpu" / "cpu.cfs_period_us").write_text("100000\n")
    assert container_share(tmp_path) == share


def test_without_control_groups_there_is_no_limit(tmp_path: Path) -> None:
    assert container_share(tmp_path) is None

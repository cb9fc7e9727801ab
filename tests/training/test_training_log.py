from __future__ import annotations

from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from training_helpers import log_lines

from fetalflex.training.checkpoints import RunProgress
from fetalflex.training.log import RunLog, best_validation


def write(folder: Path, images: list[int], resumed_at: int = 0) -> None:
    log = RunLog(folder, resumed_at)
    for count in images:
        log.add(RunProgress(count, count // 8, count / 100), {"loss": 1 / count})
    log.close()


def test_each_entry_is_one_json_line(tmp_path: Path) -> None:
    write(tmp_path, [8, 16])
    assert log_lines(tmp_path) == [
        {"images": 8, "steps": 1, "seconds": 0.08, "loss": 0.125},
        {"images": 16, "steps": 2, "seconds": 0.16, "loss": 0.0625},
    ]


@pytest.mark.parametrize("cut", ["", '{"images": 40, "lo', "[]\n", "7\n", '{"steps": 3}\n'])
def test_a_resumed_run_forgets_what_no_checkpoint_kept(tmp_path: Path, cut: str) -> None:
    write(tmp_path, [8, 16, 24, 32])
    with (tmp_path / "log.jsonl").open("a") as file:
        file.write(cut)
    write(tmp_path, [24, 32, 40], resumed_at=16)
    assert [line["images"] for line in log_lines(tmp_path)] == [8, 16, 24, 32, 40]


def test_a_run_that_starts_over_forgets_everything(tmp_path: Path) -> None:
    write(tmp_path, [8, 16])
    write(tmp_path, [8])
    assert [line["images"] for line in log_lines(tmp_path)] == [8]


def test_tensorboard_shows_the_same_numbers_once(tmp_path: Path) -> None:
    write(tmp_path, [8, 16, 24])
    write(tmp_path, [24, 32], resumed_at=16)
    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    found = {event.step: event.value for event in events.Scalars("loss")}
    assert found == pytest.approx({count: 1 / count for count in (8, 16, 24, 32)})


def test_a_validation_is_found_by_its_place(tmp_path: Path) -> None:
    log = RunLog(tmp_path, 0)
    assert not log.validated(8)
    log.add(RunProgress(8), {"loss": 1.0})
    log.add(RunProgress(16), {"validation/loss": 1.0})
    assert not log.validated(8)
    assert log.validated(16)
    log.close()


def test_the_best_validation_is_the_one_with_the_lowest_loss(tmp_path: Path) -> None:
    assert best_validation(tmp_path) == {}
    log = RunLog(tmp_path, 0)
    for count, loss in ((8, 3.0), (16, 1.0), (24, 2.0)):
        log.add(RunProgress(count, count // 8, 0.0), {"loss": -count})
        log.add(RunProgress(count, count // 8, 0.0), {"validation/loss": loss, "validation/adherence": count / 100})
    log.close()
    best = best_validation(tmp_path)
    assert (best["images"], best["validation/adherence"]) == (16, 0.16)

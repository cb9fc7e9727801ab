from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest
import torch
from torch import nn
from training_helpers import same_weights, weights

from fetalflex.errors import FetalFlexError
from fetalflex.training.checkpoints import CheckpointStore, RunProgress
from fetalflex.training.ema import MovingAverage
from other_processes import leave_folder


class Training:
    """A few networks with an optimiser and an average, for tests of saving and restoring."""

    def __init__(self, seed: int, width: int = 4) -> None:
        torch.manual_seed(seed)
        self.networks = nn.ModuleDict({"a": nn.Conv2d(2, width, 3), "b": nn.BatchNorm2d(width)})
        parameters = list(self.networks.parameters())
        self.optimizer = torch.optim.AdamW(parameters, lr=0.1, weight_decay=0.01)
        self.average = MovingAverage(parameters, 10)
        self.parts = (self.networks, self.average, self.optimizer)

    def step(self, number: int) -> None:
        x = torch.randn(3, 2, 6, 6, generator=torch.Generator().manual_seed(number))
        self.optimizer.zero_grad()
        self.networks["b"](self.networks["a"](x)).pow(3).mean().backward()
        self.optimizer.step()
        self.average.update(8 * (number + 1), 8)


@pytest.fixture
def store(tmp_path: Path) -> CheckpointStore:
    return CheckpointStore(tmp_path / "checkpoints")


def test_a_restored_training_continues_as_if_nothing_had_happened(store: CheckpointStore) -> None:
    first, second = Training(0), Training(1)
    for number in range(3):
        first.step(number)
    store.save(RunProgress(24, 3, 1.5), *first.parts)
    progress, passed_over = store.restore(*second.parts)
    assert progress == RunProgress(24, 3, 1.5)
    assert passed_over == []
    for number in range(3, 6):
        first.step(number)
        second.step(number)
    assert same_weights(weights(first.networks), weights(second.networks))
    assert all(torch.equal(a, b) for a, b in zip(first.average.average, second.average.average, strict=True))


def test_without_a_checkpoint_nothing_is_restored(store: CheckpointStore) -> None:
    training = Training(0)
    before = weights(training.networks)
    assert store.restore(*training.parts) == (RunProgress(), [])
    assert same_weights(weights(training.networks), before)


def test_the_newest_are_kept(store: CheckpointStore) -> None:
    training = Training(0)
    for images in (8, 16, 1000, 24_000):
        store.save(RunProgress(images), *training.parts)
    assert [path.name for path in store.found()] == ["images-0000024000", "images-0000001000"]
    assert store.restore(*training.parts)[0].images == 24_000


def test_saving_twice_at_the_same_place_replaces(store: CheckpointStore) -> None:
    training = Training(0)
    store.save(RunProgress(8), *training.parts)
    training.step(0)
    store.save(RunProgress(8, 1), *training.parts)
    other = Training(1)
    assert store.restore(*other.parts)[0].steps == 1
    assert same_weights(weights(other.networks), weights(training.networks))


@pytest.mark.parametrize("name", ["networks.safetensors", "average.safetensors", "optimizer.safetensors", "state.json"])
@pytest.mark.parametrize("damage", ["cut", "flip", "remove"])
def test_a_damaged_checkpoint_is_passed_over(store: CheckpointStore, name: str, damage: str) -> None:
    training = Training(0)
    training.step(0)
    store.save(RunProgress(8), *training.parts)
    good = copy.deepcopy(weights(training.networks))
    training.step(1)
    path = store.save(RunProgress(16), *training.parts) / name
    content = bytearray(path.read_bytes())
    if damage == "cut":
        path.write_bytes(content[: len(content) // 2])
    elif damage == "flip":
        content[len(content) // 2] ^= 0x80
        path.write_bytes(content)
    else:
        path.unlink()
    other = Training(1)
    progress, passed_over = store.restore(*other.parts)
    assert progress.images == 8
    assert same_weights(weights(other.networks), good)
    assert len(passed_over) == 1
    assert "images-0000000016: damaged checkpoint passed over" in passed_over[0]


_PROGRESS = {"images": 24, "steps": 3, "seconds": 1.5}


@pytest.mark.parametrize(
    "change",
    [
        {"progress": _PROGRESS | {"images": "x"}},
        {"progress": _PROGRESS | {"images": {}}},
        {"progress": _PROGRESS | {"images": 1e400}},
        {"progress": _PROGRESS | {"images": -1}},
        {"progress": _PROGRESS | {"images": 10**30}},
        {"progress": _PROGRESS | {"images": 16}},
        {"progress": _PROGRESS | {"steps": 2.5}},
        {"progress": _PROGRESS | {"seconds": -1}},
        {"progress": _PROGRESS | {"more": 1}},
        {"progress": [1, 2, 3]},
        {"sha256": "x"},
        {"digest": "x"},
    ],
)
def test_numbers_that_are_none_or_not_those_that_were_written_are_passed_over(
    store: CheckpointStore, change: dict[str, object]
) -> None:
    training = Training(0)
    training.step(0)
    path = store.save(RunProgress(24, 3, 1.5), *training.parts) / "state.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    progress, [line] = store.restore(*training.parts)
    assert progress == RunProgress()
    assert "damaged checkpoint passed over" in line


@pytest.mark.parametrize("text", ["", "[" * 100_000, "null", "[]", '{"progress": 1, "progress": 2}'])
def test_a_state_that_is_none_is_passed_over(store: CheckpointStore, text: str) -> None:
    training = Training(0)
    training.step(0)
    (store.save(RunProgress(24, 3, 1.5), *training.parts) / "state.json").write_text(text)
    assert store.restore(*training.parts)[0] == RunProgress()


def test_a_checkpoint_of_before_the_digest_of_numbers_is_taken(store: CheckpointStore) -> None:
    training = Training(0)
    training.step(0)
    path = store.save(RunProgress(24, 3, 1.5), *training.parts) / "state.json"
    state = json.loads(path.read_text())
    del state["digest"]
    path.write_text(json.dumps(state))
    assert store.restore(*training.parts) == (RunProgress(24, 3, 1.5), [])


def test_best_weights_that_are_damaged_are_named(store: CheckpointStore) -> None:
    training = Training(0)
    store.save_best(RunProgress(8, 1, 1.0), training.average, 0.5)
    path = store.folder / "best.safetensors"
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(FetalFlexError, match=r"best\.safetensors: these weights cannot be read; remove the file"):
        store.load_best(training.average)


def test_leftovers_of_a_killed_save_are_removed(store: CheckpointStore) -> None:
    leftover = leave_folder(store.folder)
    assert store.restore(*Training(0).parts) == (RunProgress(), [])
    assert not leftover.exists()


def test_an_interrupted_save_leaves_the_one_before(store: CheckpointStore, monkeypatch: pytest.MonkeyPatch) -> None:
    training = Training(0)
    store.save(RunProgress(8), *training.parts)

    def fail(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(training.optimizer, "state_dict", fail)
    with pytest.raises(KeyboardInterrupt):
        store.save(RunProgress(16), *training.parts)
    assert [path.name for path in store.folder.iterdir()] == ["images-0000000008"]


def test_a_checkpoint_of_other_networks_is_refused(store: CheckpointStore) -> None:
    store.save(RunProgress(8), *Training(0).parts)
    with pytest.raises(FetalFlexError, match="images-0000000008: this checkpoint belongs to another architecture"):
        store.restore(*Training(0, width=5).parts)


def test_a_training_that_took_no_step_yet_can_be_saved(store: CheckpointStore) -> None:
    training, other = Training(0), Training(1)
    store.save(RunProgress(), *training.parts)
    assert store.restore(*other.parts)[0] == RunProgress()
    assert same_weights(weights(training.networks), weights(other.networks))

"""Checkpoints of a running training: whole or absent, never half."""

from __future__ import annotations

import hashlib
import json
import math
import re
import shutil
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from fetalflex.checks import finite_number, mapping_with_keys, whole_number
from fetalflex.errors import FetalFlexError
from fetalflex.files import (
    FolderKind,
    foreign_in,
    naming_failures,
    new_folder,
    remove_leftovers,
    replacing_file,
    write_text,
)
from fetalflex.files.json_files import JsonObject, read_json
from fetalflex.training.config import MOST_IMAGES
from fetalflex.training.ema import MovingAverage
from fetalflex.training.memory_layout import in_layout_of

_FILES = ("networks", "average", "optimizer")
_STATE = "state.json"
_BEST = "best.safetensors"
_NAME = re.compile("images-[0-9]{10}")


def _names(folder: Path) -> set[str] | None:
    """Return the files of a checkpoint of before there were markers: it holds nothing else."""
    names = {_STATE, *(f"{name}.safetensors" for name in _FILES)}
    return names if {path.name for path in folder.iterdir()} <= names else None


CHECKPOINT = FolderKind("checkpoint", written_before=_names)


@dataclass
class RunProgress:
    """Count what a run has done.

    Args:
        images: Training images shown.
        steps: Optimiser steps taken.
        seconds: Training time spent, over all interruptions.
    """

    images: int = 0
    steps: int = 0
    seconds: float = 0.0


class CheckpointStore:
    """Save and restore the state of a run as safetensors and JSON.

    A checkpoint is written wholly or not at all; `state.json` holds a digest of every file, so
    a damaged checkpoint is noticed and the one before it is used.

    Args:
        folder: Where checkpoints lie, one sub-folder each.
        keep: How many of the newest to keep.
    """

    def __init__(self, folder: Path, keep: int = 2) -> None:
        self.folder = folder
        self.keep = keep

    def save(
        self, progress: RunProgress, networks: nn.ModuleDict, average: MovingAverage, optimizer: torch.optim.Optimizer
    ) -> Path:
        """Write a checkpoint and remove those that are too old."""
        target = self.folder / f"images-{progress.images:010d}"
        tensors = {
            "networks": dict(networks.state_dict()),
            "average": {str(i): tensor for i, tensor in enumerate(average.average)},
            "optimizer": _optimizer_tensors(optimizer),
        }
        with new_folder(target, CHECKPOINT, force=True) as partial, naming_failures(target):
            for name, values in tensors.items():
                save_file({k: v.contiguous() for k, v in values.items()}, partial / f"{name}.safetensors")
            state = {"progress": asdict(progress), "sha256": {name: _digest(partial, name) for name in _FILES}}
            write_text(partial / _STATE, json.dumps(state | {"digest": _digest_of(state)}, indent=2) + "\n")
        for old in self.found()[self.keep :]:
            if not foreign_in(old, CHECKPOINT):
                shutil.rmtree(old, ignore_errors=True)
        return target

    def save_best(self, progress: RunProgress, average: MovingAverage, loss: float) -> None:
        """Keep the averaged weights as the best so far, in the place of those kept before."""
        tensors = {str(i): tensor.contiguous() for i, tensor in enumerate(average.average)}
        with replacing_file(self.folder / _BEST) as partial:
            save_file(tensors, partial, {"images": str(progress.images), "loss": repr(loss)})

    def best(self) -> tuple[int, float] | None:
        """Return after how many images the best weights were kept, and their validation loss, or None."""
        try:
            with safe_open(self.folder / _BEST, framework="pt") as handle:
                metadata = handle.metadata()
            images, loss = int(metadata["images"]), float(metadata["loss"])
        except (OSError, SafetensorError, KeyError, TypeError, ValueError):
            return None
        return (images, loss) if images >= 0 and math.isfinite(loss) else None

    def load_best(self, average: MovingAverage) -> None:
        """Put the best weights in the place of the averaged ones.

        Raises:
            FetalFlexError: If they are damaged, or not of these networks.
        """
        path = self.folder / _BEST
        try:
            tensors = load_file(path)
            for i, tensor in enumerate(average.average):
                tensor.copy_(tensors[str(i)])
        except (OSError, SafetensorError, KeyError, RuntimeError) as error:
            raise FetalFlexError(
                f"{path}: these weights cannot be read; remove the file to go on without them"
            ) from error

    def found(self) -> list[Path]:
        """Return the checkpoint folders, newest first."""
        named = (path for path in self.folder.glob("images-*") if _NAME.fullmatch(path.name))
        return sorted((path for path in named if foreign_in(path, CHECKPOINT) is not None), reverse=True)

    def check(self) -> None:
        """Check that nothing lies among the checkpoints that might be taken for one.

        Raises:
            FetalFlexError: If something does.
        """
        for path in sorted(self.folder.glob("images-*")):
            if not path.is_dir() or path not in self.found():
                raise FetalFlexError(f"{path} is not a checkpoint that FetalFlex wrote; move it out of {self.folder}")
            if foreign := foreign_in(path, CHECKPOINT):
                raise FetalFlexError(
                    f"{path} also holds what FetalFlex did not write ({foreign[0]}); old checkpoints are removed, so "
                    "move it elsewhere"
                )

    def restore(
        self, networks: nn.ModuleDict, average: MovingAverage, optimizer: torch.optim.Optimizer
    ) -> tuple[RunProgress, list[str]]:
        """Load the newest whole checkpoint in place.

        Returns:
            The progress it stands for (zero if there is none), and a line per damaged checkpoint that was passed over.

        Raises:
            FetalFlexError: If a whole checkpoint does not fit the networks.
        """
        remove_leftovers(self.folder)
        passed_over = []
        for path in self.found():
            try:
                progress = _progress(path)
            except (OSError, FetalFlexError) as error:
                passed_over.append(f"{path}: damaged checkpoint passed over ({error})")
                continue
            self._load(path, networks, average, optimizer)
            self._forget_best_after(progress)
            return progress, passed_over
        self._forget_best_after(RunProgress())
        return RunProgress(), passed_over

    def _forget_best_after(self, progress: RunProgress) -> None:
        """Remove the best weights if they are from beyond the checkpoint, from a run that died."""
        best = self.best()
        if best is not None and best[0] > progress.images:
            (self.folder / _BEST).unlink()

    def _load(
        self, path: Path, networks: nn.ModuleDict, average: MovingAverage, optimizer: torch.optim.Optimizer
    ) -> None:
        try:
            networks.load_state_dict(load_file(path / "networks.safetensors"))
        except RuntimeError as error:
            raise FetalFlexError(
                f"{path}: this checkpoint belongs to another architecture; choose another output folder"
            ) from error
        averages = load_file(path / "average.safetensors")
        for i, tensor in enumerate(average.average):
            tensor.copy_(averages[str(i)])
        _load_optimizer(optimizer, load_file(path / "optimizer.safetensors"))


def _progress(folder: Path) -> RunProgress:
    """Return what a checkpoint says of itself, all of it checked.

    Raises:
        FetalFlexError: If the files, or the numbers themselves, do not match their digests, or a number is none.
    """
    state = mapping_with_keys(read_json(folder / _STATE), _STATE, ("progress", "sha256"), ("digest",))
    digests = mapping_with_keys(state["sha256"], "sha256", _FILES)
    counts = mapping_with_keys(state["progress"], "progress", [one.name for one in fields(RunProgress)])
    seconds = finite_number(counts["seconds"], "seconds")
    if seconds < 0:
        raise FetalFlexError(f"seconds is {seconds:g}")
    progress = RunProgress(
        whole_number(counts["images"], "images", 0, MOST_IMAGES),
        whole_number(counts["steps"], "steps", 0, MOST_IMAGES),
        seconds,
    )
    # Checkpoints of before there was a digest of the numbers have none.
    if "digest" in state and state["digest"] != _digest_of({name: state[name] for name in ("progress", "sha256")}):
        raise FetalFlexError(f"{_STATE} does not match its digest")
    if any(_digest(folder, name) != digests[name] for name in _FILES):
        raise FetalFlexError("a file does not match its digest")
    return progress


def _digest_of(state: JsonObject) -> str:
    return hashlib.sha256(json.dumps(state, sort_keys=True).encode()).hexdigest()


def _optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    state: dict[int, JsonObject] = optimizer.state_dict()["state"]
    return {f"{i}.{name}": torch.as_tensor(value) for i, values in state.items() for name, value in values.items()}


def _load_optimizer(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    state: dict[int, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        index, name = key.split(".", 1)
        state.setdefault(int(index), {})[name] = in_layout_of(parameters[int(index)], tensor)
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})


def _digest(folder: Path, name: str) -> str:
    return hashlib.sha256((folder / f"{name}.safetensors").read_bytes()).hexdigest()

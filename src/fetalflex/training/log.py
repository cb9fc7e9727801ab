"""The record of a run: one JSON line per entry, and the same numbers for TensorBoard."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from fetalflex.files import naming_failures, write_text
from fetalflex.files.json_files import JsonObject
from fetalflex.training.checkpoints import RunProgress

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter


LOG_FILE = "log.jsonl"
_CURVES = "tensorboard"


class RunLog:
    """Append numbers to `log.jsonl` and to TensorBoard event files.

    Args:
        folder: Run folder.
        images: Where a resumed run stands; lines beyond it were not kept by a checkpoint and are removed.
    """

    def __init__(self, folder: Path, images: int) -> None:
        self.path = folder / LOG_FILE
        folder.mkdir(parents=True, exist_ok=True)
        self._cut_after(images)
        self._writer = _tensorboard_writer(folder / _CURVES, images)

    def add(self, progress: RunProgress, values: JsonObject) -> None:
        """Write one line; numbers also go to TensorBoard, over images."""
        entry = {"images": progress.images, "steps": progress.steps, "seconds": round(progress.seconds, 2)} | values
        with naming_failures(self.path), self.path.open("a", encoding="utf-8") as handle:
            handle.write(json.dumps(entry) + "\n")
        with naming_failures(self.path.parent / _CURVES):
            for name, value in values.items():
                if isinstance(value, int | float):
                    self._writer.add_scalar(name, value, progress.images)
            self._writer.flush()

    def first(self, name: str) -> float | None:
        """Return the first value logged under a name, or None."""
        return next((entry[name] for entry in self._entries() if name in entry), None)

    def validated(self, images: int) -> bool:
        """Say whether a validation at that number of images stands in the log."""
        return any(
            entry["images"] == images and any(name.startswith("validation/") for name in entry)
            for entry in self._entries()
        )

    def _entries(self) -> Iterator[JsonObject]:
        return _entries(self.path)

    def close(self) -> None:
        """Close the event files."""
        self._writer.close()

    def _cut_after(self, images: int) -> None:
        if not self.path.exists():
            return
        kept = [json.dumps(entry) for entry in _entries(self.path) if entry["images"] <= images]
        write_text(self.path, "".join(line + "\n" for line in kept))


def best_validation(folder: Path) -> JsonObject:
    """Return the line of a run's log with the lowest validation loss; empty if there is none.

    Args:
        folder: Run folder.
    """
    validated = [entry for entry in _entries(folder / LOG_FILE) if "validation/loss" in entry]
    return min(validated, key=lambda entry: entry["validation/loss"], default={})


def _entries(path: Path) -> Iterator[JsonObject]:
    """Yield the lines of a log; what is no entry, such as a line cut short by a kill, is left out."""
    if not path.exists():
        return
    with path.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            try:
                entry = json.loads(line)
            except (ValueError, RecursionError):
                continue
            if isinstance(entry, dict) and isinstance(entry.get("images"), int):
                yield entry


def _tensorboard_writer(folder: Path, images: int) -> SummaryWriter:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from torch.utils.tensorboard import SummaryWriter
    return SummaryWriter(str(folder), purge_step=images + 1)

"""The training loop."""

from __future__ import annotations

import json
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.markup import escape

from fetalflex.compute.fast_kernels import fast_kernels
from fetalflex.compute.processes import Processes
from fetalflex.data import write_png
from fetalflex.files import write_text
from fetalflex.provenance import picture_text
from fetalflex.training.checkpoints import CheckpointStore, RunProgress
from fetalflex.training.config import RunConfig
from fetalflex.training.display import share_done, training_bar
from fetalflex.training.log import RunLog
from fetalflex.training.recent import Recent, check_growth
from fetalflex.training.run_folder import CHECKPOINTS, MODEL_FOLDER
from fetalflex.training.stage import Stage
from fetalflex.training.steps import Steps

_CLEARLY_WORSE = 1.05


class Trainer:
    """Trains a stage: AdamW, warm-up and cosine decay, moving average, checkpoints, validation.

    Progress counts images. Every random number is a function of the seed and the number of images seen, so that a run
    that was killed and started again continues as if nothing had happened. Several processes may share the work, as
    `Processes` says; one that resumes may have another number of them.

    Args:
        stage: What to train.
        config: How.
        console: Where to show progress.
        sample_weights: How often each training sample is shown relative to the others, (N,); by default all alike.
        processes: Those that train together; by default this one alone.
        deadline: Time of `time.monotonic` at which the run is to be complete, validation and checkpoints counted; it
            takes the place of `max_minutes`.
        snapshot: Called with the stage every `snapshot_seconds`, its weights replaced by their moving average, to
            leave a usable model.
        snapshot_seconds: See there.

    Raises:
        FetalFlexError: If a batch has fewer images than there are processes.
    """

    def __init__(
        self,
        stage: Stage[Any],
        config: RunConfig,
        console: Console | None = None,
        sample_weights: NDArray[np.float64] | None = None,
        processes: Processes | None = None,
        deadline: float | None = None,
        snapshot: Callable[[Stage[Any]], None] | None = None,
        snapshot_seconds: float = 60.0,
    ) -> None:
        self.stage = stage
        self.config = config
        self.processes = processes or Processes()
        self.console = self.processes.console(console)
        self.folder = Path(config.output)
        self.steps = Steps(stage, config, self.processes, sample_weights)
        self.store = CheckpointStore(self.folder / CHECKPOINTS)
        self._recent = Recent()
        self._stop = False
        self._deadline = deadline
        self._budget = None if config.max_minutes is None else 60 * config.max_minutes
        self._snapshot = snapshot
        self._snapshot_seconds = snapshot_seconds
        self._last_snapshot = time.monotonic()

    def run(self) -> bool:
        """Train until the images or the time are used up.

        Returns:
            True if the run is complete and the model is written; False if it was interrupted and can be resumed.

        Raises:
            FloatingPointError: If the training diverges.
        """
        progress = self._restore()
        if self._deadline is not None:
            self._budget = progress.seconds + max(self._deadline - time.monotonic(), 0.0)
        log = RunLog(self.folder, progress.images) if self.processes.main else None
        try:
            with self._graceful_stop(), self.steps.workers(), fast_kernels(self.stage.device):
                self._train(progress, log)
            if self._done(progress) < 1:
                self.console.print(f"interrupted at {progress.images} images; the same command continues from there")
                return False
            if log:
                self._finish(progress, log)
            self.processes.wait()
            return True
        finally:
            if log:
                log.close()

    def _train(self, progress: RunProgress, log: RunLog | None) -> None:
        """Take steps until the run is done or is to stop; only the main process has a log, validates and saves."""
        saved, self._last_snapshot = progress.images, time.monotonic()
        with (
            training_bar(self.console, self.config.stage, progress, self.config.images, self._budget) as advance,
            self._naming_divergence(progress),
        ):
            while self._goes_on(progress):
                before, started = progress.images, time.monotonic()
                self._recent.add(self.steps.take(progress, self._done(progress)))
                progress.seconds += time.monotonic() - started
                advance(progress)
                stepped = time.monotonic()
                if _crossed(before, progress.images, self.config.log_every):
                    self._log(progress, log)
                if log and _crossed(before, progress.images, self.config.validate_every):
                    self._validate(progress, log)
                if _crossed(before, progress.images, self.config.checkpoint_every):
                    saved = self._save(progress)
                self._take_snapshot()
                if self._deadline is not None:
                    progress.seconds += time.monotonic() - stepped
            if saved != progress.images:
                self._save(progress)
        self.processes.wait()

    def _goes_on(self, progress: RunProgress) -> bool:
        """Return whether another step is to follow; all processes find the same."""
        stop, progress.seconds = self.processes.agree(self._stop, progress.seconds)
        return self._done(progress) < 1 and not stop

    def _done(self, progress: RunProgress) -> float:
        return share_done(progress, self.config.images, self._budget)

    def _log(self, progress: RunProgress, log: RunLog | None) -> None:
        values = self._recent.means()
        if log:
            check_growth(log.first("loss"), values.get("loss", 0.0))
            log.add(progress, values | {"learning_rate": self.steps.learning_rate})
        self._recent.clear()

    def _validate(self, progress: RunProgress, log: RunLog) -> None:
        with self.steps.averaged():
            result = self.stage.validate()
        log.add(progress, {f"validation/{name}": value for name, value in result.numbers.items()})
        if result.sheet is not None:
            path = self.folder / "samples" / f"images-{progress.images:010d}.png"
            write_png(path, result.sheet, picture_text("samples of a training run"), force=True)
        numbers = ", ".join(f"{name} {value:.4g}" for name, value in result.numbers.items())
        self.console.print(f"{progress.images} images, {progress.seconds / 60:.1f} min: {numbers}")
        concerns = self.stage.concerns(result.numbers, self._done(progress))
        concerns += self._compare_with_best(result.numbers["loss"], progress)
        for concern in concerns:
            self.console.print(f"[yellow]warning: {escape(concern)}")
            log.add(progress, {"warning": concern})

    def _compare_with_best(self, loss: float, progress: RunProgress) -> list[str]:
        """Keep the weights if they are the best so far; warn if they are clearly worse than those."""
        best = self.store.best()
        if best is None or loss < best[1]:
            self.store.save_best(progress, self.steps.average, loss)
        elif loss > _CLEARLY_WORSE * best[1]:
            return [
                f"the validation loss {loss:.4g} lies above its best, {best[1]:.4g} at {best[0]} images: the model "
                "is overfitting; the best weights so far are kept"
            ]
        return []

    def _save(self, progress: RunProgress) -> int:
        """Write a checkpoint; return its number of images."""
        self._recent.means()  # a checkpoint is always one to go on from
        if self.processes.main:
            self.store.save(progress, self.steps.networks, self.steps.average, self.steps.optimizer)
        return progress.images

    def _take_snapshot(self) -> None:
        if self._snapshot and time.monotonic() - self._last_snapshot >= self._snapshot_seconds:
            with self.steps.averaged():
                self._snapshot(self.stage)
            self._last_snapshot = time.monotonic()

    def _restore(self) -> RunProgress:
        with self.processes.main_first():  # it also removes what a run that died has left
            progress, passed_over = self.store.restore(self.steps.networks, self.steps.average, self.steps.optimizer)
        self.processes.check_same("the newest checkpoint", str(progress.images))
        for line in passed_over:
            self.console.print(f"[yellow]{line}")
        if progress.images:
            self.console.print(f"resuming at {progress.images} images")
        return progress

    def _finish(self, progress: RunProgress, log: RunLog) -> None:
        if not log.validated(progress.images):
            self._validate(progress, log)
        summary = {"images": progress.images, "steps": progress.steps, "minutes": round(progress.seconds / 60, 2)}
        if best := self.store.best():
            self.store.load_best(self.steps.average)
            summary["best_images"], summary["best_loss"] = best
        with self.steps.average.applied(), torch.no_grad():
            self.steps.networks.eval()
            self.stage.finish()
            path = self.stage.components.save(self.folder / MODEL_FOLDER)
        write_text(self.folder / "summary.json", json.dumps(summary, indent=2) + "\n")
        self.console.print(f"wrote {path}")

    def seconds_per_step(self, steps: int = 3) -> tuple[float, float]:
        """Take a few steps without keeping anything on disk; return the seconds and the images that one takes."""
        progress = RunProgress()
        with self.steps.workers(), fast_kernels(self.stage.device):
            self.steps.take(progress, self._done(progress))  # the first one also allocates
            before, started = progress.images, time.monotonic()
            for _ in range(steps):
                self.steps.take(progress, self._done(progress))
            return (time.monotonic() - started) / steps, (progress.images - before) / steps

    @contextmanager
    def _graceful_stop(self) -> Iterator[None]:
        """Finish the step and save a checkpoint on SIGINT or SIGTERM, which reach only a program's main thread."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def stop(*_: object) -> None:
            self._stop = True

        kept = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in kept.items():
                signal.signal(number, handler)

    @contextmanager
    def _naming_divergence(self, progress: RunProgress) -> Iterator[None]:
        """Add to the error of a run that diverges how far it was, and what to do."""
        try:
            yield
        except FloatingPointError as error:
            newest = next(iter(self.store.found()), None)
            raise FloatingPointError(
                f"{error} by {progress.images} images; lower learning_rate and start again"
                + (f" (the last good checkpoint is {newest})" if newest else "")
            ) from error


def _crossed(before: int, after: int, interval: int) -> bool:
    return before // interval != after // interval

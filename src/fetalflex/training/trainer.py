"""The training loop."""

from __future__ import annotations

import json
import math
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from fetalflex.compute.precision import computing_in
from fetalflex.compute.processes import Processes
from fetalflex.data import write_png
from fetalflex.errors import FetalFlexError
from fetalflex.files import write_text
from fetalflex.training.checkpoints import CheckpointStore, Progress
from fetalflex.training.config import RunConfig
from fetalflex.training.ema import MovingAverage
from fetalflex.training.log import RunLog
from fetalflex.training.memory_layout import in_layout_of
from fetalflex.training.order import ShuffledOrder, generator_at
from fetalflex.training.run_folder import CHECKPOINTS, MODEL_FOLDER
from fetalflex.training.stage import Stage

_LARGEST_GROWTH = 5.0
_CLEARLY_WORSE = 1.05


def learning_rate_at(config: RunConfig, images: int, done: float) -> float:
    """Return the learning rate: linear warm-up over images, then cosine decay over the share of the run done."""
    warmup = min(1.0, images / config.warmup_images) if config.warmup_images else 1.0
    decay = config.final_learning_rate + (1 - config.final_learning_rate) * 0.5 * (1 + math.cos(math.pi * min(done, 1)))
    return config.learning_rate * warmup * decay


class Trainer:
    """Train a stage: AdamW, warm-up and cosine decay, moving average, checkpoints, validation.

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
        self.networks = stage.networks()
        self.networks.requires_grad_(True).train()
        parameters = [p for p in self.networks.parameters() if p.requires_grad]
        self.parameters = parameters
        self._rates, groups = _by_rate(self.networks, stage.learning_rates())
        self.optimizer = torch.optim.AdamW(
            groups, lr=config.learning_rate, weight_decay=config.weight_decay, fused=True
        )
        self.average = MovingAverage(parameters, config.ema_half_life)
        self.store = CheckpointStore(self.folder / CHECKPOINTS)
        weights = np.ones(stage.sample_count) if sample_weights is None else sample_weights
        self.order = ShuffledOrder(weights, config.seed)
        self._check_batches()
        self._stop = False
        self._map: Callable[..., Iterable[Any]] = map
        self._deadline = deadline
        self._budget = None if config.max_minutes is None else 60 * config.max_minutes
        self._snapshot = snapshot
        self._snapshot_seconds = snapshot_seconds

    def run(self) -> bool:
        """Train until the images or the time are used up.

        Returns:
            True if the run is complete and the model is written; False if it was interrupted and can be resumed.
        """
        progress = self._restore()
        if self._deadline is not None:
            self._budget = progress.seconds + max(self._deadline - time.monotonic(), 0.0)
        log = RunLog(self.folder, progress.images) if self.processes.main else None
        try:
            with self._graceful_stop(), self._workers():
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

    def seconds_per_step(self, steps: int = 3) -> tuple[float, float]:
        """Take a few steps without keeping anything on disk; return the seconds and the images that one takes."""
        progress = Progress()
        with self._workers():
            self._step(progress)  # the first one also allocates
            before, started = progress.images, time.monotonic()
            for _ in range(steps):
                self._step(progress)
            return (time.monotonic() - started) / steps, (progress.images - before) / steps

    def _restore(self) -> Progress:
        with self.processes.main_first():  # it also removes what a run that died has left
            progress, passed_over = self.store.restore(self.networks, self.average, self.optimizer)
        self.processes.check_same("the newest checkpoint", str(progress.images))
        for line in passed_over:
            self.console.print(f"[yellow]{line}")
        if progress.images:
            self.console.print(f"resuming at {progress.images} images")
        return progress

    def _train(self, progress: Progress, log: RunLog | None) -> None:
        """Take steps until the run is done or is to stop; only the main process has a log, validates and saves."""
        config = self.config
        recent: dict[str, list[torch.Tensor]] = {}
        saved, kept = progress.images, time.monotonic()
        with self._bar(progress) as advance:
            while self._goes_on(progress):
                before, started = progress.images, time.monotonic()
                numbers = self._step(progress)
                for name, value in numbers.items():
                    recent.setdefault(name, []).append(value)
                progress.seconds += time.monotonic() - started
                advance(progress)
                stepped = time.monotonic()
                if _crossed(before, progress.images, config.log_every):
                    values = self._checked_means(recent, progress)
                    if log:
                        self._check_growth(values, progress, log)
                        log.add(progress, values | {"learning_rate": self.optimizer.param_groups[0]["lr"]})
                    recent.clear()
                if log and _crossed(before, progress.images, config.validate_every):
                    self._validate(progress, log)
                if _crossed(before, progress.images, config.checkpoint_every):
                    self._save(progress, recent)
                    saved = progress.images
                if self._snapshot and time.monotonic() - kept >= self._snapshot_seconds:
                    with self._averaged():
                        self._snapshot(self.stage)
                    kept = time.monotonic()
                if self._deadline is not None:
                    progress.seconds += time.monotonic() - stepped
        if saved != progress.images:
            self._save(progress, recent)
        self.processes.wait()

    def _goes_on(self, progress: Progress) -> bool:
        """Say whether another step is to follow; all processes say the same."""
        stop, progress.seconds = self.processes.agree(self._stop, progress.seconds)
        return self._done(progress) < 1 and not stop

    def _step(self, progress: Progress) -> dict[str, torch.Tensor]:
        config, done = self.config, self._done(progress)
        batch = self.stage.batch_size(config.batch_size, done)
        indices = self.order.indices(progress.images, batch)
        own, parts = self.processes.parts(config.accumulation, batch)
        images = progress.images

        def compute(part: int) -> tuple[tuple[torch.Tensor | None, ...], dict[str, torch.Tensor]]:
            chosen = indices[part * batch // parts : (part + 1) * batch // parts]
            generator = generator_at(config.seed, f"step/{part}", images)
            with computing_in(config.precision, self.stage.device):
                loss, numbers = self.stage.loss(chosen, generator, done)
            share = len(chosen) / batch
            gradients = torch.autograd.grad(loss * share, self.parameters, allow_unused=True)
            return gradients, {
                name: value.detach().float() * share for name, value in {"loss": loss, **numbers}.items()
            }

        totals: dict[str, torch.Tensor] = {}
        self.optimizer.zero_grad(set_to_none=True)
        for gradients, numbers in self._map(compute, own):
            _add_gradients(self.parameters, gradients)
            for name, value in numbers.items():
                totals[name] = totals[name] + value if name in totals else value
        totals = self.processes.add_up(self.parameters, totals)
        totals["gradient_norm"] = torch.nn.utils.clip_grad_norm_(self.parameters, config.gradient_clip)
        progress.images += batch
        progress.steps += 1
        rate = learning_rate_at(config, progress.images, done)
        for group, share in zip(self.optimizer.param_groups, self._rates, strict=True):
            group["lr"] = share * rate
        self.optimizer.step()
        self.average.update(progress.images, batch)
        return totals

    def _check_batches(self) -> None:
        config, count = self.config, self.processes.count
        smallest = min(self.stage.batch_size(config.batch_size, percent / 100) for percent in range(101))
        if smallest < count:
            raise FetalFlexError(
                f"batch_size {config.batch_size}: some steps, with larger crops, have only {smallest} images, fewer "
                f"than the {count} processes; choose a batch_size {math.ceil(count / smallest)} times as large, or "
                "fewer processes"
            )

    def _done(self, progress: Progress) -> float:
        shown = progress.images / self.config.images
        if self._budget is None:
            return shown
        return max(shown, progress.seconds / self._budget if self._budget > 0 else 1.0)

    def _checked_means(self, recent: dict[str, list[torch.Tensor]], progress: Progress) -> dict[str, float]:
        means = {name: float(torch.stack(kept).mean()) for name, kept in recent.items()}
        for name in ("loss", "gradient_norm"):
            if not math.isfinite(means.get(name, 0.0)):
                self._stop_diverged(f"the {name} became {means[name]}", progress)
        return means

    def _check_growth(self, means: dict[str, float], progress: Progress, log: RunLog) -> None:
        """Stop if the loss has grown to several times what it was at the start of the run."""
        first = log.first("loss")
        if first is not None and means.get("loss", 0.0) > _LARGEST_GROWTH * first:
            self._stop_diverged(f"the loss rose from {first:.4g} to {means['loss']:.4g}", progress)

    def _stop_diverged(self, what: str, progress: Progress) -> NoReturn:
        newest = next(iter(self.store.found()), None)
        raise FloatingPointError(
            f"{what} by {progress.images} images; lower learning_rate and start again"
            + (f" (the last good checkpoint is {newest})" if newest else "")
        )

    def _validate(self, progress: Progress, log: RunLog) -> None:
        with self._averaged():
            result = self.stage.validate()
        log.add(progress, {f"validation/{name}": value for name, value in result.numbers.items()})
        if result.sheet is not None:
            path = self.folder / "samples" / f"images-{progress.images:010d}.png"
            write_png(path, result.sheet, {"Synthetic": "true", "Software": "FetalFlex training samples"}, force=True)
        numbers = ", ".join(f"{name} {value:.4g}" for name, value in result.numbers.items())
        self.console.print(f"{progress.images} images, {progress.seconds / 60:.1f} min: {numbers}")
        concerns = self.stage.concerns(result.numbers, self._done(progress))
        concerns += self._compare_with_best(result.numbers["loss"], progress)
        for concern in concerns:
            self.console.print(f"[yellow]warning: {escape(concern)}")
            log.add(progress, {"warning": concern})

    def _compare_with_best(self, loss: float, progress: Progress) -> list[str]:
        """Keep the weights if they are the best so far; warn if they are clearly worse than those."""
        best = self.store.best()
        if best is None or loss < best[1]:
            self.store.save_best(progress, self.average, loss)
        elif loss > _CLEARLY_WORSE * best[1]:
            return [
                f"the validation loss {loss:.4g} lies above its best, {best[1]:.4g} at {best[0]} images: the model "
                "learns its training images by heart; the weights of its best are kept"
            ]
        return []

    def _save(self, progress: Progress, recent: dict[str, list[torch.Tensor]]) -> None:
        self._checked_means(recent, progress)  # a checkpoint is always one to go on from
        if self.processes.main:
            self.store.save(progress, self.networks, self.average, self.optimizer)

    def _finish(self, progress: Progress, log: RunLog) -> None:
        if not log.validated(progress.images):
            self._validate(progress, log)
        summary = {"images": progress.images, "steps": progress.steps, "minutes": round(progress.seconds / 60, 2)}
        if best := self.store.best():
            self.store.load_best(self.average)
            summary["best_images"], summary["best_loss"] = best
        with self.average.applied(), torch.no_grad():
            self.networks.eval()
            self.stage.finish()
            path = self.stage.components.save(self.folder / MODEL_FOLDER)
        write_text(self.folder / "summary.json", json.dumps(summary, indent=2) + "\n")
        self.console.print(f"wrote {path}")

    @contextmanager
    def _averaged(self) -> Iterator[None]:
        """Put the moving average in the place of the weights, for inference."""
        with self.average.applied(), torch.no_grad():
            self.networks.eval()
            yield
            self.networks.train()

    @contextmanager
    def _workers(self) -> Iterator[None]:
        """Share the CPU's threads among the parts of a batch, if they are to be computed at the same time."""
        if not self.config.parallel:
            yield
            return
        threads = max(1, torch.get_num_threads() // self.config.accumulation)
        with ThreadPoolExecutor(self.config.accumulation, initializer=lambda: torch.set_num_threads(threads)) as pool:
            self._map = pool.map
            yield
        self._map = map

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
    def _bar(self, progress: Progress) -> Iterator[Callable[[Progress], None]]:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Bar(*columns, console=self.console, disable=not self.console.is_terminal) as bar:
            task = bar.add_task(f"training {self.config.stage}", total=self.config.images, completed=progress.images)
            yield lambda now: bar.update(task, completed=now.images)


def _by_rate(
    networks: torch.nn.ModuleDict, rates: Mapping[str, float]
) -> tuple[list[float], list[dict[str, list[torch.nn.Parameter]]]]:
    """Group what is trained, in order, into stretches of one learning rate; return their rates and the groups."""
    shares: list[float] = []
    groups: list[dict[str, list[torch.nn.Parameter]]] = []
    for name, network in networks.items():
        share = rates.get(name, 1.0)
        if not shares or shares[-1] != share:
            shares.append(share)
            groups.append({"params": []})
        groups[-1]["params"].extend(p for p in network.parameters() if p.requires_grad)
    return shares, groups


def _add_gradients(parameters: list[torch.nn.Parameter], gradients: Iterable[torch.Tensor | None]) -> None:
    for parameter, gradient in zip(parameters, gradients, strict=True):
        if gradient is not None:
            gradient = in_layout_of(parameter, gradient)
            parameter.grad = gradient if parameter.grad is None else parameter.grad.add_(gradient)


def _crossed(before: int, after: int, interval: int) -> bool:
    return before // interval != after // interval

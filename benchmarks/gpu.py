"""`python -m benchmarks.gpu`: measure sampling and training on one CUDA GPU, beside diffusers, within a time budget."""

from __future__ import annotations

import argparse
import gc
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

from benchmarks.gpu_sampling import SamplingCases
from benchmarks.gpu_training import TrainingCases
from benchmarks.timing import Case, Clock, Results
from fetalflex.anatomy import default_registry, prompt_corpus
from fetalflex.compute.fast_kernels import fast_kernels
from fetalflex.diffusion.samplers import SamplerName
from fetalflex.models.build import build_components, build_scheduler
from fetalflex.models.components import Components
from fetalflex.models.configs import get_preset
from fetalflex.models.flops import ModelCost, measure_cost
from fetalflex.models.quiet import quiet

RESULTS = "gpu.json"
_H100 = 989.0


@dataclass(frozen=True)
class Sizes:
    """Say what is measured.

    Args:
        large: Preset that is measured with `ddim` and `unipc`.
        small: Preset that is measured with `ddim` and `dpm++`.
        steps: Steps of DDIM, of UniPC, and of DPM-Solver++.
        large_batches: Batch sizes of the large preset; the middle one comes first.
        small_batches: Those of the small one.
        large_training: Batch sizes of its control training; the first that fits is measured.
        small_training: The same of the small one.
    """

    large: str = "sd15"
    small: str = "mini"
    steps: tuple[int, int, int] = (50, 10, 12)
    large_batches: tuple[int, int, int] = (1, 8, 32)
    small_batches: tuple[int, int, int] = (1, 16, 64)
    large_training: tuple[int, ...] = (64, 32, 16, 8)
    small_training: tuple[int, ...] = (512, 256, 128)


_REHEARSAL = Sizes("tiny", "tiny", (3, 2, 2), (1, 2, 3), (1, 2, 3), (4, 2), (8, 4))


class _Measuring:
    """Holds the models that are built so far, and measures what still fits into the budget.

    What fails on a GPU is noted, and the rest is measured all the same.
    """

    def __init__(self, device: torch.device, clock: Clock, results: Results) -> None:
        self._device, self._clock, self._results = device, clock, results
        self._models: dict[str, tuple[Components, ModelCost, SamplingCases]] = {}
        self._rates: dict[tuple[str, int], float] = {}

    def sample(self, preset: str, sampler: SamplerName, steps: int, guided: bool, batch: int) -> None:
        """Measure sampling, if it fits."""
        name = f"{preset} {sampler} {steps}{', guided' if guided else ''}, batch {batch}"
        if self._clock.left <= 0:
            self._results.skip(name, "no time left")
            return
        with self._noting_failure(name):
            self._sample(name, preset, self._model(preset)[2].case(sampler, steps, guided, batch))

    def _sample(self, name: str, preset: str, case: Case) -> None:
        batch = case.batch
        rate = self._rates.get((preset, batch)) or max(
            (rate for (of, _), rate in self._rates.items() if of == preset), default=0.0
        )
        if rate and 2.2 * case.flops * batch / rate > self._clock.left:
            self._results.skip(name, "would not fit into the time left")
            return
        result = self._add(case)
        self._rates[preset, batch] = case.flops * batch / max(result["theirs"]["seconds"], result["ours"]["seconds"])

    def train(self, preset: str, batches: tuple[int, ...]) -> None:
        """Measure control training at the first batch size that fits into memory, with the kernels of our trainer."""
        name = f"{preset} control training"
        if self._clock.left <= 0:
            self._results.skip(name, "no time left")
            return
        with self._noting_failure(name), fast_kernels(self._device):
            cases = TrainingCases(self._model(preset)[0], self._device, 2 * max(batches))
            for batch in batches:
                try:
                    self._add(cases.case(batch))
                    break
                except torch.cuda.OutOfMemoryError:
                    self._results.skip(f"{name}, batch {batch}", "does not fit into the GPU's memory")
                self.forget()

    def denoise(self, preset: str, batch: int, how: str, least: float) -> None:
        """Measure whether a CUDA graph or torch.compile helps, if `least` seconds are left."""
        name = f"{preset} denoising, {how}, batch {batch}"
        if self._device.type != "cuda":
            self._results.skip(name, "needs a GPU")
        elif self._clock.left < least:
            self._results.skip(name, "no time left")
        else:
            with self._noting_failure(name):
                cases = self._model(preset)[2]
                self._add(cases.graph_case(batch) if how == "CUDA graph" else cases.compiled_case(batch))

    def forget(self) -> None:
        """Give memory back that nothing uses any more."""
        gc.collect()
        if self._device.type == "cuda":
            torch.cuda.empty_cache()

    @contextmanager
    def _noting_failure(self, name: str) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            if self._device.type != "cuda":
                raise
            self._results.skip(name, f"{type(error).__name__}: {error}"[:300])
        self.forget()

    def _add(self, case: Case) -> dict[str, Any]:
        result = self._clock.measure(case)
        if self._device.type == "cuda":
            result["peak_gib"] = round(torch.cuda.max_memory_allocated() / 2**30, 2)
            torch.cuda.reset_peak_memory_stats()
        self._results.add(result)
        return result

    def _model(self, preset: str) -> tuple[Components, ModelCost, SamplingCases]:
        if preset not in self._models:
            config = get_preset(preset)
            with torch.device(self._device):  # random weights are drawn where they stay
                components = build_components(config, prompt_corpus(default_registry()))
            components.scheduler = build_scheduler(config.noise)
            components.to(self._device).freeze()
            cost = measure_cost(components)
            self._models[preset] = components, cost, SamplingCases(components, self._device, cost)
        return self._models[preset]


def measure(sizes: Sizes, measuring: _Measuring) -> Iterator[str]:
    """Measure all, what matters most first; return the name of each part before it is measured."""
    large, small = sizes.large, sizes.small
    ddim, unipc, dpm = sizes.steps
    one, some, many = sizes.large_batches
    yield "large, its usual batch"
    measuring.sample(large, "unipc", unipc, False, some)
    measuring.sample(large, "ddim", ddim, False, some)
    yield "training"
    measuring.train(large, sizes.large_training)
    yield "small"
    measuring.sample(small, "ddim", ddim, False, sizes.small_batches[1])
    measuring.train(small, sizes.small_training)
    yield "one image, and guidance"
    measuring.sample(large, "unipc", unipc, False, one)
    measuring.denoise(large, one, "CUDA graph", 5)
    measuring.denoise(small, one, "CUDA graph", 5)
    measuring.sample(large, "unipc", unipc, True, some)
    measuring.sample(large, "ddim", ddim, False, one)
    measuring.sample(large, "unipc", unipc, False, many)
    yield "the small one's other batches"
    for batch in sizes.small_batches:
        measuring.sample(small, "dpm++", dpm, False, batch)
    for batch in (sizes.small_batches[0], sizes.small_batches[2]):
        measuring.sample(small, "ddim", ddim, False, batch)
    yield "the rest of the large one's"
    measuring.sample(large, "ddim", ddim, True, some)
    measuring.sample(large, "unipc", unipc, True, one)
    measuring.sample(large, "ddim", ddim, True, one)
    measuring.sample(large, "ddim", ddim, False, many)
    measuring.sample(large, "unipc", unipc, True, many)
    measuring.sample(large, "ddim", ddim, True, many)
    yield "compiled"
    measuring.denoise(small, one, "torch.compile", 60)
    measuring.denoise(large, some, "torch.compile", 120)


def main() -> None:
    """Measure what the command line asks for."""
    options = _options()
    device = torch.device("cpu" if options.rehearse else "cuda")
    clock = Clock(device, options.seconds, 1e12 * options.peak)
    about = _about(device, options)
    measuring = _Measuring(device, clock, Results(options.output / RESULTS, about))
    with quiet():
        for part in measure(_REHEARSAL if options.rehearse else Sizes(), measuring):
            print(f"-- {part} ({clock.left:.0f} s left)", flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("runs/gpu"), help=f"folder of {RESULTS}")
    parser.add_argument("--seconds", type=float, default=480.0, help="time budget (default: 480)")
    parser.add_argument("--peak", type=float, default=_H100, help="the GPU's dense bf16 TFLOP/s (default: an H100's)")
    parser.add_argument("--rehearse", action="store_true", help="on the CPU, with the preset tiny")
    return parser.parse_args()


def _about(device: torch.device, options: argparse.Namespace) -> dict[str, Any]:
    return {
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else platform.machine(),
        "peak_tflops": options.peak,
        "budget_seconds": options.seconds,
        "python": platform.python_version(),
        "date": time.strftime("%Y-%m-%d"),
        **{name: _version(name) for name in ("torch", "diffusers", "transformers")},
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:  # a wheel on the path, not installed
        return str(__import__(package).__version__)


if __name__ == "__main__":
    main()

"""Time work on a GPU within a budget, and write each result as soon as it is there."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

Work = Callable[[], object]


@dataclass(frozen=True)
class Case:
    """Hold one measurement: our way and, where there is one, the other way to do the same work.

    Args:
        name: What is done.
        batch: Images of one call.
        ours: Our way.
        theirs: The other way; None if there is none.
        flops: Floating-point operations of one image, a multiply-add as 2.
        warm_up: A shorter call of each way with the same shapes, which does what is done only once; by default a whole
            call.
    """

    name: str
    batch: int
    ours: Work
    theirs: Work | None
    flops: float
    warm_up: tuple[Work, ...] | None = None


class Clock:
    """Times cases until a budget is used up.

    Args:
        device: Where the work is done.
        seconds: The budget, from now on.
        peak: Most operations a second of the device.
        most: Most timed repeats of a case.
    """

    def __init__(self, device: torch.device, seconds: float, peak: float, most: int = 5) -> None:
        self._device, self._peak, self._most = device, peak, most
        self._end = time.perf_counter() + seconds
        self._share = seconds / 12

    @property
    def left(self) -> float:
        """Return how many seconds of the budget are left."""
        return self._end - time.perf_counter()

    def measure(self, case: Case) -> dict[str, Any]:
        """Return seconds, images a second and share of peak of each way, and the ratio of seconds, ours / theirs.

        After a warm-up the two ways take turns, up to the case's share of the budget, and once in any case.
        """
        ways = {"ours": case.ours} | ({} if case.theirs is None else {"theirs": case.theirs})
        for way in case.warm_up or tuple(ways.values()):
            self.seconds(way)
        times: dict[str, list[float]] = {name: [] for name in ways}
        started, rounds = time.perf_counter(), 0
        while rounds < self._most:
            for name in list(ways) if rounds % 2 == 0 else list(ways)[::-1]:
                times[name].append(self.seconds(ways[name]))
            rounds += 1
            spent = time.perf_counter() - started
            if spent + spent / rounds > min(self._share, self.left):
                break
        result: dict[str, Any] = {"name": case.name, "batch": case.batch, "repeats": rounds}
        result |= {name: self._numbers(values, case) for name, values in times.items()}
        if case.theirs is not None:
            ratios = [ours / theirs for ours, theirs in zip(times["ours"], times["theirs"], strict=True)]
            result["ratio"] = _short(statistics.median(ratios))
            result["ratio_quartiles"] = _quartiles(ratios)
        return result

    def seconds(self, work: Work) -> float:
        """Return how long one call takes, until the device has done all of it."""
        self._wait()
        started = time.perf_counter()
        work()
        self._wait()
        return time.perf_counter() - started

    def _wait(self) -> None:
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)

    def _numbers(self, times: list[float], case: Case) -> dict[str, Any]:
        middle = statistics.median(times)
        return {
            "seconds": _short(middle),
            "quartiles": _quartiles(times),
            "per_second": _short(case.batch / middle),
            "share_of_peak": _short(case.flops * case.batch / middle / self._peak),
        }


class Results:
    """Write results to a file, anew after each.

    Args:
        path: The file; its folder is created.
        about: What was measured where.
    """

    def __init__(self, path: Path, about: dict[str, Any]) -> None:
        self._path = path
        self._values: dict[str, Any] = {"about": about, "results": [], "skipped": []}
        path.parent.mkdir(parents=True, exist_ok=True)
        self._write()

    def add(self, result: dict[str, Any]) -> None:
        """Add a result, and say it in one line."""
        self._values["results"].append(result)
        self._write()
        ours = result["ours"]
        line = f"{result['name']}, batch {result['batch']}: {ours['per_second']}/s, {ours['share_of_peak']:.1%} of peak"
        if "theirs" in result:
            line += f"; theirs {result['theirs']['per_second']}/s; ours / theirs {result['ratio']}"
        print(line, flush=True)

    def skip(self, name: str, why: str) -> None:
        """Note what was not measured."""
        self._values["skipped"].append({"name": name, "why": why})
        self._write()
        print(f"{name}: skipped, {why}", flush=True)

    def _write(self) -> None:
        self._path.write_text(json.dumps(self._values, indent=1) + "\n")


def _quartiles(values: list[float]) -> list[float]:
    ordered = sorted(values)
    return [_short(ordered[len(ordered) // 4]), _short(ordered[3 * len(ordered) // 4])]


def _short(value: float) -> float:
    return float(f"{value:.4g}")

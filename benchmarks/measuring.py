"""Time contestants fairly, and measure the memory of each in a process of its own."""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

MIB = 2**20


@dataclass(frozen=True)
class Comparison:
    """Hold one benchmark: two ways to do the same work.

    Args:
        name: What is compared.
        ours: Our way, as (name, function).
        theirs: The other way, as (name, function).
        unit: What the time of one call is reported for, such as "step".
        per_call: How many units one call does.
        same: Says whether both ways compute the same; None where they need not.
    """

    name: str
    ours: tuple[str, Callable[[], object]]
    theirs: tuple[str, Callable[[], object]]
    unit: str
    per_call: int
    same: Callable[[], bool] | None = None


@dataclass(frozen=True)
class Result:
    """Hold the outcome of a comparison: median milliseconds per unit of both ways, and their ratio.

    `ratio` is the median over repeats of ours / theirs, each pair measured one after the other; `spread` its quartiles.
    The first call of each way, in milliseconds, is told apart: it does what is done only once.
    """

    name: str
    unit: str
    ours: str
    theirs: str
    ours_ms: float
    theirs_ms: float
    ours_first_ms: float
    theirs_first_ms: float
    ratio: float
    spread: tuple[float, float]
    repeats: int


def compare(comparison: Comparison, repeats: int) -> Result:
    """Time both ways in turn, `repeats` times, after a first call each."""
    ways = comparison.ours[1], comparison.theirs[1]
    ours_first, theirs_first = (_seconds(way) for way in ways)
    if comparison.same is not None and not comparison.same():
        raise RuntimeError(f"{comparison.name}: the two ways do not compute the same, so their times say nothing")
    pairs = []
    for repeat in range(repeats):
        # The order changes, so that neither always finds the other's warm caches.
        first, second = ways if repeat % 2 == 0 else ways[::-1]
        times = {first: _seconds(first), second: _seconds(second)}
        pairs.append((times[ways[0]], times[ways[1]]))
    ratios = sorted(ours / theirs for ours, theirs in pairs)
    scale = 1000 / comparison.per_call
    return Result(
        name=comparison.name,
        unit=comparison.unit,
        ours=comparison.ours[0],
        theirs=comparison.theirs[0],
        ours_ms=round(statistics.median(ours for ours, _ in pairs) * scale, 3),
        theirs_ms=round(statistics.median(theirs for _, theirs in pairs) * scale, 3),
        ours_first_ms=round(ours_first * 1000, 1),
        theirs_first_ms=round(theirs_first * 1000, 1),
        ratio=float(f"{statistics.median(ratios):.4g}"),
        spread=(float(f"{ratios[len(ratios) // 4]:.4g}"), float(f"{ratios[3 * len(ratios) // 4]:.4g}")),
        repeats=repeats,
    )


def peak_memory_of(arguments: list[str]) -> float:
    """Return the peak resident memory in MiB that `python -m benchmarks` with these arguments reports for itself."""
    command = [sys.executable, "-m", "benchmarks", *arguments]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def own_peak_memory() -> float:
    """Return the peak resident memory of this process so far, MiB."""
    status = Path("/proc/self/status")
    if status.exists():  # on Linux, getrusage counts the parent's memory at the fork too
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (MIB if sys.platform == "darwin" else 1024)


def _seconds(function: Callable[[], object]) -> float:
    started = time.perf_counter()
    function()
    return time.perf_counter() - started

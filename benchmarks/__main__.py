"""`python -m benchmarks`: print a table of our speed and memory against the other way, measured side by side."""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

from benchmarks import precision, sampling, training_data
from benchmarks.measuring import Comparison, Result, compare, own_peak_memory, peak_memory_of

RESULTS = Path(__file__).with_name("results.json")
BENCHMARKS = ("sampling", "precision", "training_data")


def main() -> None:
    options = _options()
    torch.set_num_threads(options.threads)
    if options.memory_of:
        name, way = options.memory_of.split("/")
        _run_alone(name, way, options.preset)
        return
    results = []
    for name in BENCHMARKS:
        with tempfile.TemporaryDirectory() as folder:
            result = compare(_comparison(name, options.preset, Path(folder)), options.repeats)
        results.append(asdict(result) | _memory(name, options))
        _print(result, results[-1])
    if options.write:
        RESULTS.write_text(json.dumps({"machine": _machine(), "results": results}, indent=2) + "\n")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--preset", default="mini", help="model preset (default: mini)")
    parser.add_argument("--repeats", type=int, default=9, help="timed pairs of runs (default: 9)")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1, help="CPU threads (default: all)")
    parser.add_argument("--no-memory", action="store_true", help="skip the runs that measure memory")
    parser.add_argument("--write", action="store_true", help=f"write {RESULTS.parent.name}/{RESULTS.name}")
    parser.add_argument("--memory-of", help=argparse.SUPPRESS)
    return parser.parse_args()


def _comparison(name: str, preset: str, folder: Path) -> Comparison:
    if name == "training_data":
        return training_data.comparison(preset, folder)
    return {"sampling": sampling, "precision": precision}[name].comparison(preset)


def _memory(name: str, options: argparse.Namespace) -> dict[str, float]:
    """Return the peak memory of each way, measured in a process that runs this way alone."""
    if options.no_memory:
        return {}
    shared = ["--preset", options.preset, "--threads", str(options.threads)]
    return {f"{way}_peak_mib": peak_memory_of([*shared, "--memory-of", f"{name}/{way}"]) for way in ("ours", "theirs")}


def _run_alone(name: str, way: str, preset: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        comparison = _comparison(name, preset, Path(folder))
        for _ in range(3):
            getattr(comparison, way)[1]()
    print(round(own_peak_memory(), 1))


def _print(result: Result, values: dict[str, Any]) -> None:
    table = Table(title=result.name, title_justify="left")
    for heading in ("", "first call, ms", f"ms per {result.unit}", "peak MiB"):
        table.add_column(heading, justify="left" if not heading else "right")
    for way in ("ours", "theirs"):
        times = f"{values[f'{way}_first_ms']:.0f}", f"{values[f'{way}_ms']:.2f}"
        table.add_row(values[way], *times, str(values.get(f"{way}_peak_mib", "")))
    low, high = result.spread
    table.caption = f"ours / theirs: {result.ratio:.3g} (quartiles {low:.3g} to {high:.3g}, {result.repeats} repeats)"
    Console().print(table)


def _machine() -> dict[str, Any]:
    return {
        "system": platform.platform(),
        "processor": platform.processor() or platform.machine(),
        "cpus": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        **{name: version(name) for name in ("torch", "diffusers")},
    }


if __name__ == "__main__":
    main()

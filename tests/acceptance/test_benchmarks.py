from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_the_benchmarks_run_and_print_their_ratios() -> None:
    command = [
        sys.executable,
        "-m",
        "benchmarks",
        "--preset",
        "tiny",
        "--repeats",
        "2",
        "--threads",
        "1",
        "--no-memory",
    ]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True, timeout=300)
    assert done.stdout.count("ours / theirs:") == 3
    assert "sampling step, tiny" in done.stdout
    assert "synthesis of 5 steps, tiny" in done.stdout
    assert "training data, control stage of tiny" in done.stdout


@pytest.mark.slow
def test_the_benchmark_for_a_gpu_can_be_rehearsed_and_writes_what_it_has_measured(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "benchmarks.gpu", "--rehearse", "--seconds", "20", "--output", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True, timeout=300)
    written = json.loads((tmp_path / "gpu.json").read_text())
    assert {"device", "peak_tflops", "torch", "diffusers"} <= written["about"].keys()
    names = [one["name"] for one in written["results"]]
    assert {"tiny unipc 2", "tiny ddim 3", "tiny control training"} <= set(names)
    assert all(one["ratio"] > 0 and one["ours"]["per_second"] > 0 for one in written["results"])
    assert {"name": "tiny denoising, CUDA graph, batch 1", "why": "needs a GPU"} in written["skipped"]

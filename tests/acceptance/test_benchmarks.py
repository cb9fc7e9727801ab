from __future__ import annotations

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

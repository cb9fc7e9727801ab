"""A labelled data set made by the command as a user runs it, killed and continued, by one process and by two."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

from fetalflex.data import DatasetFolder, open_dataset
from fetalflex.models.components import Components
from phantoms import write_phantoms

pytestmark = pytest.mark.slow

HEADS = {"plane": "thalamic_transverse"}
PLAN: dict[str, Any] = {
    "seed": 4,
    "shard_size": 2,
    "sampling": {"sampler": "dpm++", "steps": 12},
    "checks": {"attempts": 5, "layout": False, "anomaly": False, "least_contrast": 0, "duplicate_correlation": 0.8},
    "entries": [
        HEADS | {"normal": True, "count": 10, "variation": {}},
        HEADS | {"anomaly": "microcephaly", "severity": ["moderate", "severe"], "count": 8},
        HEADS | {"anomaly": "absent_cavum_septi_pellucidi", "count": 6, "refine": {"strength": 0.5}},
    ],
}
SHARDS = 12


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, shared_model: Components) -> Path:
    """A folder with a model, a data set and a plan."""
    folder = tmp_path_factory.mktemp("augment")
    shared_model.save(folder / "model")
    write_phantoms(folder / "data", 24)
    (folder / "plan.yaml").write_text(yaml.safe_dump(PLAN))
    return folder


@pytest.fixture(scope="module")
def whole(folder: Path) -> Path:
    """A set that one process made without an interruption."""
    process = start(folder, "whole")
    said = process.communicate(timeout=900)
    assert process.returncode in (0, 4), said
    return folder / "whole"


def start(folder: Path, out: str, *launcher: str) -> subprocess.Popen[str]:
    command = [sys.executable, *launcher, "-m", "fetalflex", "augment", "data", "--plan", "plan.yaml", "--out", out]
    return subprocess.Popen(
        [*command, "--model", "model", "--device", "cpu"],
        cwd=folder,
        env=os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""},
        # A shell lets what it starts in the background ignore Ctrl-C, and children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def start_two(folder: Path, out: str) -> subprocess.Popen[str]:
    launcher = ("-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", "2", "--main_process_port", "0")
    return start(folder, out, *launcher)


def workers(launcher: subprocess.Popen[str]) -> list[psutil.Process]:
    children = psutil.Process(launcher.pid).children(recursive=True)
    return [child for child in children if "fetalflex" in child.cmdline()]


def shards(root: Path) -> set[str]:
    return {path.parent.name for path in root.glob("shards/*/shard.json") if not path.parent.name.startswith(".")}


def wait_for_shards(process: subprocess.Popen[str], root: Path, count: int) -> None:
    deadline = time.monotonic() + 900
    while len(shards(root)) < count:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.005)


def contents(root: Path) -> dict[str, bytes]:
    """Return all files of a set but those that hold times."""
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and path.name != "timing.json" and not path.name.startswith("report.")
    }


def kept_files(root: Path, names: set[str]) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for name in names for path in (root / "shards" / name).glob("*.png")}


def test_killed_twice_it_completes_as_if_nothing_had_been(folder: Path, whole: Path) -> None:
    root = folder / "killed"
    for count in (2, 6):
        process = start(folder, "killed")
        wait_for_shards(process, root, count)
        process.kill()
        process.communicate()
        assert not (root / "annotations.json").exists()
    before = kept_files(root, shards(root))
    process = start(folder, "killed")
    said = process.communicate(timeout=900)
    assert process.returncode in (0, 4), said
    assert contents(root) == contents(whole)
    assert not list(root.rglob("*.partial"))
    repaired = {name.split("/")[1] for name in contents(root) if name.startswith("rounds/")}
    if not repaired:  # shards that were whole were not made again
        assert all(path.stat().st_mtime_ns == stamp for path, stamp in before.items())


def test_two_processes_one_of_them_killed_and_then_one_alone(folder: Path, whole: Path) -> None:
    root = folder / "shared"
    process = start_two(folder, "shared")
    wait_for_shards(process, root, 2)
    _, second = sorted(workers(process), key=lambda child: int(child.environ()["RANK"]))
    second.kill()
    said = process.communicate(timeout=300)
    assert process.returncode != 0, said
    assert 2 <= len(shards(root)) < SHARDS
    assert not (root / "annotations.json").exists()
    again = start(folder, "shared")
    wait_for_shards(again, root, len(shards(root)) + 1)
    again.kill()
    again.communicate()
    last = start_two(folder, "shared")
    out, err = last.communicate(timeout=900)
    assert out.count("images made, in") == 1, err
    assert contents(root) == contents(whole)


def test_ctrl_c_leaves_whole_shards_alone(folder: Path) -> None:
    process = start(folder, "stopped")
    wait_for_shards(process, folder / "stopped", 1)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=300)
    assert process.returncode == 130
    assert err.strip().splitlines()[-1] == "interrupted"
    assert not list((folder / "stopped").rglob("*.partial"))


def test_other_formats_read_back_to_the_same_layouts(folder: Path, whole: Path) -> None:
    dataset = DatasetFolder(whole)
    for format, *back in (("webdataset",), ("yolo_obb", "--rotated")):
        out, again = folder / format, folder / f"{format}-again"
        fetalflex = [sys.executable, "-m", "fetalflex"]
        subprocess.run([*fetalflex, "export", whole, "--format", format, "--out", out], check=True)
        if back:
            options = ["--format", "yolo", *back, "--keep-splits", "--keep-unannotated", "--out", again]
            subprocess.run([*fetalflex, "prepare", out, *options], check=True, stdout=subprocess.DEVNULL)
        read = {record.extra["seed"]: record for record in open_dataset(again if back else out)}
        assert len(read) == len(dataset)
        for record in dataset:
            other = read[record.extra["seed"]]
            assert other.layout.names() == record.layout.names()
            assert (other.patient, other.split, other.extra) == (record.patient, record.split, record.extra)

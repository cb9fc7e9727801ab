"""Run damaged inputs through what reads them, importers or our own readers; anything but a refusal is a find.

By hand, without end or with a number of inputs:

    python tests/fuzz/fuzzing.py coco --inputs 100000 --seed 1
    python tests/fuzz/fuzzing.py model
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from importer_seeds import Files, seeds
from mutations import damaged
from own_targets import OWN_TARGETS, OwnTarget, own_target

from fetalflex.anatomy.registry import default_registry
from fetalflex.data.checking import check_source
from fetalflex.data.coco_records import coco_from_records
from fetalflex.data.importers import ImportOptions, get_importer
from fetalflex.dicom import FrameChoice
from fetalflex.errors import FetalFlexError

SLOWEST = 2.0
"""Seconds of processor time that an input may take."""

LARGEST = 500
"""MiB of memory that inputs may take."""

_AT_ONCE = 500


@dataclass(frozen=True)
class Find:
    """Hold an input that did not end in a refusal: its number, what happened, and the damaged files."""

    number: int
    what: str
    files: Files


def finds(target: str, inputs: range, seed: int, folder: Path) -> Iterator[Find]:
    """Yield what damaged inputs of a target bring to light.

    Args:
        target: One of `TARGETS`.
        inputs: Numbers of the inputs; each has its own generator, so any of them can be made again by itself.
        seed: Seed of all.
        folder: Empty folder to work in.
    """
    chosen = target_named(target)
    files = chosen.files
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    with contextlib.suppress(FetalFlexError):  # as it is, so that what is loaded once does not count
        chosen.read(folder, random.Random(0))
    for number in inputs:
        draw = random.Random(f"{target}/{seed}/{number}")
        # Of many files, such as a model's, most stay as they are, so that the others come to be read.
        share = 0.8 if len(chosen.damaged) < 4 else 1.2 / len(chosen.damaged)
        changed = {name: damaged(files[name], name, draw) for name in chosen.damaged if draw.random() < share}
        for name, content in changed.items():
            (folder / name).write_bytes(content)
        started = time.process_time()
        try:
            chosen.read(folder, draw)
        except FetalFlexError:
            pass
        except Exception:  # the point of it
            yield Find(number, traceback.format_exc(), changed)
        if (took := time.process_time() - started) > SLOWEST:
            yield Find(number, f"took {took:.1f} s", changed)
        for name in changed:
            (folder / name).write_bytes(files[name])


TARGETS = (*seeds(), *OWN_TARGETS)
"""The importers' sources, and the product's own files."""


def target_named(name: str) -> OwnTarget:
    """Return one of `TARGETS`; only what it needs itself is made and imported."""
    if name in OWN_TARGETS:
        return own_target(name)
    format_name, files, damaged_files = seeds()[name]
    return OwnTarget(files, damaged_files, functools.partial(_import, format_name))


def _import(format_name: str, folder: Path, draw: random.Random) -> None:
    fixed = format_name in ("hc18", "fetus_framework", "fetal_planes", "head_biometry")
    options = ImportOptions(
        plane=None if fixed else "thalamic_transverse",
        rotated=draw.random() < 0.3,
        keep_unannotated=draw.random() < 0.3,
        frames=draw.choice([None, FrameChoice("all"), FrameChoice("middle")]) if format_name == "dicom" else None,
        columns={"file": "file", "label": "label", **{key: key for key in ("x0", "y0", "x1", "y1")}}
        if format_name == "fetus_framework"
        else {},
    )
    findings = check_source(get_importer(format_name).read(folder, options), folder, options, lambda _: None)
    registry = default_registry()
    coco = coco_from_records([image.record for image in findings.images], registry)
    json.dumps(coco, ensure_ascii=False, allow_nan=False).encode("utf-8")
    for entry in (*findings.refused, *findings.notes):
        f"{entry.where}: {entry.reason}".encode()


def main() -> None:
    """Fuzz one target, or all in processes of their own, and print what is found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target", choices=[*TARGETS, "all"])
    parser.add_argument("--inputs", type=int, default=0, help="how many; 0 goes on until it is stopped")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=0, help="of processor time; then it stops")
    arguments = parser.parse_args()
    if arguments.target == "all":
        more = [f"--{name}={getattr(arguments, name)}" for name in ("inputs", "seed", "seconds")]
        codes = [subprocess.run([sys.executable, __file__, target, *more]).returncode for target in TARGETS]
        sys.exit(max(codes))
    sys.exit(_fuzzed(arguments.target, arguments.inputs or sys.maxsize, arguments.seed, arguments.seconds))


def _fuzzed(target: str, inputs: int, seed: int, seconds: float) -> int:
    """Fuzz one target, print what is found, and return the exit code."""
    found = done = 0
    with tempfile.TemporaryDirectory() as folder:
        for _ in finds(target, range(0), seed, Path(folder)):  # loads what is loaded once
            pass
        started, before = time.process_time(), _peak()
        for first in range(0, inputs, _AT_ONCE):
            numbers = range(first, min(first + _AT_ONCE, inputs))
            for find in finds(target, numbers, seed, Path(folder)):
                found += 1
                print(f"{target} input {find.number}: {find.what}", flush=True)
            done = numbers.stop
            if seconds and time.process_time() - started > seconds:
                break
        took, more = time.process_time() - started, _peak() - before
    if more > LARGEST:
        found += 1
        print(f"{target}: took {more} MiB more than at the start", flush=True)
    print(f"{target}: {done} inputs, {found} finds, {took:.0f} s, {more} MiB more than at the start", flush=True)
    return 1 if found else 0


def _peak() -> int:
    """Return the most memory that this process has had, MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


if __name__ == "__main__":
    main()

"""The gallery with the weights and examples of the repository: offline, and within its budget of memory."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from fetalflex.anatomy import default_registry, draw_roi_mask
from fetalflex.data import DatasetFolder, read_image
from fetalflex.experiments.gallery import image_count, plan_gallery
from fetalflex.experiments.shown_edits import SHOWN_EDITS

ROOT = Path(__file__).parents[2]
_CORES = 2
_GIBIBYTES = 3
_WITHOUT_NETWORK = """
import socket, sys
def refuse(*arguments, **options):
    raise OSError("this test has no network")
socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse
from fetalflex.cli.app import main
main(sys.argv[1:])
"""


def test_the_examples_are_real_images_with_layouts_for_every_sheet() -> None:
    dataset = DatasetFolder(ROOT / "examples")
    registry = default_registry()
    assert 12 <= len(dataset) <= 16
    assert {record.layout.plane for record in dataset} == set(SHOWN_EDITS)
    for record in dataset:
        record.layout.validate(registry)
        assert dataset.image(record)[draw_roi_mask(record.layout, registry)].std() > 5
        assert record.source in (ROOT / "examples" / "ATTRIBUTION.md").read_text(encoding="utf-8")
    assert [scene.name for scene in plan_gallery(dataset, registry)] == list(SHOWN_EDITS)


@pytest.mark.slow
def test_the_gallery_is_made_offline_within_its_memory(tmp_path: Path) -> None:
    if not (ROOT / "weights" / "mini").is_dir():
        pytest.skip("the repository holds no weights/mini")
    environment = os.environ | {"OMP_NUM_THREADS": str(_CORES), "HF_HOME": str(tmp_path / "hub")}
    command = [sys.executable, "-c", _WITHOUT_NETWORK, "demo", "--out", str(tmp_path / "demo")]
    subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, timeout=1800)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert after.ru_maxrss <= _GIBIBYTES * 1024**2
    scenes = plan_gallery(DatasetFolder(ROOT / "examples"), default_registry())
    assert len(list((tmp_path / "demo" / "images").glob("*.png"))) == image_count(scenes)
    for scene in scenes:
        assert read_image(tmp_path / "demo" / f"{scene.name}.png").shape[1] > 2000

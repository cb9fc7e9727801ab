from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from cli_helpers import LAYOUT, RunCommand, run_command
from PIL import Image

from fetalflex.anatomy import Layout, default_registry, prompt_corpus


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole model folder of the smallest preset, with random weights."""
    from fetalflex.models.build import build_components
    from fetalflex.models.configs import get_preset

    components = build_components(get_preset("tiny"), prompt_corpus(default_registry()), seed=1)
    return components.save(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture
def run() -> RunCommand:
    return run_command


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory with a layout and the image that it describes."""
    monkeypatch.chdir(tmp_path)
    LAYOUT.save(tmp_path / "scan.layout.json")
    noise = np.random.default_rng(0).integers(0, 255, (LAYOUT.height, LAYOUT.width), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "scan.png")
    return tmp_path


@pytest.fixture
def layout() -> Layout:
    return LAYOUT

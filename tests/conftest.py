"""Settings and fixtures for all tests; torch is imported only by the fixtures that need it."""

from __future__ import annotations

import copy
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from fetalflex.detection import Detector
    from fetalflex.models.components import Components
    from fetalflex.pipeline.pipeline import FetalFlexPipeline

# Properties are tested with the same examples every time, so that a suite that passed passes again. To look for new
# counterexamples: FETALFLEX_EXAMPLES=1000 pytest -m hypothesis
_EXAMPLES = os.environ.get("FETALFLEX_EXAMPLES")
settings.register_profile("fetalflex", deadline=None, max_examples=60, derandomize=True)
settings.register_profile("searching", deadline=None, max_examples=int(_EXAMPLES or 60))
settings.load_profile("searching" if _EXAMPLES else "fetalflex")


@pytest.fixture(scope="session")
def shared_model() -> Components:
    """Preset tiny with random weights, none of them all zero; shared, so not to be changed."""
    import torch

    from fetalflex.anatomy import default_registry, prompt_corpus
    from fetalflex.models.build import build_components
    from fetalflex.models.configs import get_preset

    components = build_components(get_preset("tiny"), prompt_corpus(default_registry()), seed=1)
    # What starts at zero is filled, so that background, layout and prompt all show in the output.
    generator = torch.Generator().manual_seed(2)
    parts = (components.controlnet, components.prealignment)
    for parameter in (p for part in parts for p in part.parameters() if not p.any()):
        parameter.data = torch.randn(parameter.shape, generator=generator) * 0.05
    return components.freeze()


@pytest.fixture
def random_model(shared_model: Components) -> Components:
    """The shared model, copied: the test's own."""
    return copy.deepcopy(shared_model)


@pytest.fixture(scope="session")
def pipeline(shared_model: Components) -> FetalFlexPipeline:
    """A pipeline with random weights; shared, so not to be changed."""
    from fetalflex.pipeline.pipeline import FetalFlexPipeline

    return FetalFlexPipeline(copy.deepcopy(shared_model))


@pytest.fixture(scope="session")
def phantom_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set folder of 48 phantoms, 64 px: 36 to train on, 12 to validate on."""
    from phantoms import write_phantoms

    return write_phantoms(tmp_path_factory.mktemp("phantoms") / "data", 48)


@pytest.fixture(scope="session")
def detector_folder(phantom_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a small detector, trained on the phantoms for a few seconds."""
    from rich.console import Console

    from fetalflex.training.config import RunConfig
    from fetalflex.training.run import train

    out = tmp_path_factory.mktemp("detector")
    config = RunConfig.model_validate(
        {
            "stage": "detector",
            "output": out,
            "data": {"paths": [phantom_folder], "views": {"whole": 1}},
            "images": 720,
            "batch_size": 8,
            "learning_rate": 3e-3,
            "warmup_images": 64,
            "ema_half_life": 100,
            "validate_every": 720,
            "device": "cpu",
            "augmentation": {"zoom": [0.8, 1.25]},
            "detector": {
                "size": 64,
                "network": {"channels": [8, 16, 24, 32], "blocks": [1, 1, 1, 1], "neck": 16},
            },
        }
    )
    assert train(config, console=Console(quiet=True))
    return out / "model"


@pytest.fixture(scope="session")
def detector(detector_folder: Path) -> Detector:
    """The small detector; shared, so not to be changed."""
    from fetalflex.detection import Detector

    return Detector.from_pretrained(detector_folder)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium; for tests with the marks `IN_CHROMIUM`."""
    from chromium import chromium

    with chromium() as browser:
        yield browser

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch

from fetalflex.errors import FetalFlexError
from fetalflex.evaluation.metrics import published
from fetalflex.evaluation.metrics.published import (
    ALEXNET_FILE,
    INCEPTION_FILE,
    InceptionVectors,
    LpipsDistance,
    weights_folder,
)

KINDS = [(InceptionVectors, INCEPTION_FILE), (LpipsDistance, ALEXNET_FILE)]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of weights, and all packages installed, as far as one can tell without importing them."""
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr(published, "find_spec", lambda _: object())
    weights_folder().mkdir()
    return weights_folder()


@pytest.mark.parametrize(("kind", "file"), KINDS)
def test_missing_weights_are_named_with_their_place(kind: type, file: str, folder: Path) -> None:
    with pytest.raises(FetalFlexError) as error:
        kind()
    assert str(folder / file) in str(error.value)
    assert kind.name in str(error.value)
    assert "https://" in str(error.value)


@pytest.mark.parametrize(("kind", "file"), KINDS)
def test_a_damaged_file_is_not_loaded(kind: type, file: str, folder: Path) -> None:
    (folder / file).write_bytes(b"half a download")
    with pytest.raises(FetalFlexError, match=r"damaged \(SHA-256 [0-9a-f]{8}, expected [0-9a-f]{8}\)"):
        kind()


@pytest.mark.parametrize(("kind", "package"), [(InceptionVectors, "torch-fidelity"), (LpipsDistance, "torchvision")])
def test_missing_packages_are_named(kind: type, package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    missing = package.replace("-", "_")
    monkeypatch.setattr(published, "find_spec", lambda name: None if name == missing else find_spec("torch"))
    with pytest.raises(FetalFlexError, match=f"run pip install {package}$"):
        kind()


def test_small_images_are_refused_by_lpips() -> None:
    small = np.zeros((40, 100), np.uint8)
    with pytest.raises(FetalFlexError, match="at least 64 pixels a side, got 100 x 40"):
        LpipsDistance.__call__(LpipsDistance.__new__(LpipsDistance), small, small)

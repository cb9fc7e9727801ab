"""The recipe in configs/mini/fine-tune goes on from the released weights and leaves their other parts as they are."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from documents import ROOT, run, short

from fetalflex.models.components import Components, model_identity

RECIPE = "configs/mini/fine-tune/control.yaml"


@pytest.mark.slow
def test_the_released_weights_learn_from_annotated_scans(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in ("configs", "weights"):
        (tmp_path / folder).symlink_to(ROOT / folder)
    monkeypatch.chdir(tmp_path)
    assert run(f"fetalflex prepare {ROOT / 'examples'} --format coco --out data/mine") == 0
    assert run(short(f"fetalflex train control --config {RECIPE}")) == 0

    before, after = Components.load(Path("weights/mini")), Components.load(Path("runs/fine-tuned/model"))
    assert model_identity(after) != model_identity(before)
    for part in ("vae", "unet", "text_encoder"):
        assert all(map(torch.equal, getattr(before, part).parameters(), getattr(after, part).parameters())), part
    pairs = zip(before.controlnet.parameters(), after.controlnet.parameters(), strict=True)
    assert any(not torch.equal(*pair) for pair in pairs)
    assert set(before.config.control.label_channels) <= set(after.config.control.label_channels)

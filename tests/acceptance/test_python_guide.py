"""The guide to Python runs from its first block to its last, with a small untrained model in place of the weights."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fetalflex as ff
from fetalflex.anatomy import prompt_corpus
from fetalflex.models.build import build_components
from fetalflex.models.configs import get_preset
from fetalflex.pipeline.option_names import SYNONYMS

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)


def test_its_blocks_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    components = build_components(get_preset("tiny"), prompt_corpus(ff.default_registry()), seed=0)
    components.save(tmp_path / "weights" / "mini")
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    for block in BLOCKS:
        exec(compile(block, "docs/python.md", "exec"), names)
    shown = capsys.readouterr().out
    assert np.array_equal(ff.read_image("out/python.png").shape, names["image"].shape)
    assert Path("out/python-pair/pair.json").is_file()
    assert len(names["made"]) == 3
    assert "Sampling(sampler='unipc', steps=12, guidance=Guidance(prompt=1.0, layout=3, edit=1.0)) True" in shown
    assert "give sampling=Sampling(steps=...)" in shown
    assert shown.splitlines()[-1] == "1.00 of 1"


def test_the_names_elsewhere_are_those_that_errors_know() -> None:
    table = GUIDE.split("## Names elsewhere")[1]
    for name in ("num_inference_steps", "scheduler", "mask_image", "padding_mask_crop", "torch_dtype"):
        assert f"`{name}`" in table
        assert f"{SYNONYMS[name]}=" in table or f"`{SYNONYMS[name]}`" in table

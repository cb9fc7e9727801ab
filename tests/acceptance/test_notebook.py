"""The example notebook runs from its first to its last cell."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import pytest

from fetalflex.anatomy import default_registry, prompt_corpus
from fetalflex.models.build import build_components
from fetalflex.models.configs import get_preset

ROOT = Path(__file__).parents[2]


def run_cell(source: str, names: dict[str, Any]) -> Any:
    """Run a cell, and return what it shows: the value of its last line, if that is an expression."""
    tree = ast.parse(source)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "tour.ipynb", "exec"), names)
    return None if last is None else eval(compile(ast.Expression(last.value), "tour.ipynb", "eval"), names)


def test_the_tour_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "detector").symlink_to(ROOT / "weights" / "detector")
    components = build_components(get_preset("tiny"), prompt_corpus(default_registry()), seed=0)
    components.save(tmp_path / "weights" / "mini")
    monkeypatch.chdir(tmp_path / "docs")  # where Jupyter starts

    notebook = json.loads((ROOT / "docs" / "tour.ipynb").read_text(encoding="utf-8"))
    assert notebook["nbformat"] == 4
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert not any(cell["outputs"] or cell["execution_count"] for cell in cells)
    names: dict[str, Any] = {}
    shown = [run_cell("".join(cell["source"]), names) for cell in cells]

    pictures = [value for value in shown if value is not None]
    assert len(pictures) == 6
    assert all((value._repr_png_() or b"").startswith(b"\x89PNG") for value in pictures)
    assert "0 pixels outside the mask differ" in capsys.readouterr().out

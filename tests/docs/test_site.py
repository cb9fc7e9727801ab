"""The documentation site builds without a warning, says what the commands say, and needs no network."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import typer.main

from fetalflex.cli.app import app

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "docs" / "hooks"))

import api  # noqa: E402
import commands  # noqa: E402


@pytest.mark.parametrize("name", typer.main.get_command(app).commands)
def test_the_page_of_a_command_has_all_its_options(name: str) -> None:
    command = typer.main.get_command(app).commands[name]
    page = commands.page_of(name, command).replace("`", "").replace("\\|", "|").replace("&lt;", "<")
    for one in [command, *getattr(command, "commands", {}).values()]:
        for parameter in one.params:
            options = [*parameter.opts, *parameter.secondary_opts] if parameter.param_type_name == "option" else []
            assert all(f" {option}" in page for option in options)
            assert " ".join((parameter.help or "").replace("`", "").split()) in page


def test_the_python_reference_holds_what_the_face_offers() -> None:
    import fetalflex

    page = api.face_page()
    assert all(f"::: fetalflex.{name}\n" in page for name in fetalflex.__all__ if not name.startswith("__"))


@pytest.mark.slow
def test_the_site_builds_strictly_and_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "--site-dir", str(tmp_path / "site")]
    environment = os.environ | {"NO_MKDOCS_2_WARNING": "1", "PYTHONPATH": str(ROOT / "src")}
    built = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert (built.returncode, built.stderr, built.stdout) == (0, "", "")
    pages = sorted((tmp_path / "site").rglob("*.html"))
    assert len(pages) > 50
    loads = re.compile(r"<(?:script|img|iframe|source|video|link)\b[^>]*?\b(?:src|href)=[\"']?(?:https?:)?//[^>]*>")
    assert [(page.name, found) for page in pages for found in loads.findall(page.read_text(encoding="utf-8"))] == []
    styles = [path.read_text(encoding="utf-8") for path in (tmp_path / "site").rglob("*.css")]
    assert not any(re.search(r"(?:@import|url\()\s*[\"']?https?:", style) for style in styles)

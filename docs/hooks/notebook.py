"""Writes the page of the example notebook from the notebook itself."""

from __future__ import annotations

import json
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

NOTEBOOK = Path(__file__).parents[1] / "tour.ipynb"
PAGE = "tour.md"
_NOTE = (
    '!!! tip "As a notebook"\n'
    "    Open [tour.ipynb](tour.ipynb) with Jupyter or an editor that knows notebooks, where FetalFlex is installed."
)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the page."""
    files.append(File.generated(config, PAGE, content=page()))
    return files


def page() -> str:
    """Return the notebook's cells as Markdown."""
    title, *cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    parts = ["".join(title["source"]), _NOTE]
    for cell in cells:
        text = "".join(cell["source"])
        parts.append(text if cell["cell_type"] == "markdown" else f"```python\n{text}\n```")
    return "\n\n".join(parts) + "\n"

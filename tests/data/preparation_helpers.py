"""A table of boxes beside noise, to prepare as a data set."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from data_helpers import save_text
from PIL import Image

from fetalflex.data.importers import ImportOptions
from fetalflex.data.preparation import prepare
from fetalflex.data.report import PrepareReport

HEADER = "file,label,x0,y0,x1,y1,plane,patient,split"
TABLE = "boxes.csv"


def noise(path: Path, seed: int = 0, width: int = 60, height: int = 40) -> Path:
    """Write a grey PNG that is like no other."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def row(file: str, label: str = "femur", box: str = "10,10,50,30", patient: str = "", split: str = "") -> str:
    return f"{file},{label},{box},femur,{patient},{split}"


def write_rows(folder: Path, rows: list[str]) -> None:
    save_text(folder / TABLE, "\n".join([HEADER, *rows]) + "\n")


def add_rows(folder: Path, *rows: str) -> None:
    with (folder / TABLE).open("a") as file:
        file.write("\n".join(rows) + "\n")


def prepare_table(source: Path, name: str = "out", options: ImportOptions | None = None, **named: Any) -> PrepareReport:
    return prepare(source, "table", source.parent / name, options, **named)


def files_in(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def refusals(report: PrepareReport) -> str:
    return "\n".join(f"{entry.where}: {entry.reason}" for entry in report.refused)


def prepare_after(folder: Path, rows: list[str], **named: Any) -> PrepareReport:
    write_rows(folder, rows)
    return prepare_table(folder, **named)

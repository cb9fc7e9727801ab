"""Write what an evaluation found."""

from __future__ import annotations

from pathlib import Path

from fetalflex.anatomy import Registry
from fetalflex.data import write_png
from fetalflex.evaluation.names import draw_names_sheet
from fetalflex.evaluation.report.contents import report_csv, report_markdown, report_values
from fetalflex.evaluation.report.giveaways import draw_giveaway_sheet
from fetalflex.evaluation.report.sheets import (
    draw_edit_sheet,
    draw_fidelity_sheet,
    draw_nearest_sheet,
    draw_sample_sheet,
)
from fetalflex.evaluation.results import Results
from fetalflex.files import write_text
from fetalflex.files.json_files import json_text
from fetalflex.provenance import picture_text

REPORT = "report.json"
_SIDE_BY_SIDE = "real and synthetic images side by side"


def write_report(results: Results, registry: Registry) -> Path:
    """Write report.json, report.md, samples.csv and sheets of images into the evaluation's folder.

    Reports and sheets of an earlier run with the same settings are replaced.

    Args:
        results: What was found.
        registry: Planes and structures.

    Returns:
        The folder.
    """
    root = results.kept.root
    texts = {
        REPORT: json_text(report_values(results)),
        "report.md": report_markdown(results),
        "samples.csv": report_csv(results),
    }
    for name, text in texts.items():
        write_text(root / name, text)
    sheets = {
        "sheet.png": draw_sample_sheet(results, registry),
        "edits.png": draw_edit_sheet(results, registry),
        "fidelity.png": draw_fidelity_sheet(results, registry),
        "nearest.png": draw_nearest_sheet(results, registry),
        "names.png": None if results.names is None else draw_names_sheet(results.names, results.kept, registry),
        "giveaways.png": draw_giveaway_sheet(results, registry),
    }
    for name, picture in sheets.items():
        if picture is None:
            (root / name).unlink(missing_ok=True)  # one of an earlier run, of which the new report does not tell
        else:
            write_png(root / name, picture, picture_text(_SIDE_BY_SIDE), force=True)
    return root

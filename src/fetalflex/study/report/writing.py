"""Write a report: a folder with the page, its chart, the numbers as JSON, and tables."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path

from fetalflex.anatomy.registry import Registry
from fetalflex.errors import FetalFlexError
from fetalflex.files import FolderKind, check_not_inside, new_folder, write_text
from fetalflex.study.candidates import ANY_PLANE
from fetalflex.study.folder import Study
from fetalflex.study.ratings import Ratings
from fetalflex.study.report.figures import draw_radar
from fetalflex.study.report.page import report_page
from fetalflex.study.report.results import Results
from fetalflex.study.report.tables import answers_csv, imrmc_csv, means_csv

PAGE, NUMBERS, RADAR_PNG, RADAR_SVG = "report.html", "report.json", "radar.png", "radar.svg"
ANSWERS_CSV, MEANS_CSV, IMRMC_CSV = "answers.csv", "means.csv", "imrmc.csv"

REPORT_FOLDER = FolderKind("reader study report")

_NEEDED = ("statsmodels", "pingouin", "krippendorff", "matplotlib")


def check_statistics_installed() -> None:
    """Raise a FetalFlexError that says how to install what a report needs, if it is not there."""
    missing = [name for name in _NEEDED if find_spec(name) is None]
    if missing:
        raise FetalFlexError(
            f"a report needs {', '.join(missing)}, which are not installed; run: pip install 'fetalflex[study]'"
        )


def write_report(
    study: Study, ratings: Ratings, results: Results, out: Path, registry: Registry, force: bool = False
) -> Path:
    """Write the report of a study, wholly or not at all.

    Args:
        study: The study.
        ratings: Its ratings.
        results: What `analyse` made of them.
        out: Folder to make, outside that of the study.
        registry: Knows the titles of planes.
        force: Replace an older report.

    Returns:
        The page.

    Raises:
        FetalFlexError: If something is in the way.
    """
    check_not_inside([study.root], out)
    criteria = {one.name: one.title for one in study.questions.criteria}
    plane_titles = {plane: _title(plane, registry) for plane in results.planes}
    tables = {ANSWERS_CSV: answers_csv(ratings), MEANS_CSV: means_csv(results)}
    if (imrmc := imrmc_csv(ratings.first)) is not None:
        tables[IMRMC_CSV] = imrmc
    with new_folder(out, REPORT_FOLDER, force) as partial:
        for name, content in tables.items():
            write_text(partial / name, content)
        write_text(partial / NUMBERS, json.dumps(results.to_dict(), indent=1, allow_nan=False) + "\n")
        charts = [partial / RADAR_PNG, partial / RADAR_SVG]
        draw_radar(results, criteria, study.questions.points, plane_titles, charts)
        files = (NUMBERS, *tables, RADAR_PNG, RADAR_SVG)
        write_text(partial / PAGE, report_page(results, study.questions, plane_titles, RADAR_SVG, files))
    return out / PAGE


def _title(plane: str, registry: Registry) -> str:
    if plane == ANY_PLANE:
        return "All images"
    try:
        return registry.plane(plane).title
    except FetalFlexError:  # of a registry of its own that was not given
        return plane.replace("_", " ")

"""Two reports side by side, such as of a model and of its baseline."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fetalflex.anatomy.json_files import read_json, tagged_with
from fetalflex.errors import FetalFlexError
from fetalflex.evaluation.metrics import METRICS
from fetalflex.evaluation.report import FORMAT, VERSION
from fetalflex.evaluation.tables import shown_estimate, table_row

_LARGEST_REPORT = 50_000_000
_MUST_MATCH = ("data_fingerprint", "split", "images", "image_size")
_SHOULD_MATCH = ("extractor", "seed", "limit_per_plane", "min_quality")


def read_report(path: Path) -> dict[str, Any]:
    """Read a report.json.

    Raises:
        FetalFlexError: If it is missing or no report of an evaluation.
    """
    report = tagged_with(read_json(path, _LARGEST_REPORT), FORMAT, VERSION, str(path))
    if missing := [key for key in (*_MUST_MATCH, "planes", "mean_of_planes", "adherence") if key not in report]:
        raise FetalFlexError(f"{path} is no whole report: it lacks {', '.join(missing)}; run the evaluation again")
    return report


def compare_reports(first: dict[str, Any], second: dict[str, Any]) -> str:
    """Return a Markdown table of two reports and the differences between them, second minus first.

    Args:
        first: Of `read_report`; the baseline.
        second: Of `read_report`, on the same images.

    Raises:
        FetalFlexError: If the two were not made from the same images.
    """
    if different := [f"{key} {first[key]} and {second[key]}" for key in _MUST_MATCH if first[key] != second[key]]:
        raise FetalFlexError(f"the reports are of different images ({'; '.join(different)}), so nothing compares")
    lines = ["# Comparison", "", *(_title(name, report) for name, report in (("first", first), ("second", second)))]
    lines += [
        f"- {key} differs: {first.get(key)} and {second.get(key)}"
        for key in _SHOULD_MATCH
        if first.get(key) != second.get(key)
    ]
    lines += ["", "| | first | second | second - first |", "|---|---|---|---|"]
    tables = [("mean of planes", first["mean_of_planes"], second["mean_of_planes"])]
    tables += [
        (plane, first["planes"][plane]["metrics"], second["planes"][plane]["metrics"])
        for plane in first["planes"]
        if plane in second["planes"]
    ]
    for where, one, other in tables:
        for metric in METRICS:
            if metric.name in one and metric.name in other:
                title = f"{where}: {metric.title}"
                lines.append(_row(title, one[metric.name], other[metric.name], metric.factor, metric.digits))
    for structure in first["adherence"]:
        for name in ("present", "enlarged", "removed"):
            pair = [report["adherence"].get(structure, {}).get(name) for report in (first, second)]
            if all(pair):
                lines.append(_row(f"{structure} {name}, %", pair[0], pair[1], 100, 1))
    return "\n".join(lines) + "\n"


def _title(name: str, report: dict[str, Any]) -> str:
    sampling = ", ".join(f"{key} {value}" for key, value in report.get("sampling", {}).items())
    return f"- {name}: {report.get('model')}, layout {report.get('layout')}, {sampling}"


def _row(title: str, first: dict[str, Any], second: dict[str, Any], factor: float, digits: int) -> str:
    values = [report["value"] for report in (first, second)]
    cells = [shown_estimate(report, factor, digits) for report in (first, second)]
    difference = "-" if None in values else f"{(values[1] - values[0]) * factor:+.{digits}f}"
    return table_row([title, *cells, difference])

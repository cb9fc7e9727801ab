"""Two reports side by side, such as of a model and of its baseline."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from fetalflex.errors import FetalFlexError
from fetalflex.evaluation.layout_fidelity import KINDS, UNEDITED
from fetalflex.evaluation.metrics.catalogue import METRICS
from fetalflex.evaluation.report.contents import FORMAT, VERSION
from fetalflex.evaluation.report.fields import check_report_fields
from fetalflex.evaluation.syntheses import REMOVED
from fetalflex.evaluation.tables import shown_estimate, table_row
from fetalflex.files.json_files import JsonMapping, JsonObject, read_json, tagged_with

_LARGEST_REPORT = 50_000_000
_MUST_MATCH = ("data_fingerprint", "split", "images", "image_size")
_SHOULD_MATCH = ("roi", "extractor", "seed", "limit_per_plane", "min_quality")


def read_report(path: Path) -> JsonObject:
    """Read a report.json.

    Raises:
        FetalFlexError: If it is missing, damaged, or no report of an evaluation.
    """
    report = tagged_with(read_json(path, _LARGEST_REPORT), FORMAT, VERSION, str(path))
    if missing := [key for key in (*_MUST_MATCH, "planes", "mean_of_planes", "adherence") if key not in report]:
        raise FetalFlexError(f"{path} is no whole report: it lacks {', '.join(missing)}; run the evaluation again")
    check_report_fields(report, str(path))
    return report


def check_same_images(first: JsonMapping, second: JsonMapping) -> None:
    """Check that two evaluations, told by what their reports say of the data, are of the same images.

    Raises:
        FetalFlexError: If they are not; the message names what differs.
    """
    if different := [f"{key} {first[key]} and {second[key]}" for key in _MUST_MATCH if first[key] != second[key]]:
        raise FetalFlexError(f"the reports are of different images ({'; '.join(different)}), so nothing compares")


def contrast_of_report(report: JsonMapping, where: str) -> float:
    """Return the local contrast of a report's synthetic regions in grey levels, mean over all its images.

    Raises:
        FetalFlexError: If the report, called `where`, does not tell it.
    """
    found = [plane["metrics"].get("contrast") for plane in report["planes"].values()]
    known = [one for one in found if one and one["value"] is not None and one.get("count")]
    if not known:
        raise FetalFlexError(f"{where} tells no local contrast, so nothing can be blurred to it; run that one again")
    return float(sum(one["value"] * one["count"] for one in known) / sum(one["count"] for one in known))


def compare_reports(first: JsonObject, second: JsonObject) -> str:
    """Return a Markdown table of two reports and the differences between them, second minus first.

    Args:
        first: Of `read_report`; the baseline.
        second: Of `read_report`, on the same images.

    Raises:
        FetalFlexError: If the two were not made from the same images.
    """
    check_same_images(first, second)
    lines = ["# Comparison", "", *(_title(name, report) for name, report in (("first", first), ("second", second)))]
    lines += [
        f"- {key} differs: {first.get(key)} and {second.get(key)}"
        for key in _SHOULD_MATCH
        if first.get(key) != second.get(key)
    ]
    fidelity, other_fidelity = first.get("layout_fidelity"), second.get("layout_fidelity")
    lines += _fidelity_notes(fidelity, other_fidelity)
    lines += ["", "| | first | second | second - first |", "|---|---|---|---|"]
    tables = [("mean of planes", first["mean_of_planes"], second["mean_of_planes"])]
    tables += [
        (plane, first["planes"][plane]["metrics"], second["planes"][plane]["metrics"])
        for plane in first["planes"]
        if plane in second["planes"]
    ]
    tables += _sides(first, second)
    for where, one, other in tables:
        for metric in METRICS:
            if metric.name in one and metric.name in other:
                title = f"{where}: {metric.title.replace('**', '')}"
                lines.append(_row(title, one[metric.name], other[metric.name], metric.factor, metric.digits))
    for structure in first["adherence"]:
        for name in ("present", "enlarged", "removed"):
            pair = [report["adherence"].get(structure, {}).get(name) for report in (first, second)]
            if all(pair):
                lines.append(_row(f"{structure} {name}, %", pair[0], pair[1], 100, 1))
    if fidelity and other_fidelity:
        lines += _fidelity_rows(fidelity, other_fidelity)
    return "\n".join(lines) + "\n"


def _sides(first: JsonObject, second: JsonObject) -> Iterator[tuple[str, JsonObject, JsonObject]]:
    """Return what both reports tell of blurred syntheses and of local edits, means over planes."""
    pairs = [(first.get("blurs", {}).get(name), side) for name, side in second.get("blurs", {}).items()]
    pairs.append((first.get("local_edits"), second.get("local_edits")))
    for one, other in pairs:
        if one and other:
            title = one["title"] if one["title"] == other["title"] else f"{one['title']} and {other['title']}"
            yield title, one["mean_of_planes"], other["mean_of_planes"]


def _fidelity_notes(first: JsonObject | None, second: JsonObject | None) -> list[str]:
    if first and second:
        detectors = [fidelity["detector"] for fidelity in (first, second)]
        return [] if detectors[0] == detectors[1] else [f"- detector differs: {detectors[0]} and {detectors[1]}"]
    return [f"- layout fidelity stands in the {'first' if first else 'second'} alone"] if first or second else []


def _fidelity_rows(first: JsonObject, second: JsonObject) -> Iterator[str]:
    """Return the means over structures of each kind of images, the IoU of each structure, and adherence to edits."""
    for kind in KINDS:
        if kind in first["kinds"] and kind in second["kinds"]:
            pair = [_means(fidelity["kinds"][kind]) for fidelity in (first, second)]
            for title, one, other in zip(("AP50", "AP", "IoU"), *pair, strict=True):
                yield _row(f"layout fidelity, {kind}: mean {title}", one, other, 1, 3)
    structures, others = (fidelity["kinds"].get(UNEDITED, {}).get("structures", {}) for fidelity in (first, second))
    for name in structures:
        if name in others:
            yield _row(f"layout fidelity, {UNEDITED}: {name} IoU", structures[name]["iou"], others[name]["iou"], 1, 3)
    for name, edit in first["edits"].items():
        if name in second["edits"]:
            other = second["edits"][name]
            for key, title in (("enlarged_iou", "its box"), ("iou_with_box_before", "the box before")):
                yield _row(f"{name} enlarged, IoU with {title}", edit[key], other[key], 1, 3)
            found = edit["found_at_all"].get(REMOVED), other["found_at_all"].get(REMOVED)
            if all(found):
                yield _row(f"{name} removed, still found, %", *found, 100, 1)


def _means(kind: JsonObject) -> list[JsonObject]:
    """Return AP50, AP and IoU of a kind of images, means over its structures, which have no intervals."""
    ious = [one["iou"]["value"] for one in kind["structures"].values()]
    means = kind["ap50"], kind["ap"], None if not ious or None in ious else sum(ious) / len(ious)
    return [{"value": mean, "low": None, "high": None} for mean in means]


def _title(name: str, report: JsonObject) -> str:
    sampling = ", ".join(f"{key} {value}" for key, value in report.get("sampling", {}).items())
    return f"- {name}: {report.get('model')}, layout {report.get('layout')}, {sampling}"


def _row(title: str, first: JsonObject, second: JsonObject, factor: float, digits: int) -> str:
    values = [report["value"] for report in (first, second)]
    cells = [shown_estimate(report, factor, digits) for report in (first, second)]
    difference = "-" if None in values else f"{(values[1] - values[0]) * factor:+.{digits}f}"
    return table_row([title, *cells, difference])

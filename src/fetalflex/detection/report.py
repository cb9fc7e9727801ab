"""The report on a detector: JSON for programs, Markdown and a sheet for people."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from fetalflex.anatomy import Registry
from fetalflex.data import write_png
from fetalflex.detection.average_precision import AveragePrecision
from fetalflex.detection.detector import MIN_SCORE
from fetalflex.detection.evaluation import DetectorResults
from fetalflex.detection.review_sheet import SHEET_IMAGES, ReviewItem, draw_review_sheet
from fetalflex.errors import FetalFlexError
from fetalflex.files import FolderKind, check_claimable, claim, remove_leftovers, write_text
from fetalflex.files.json_files import JsonObject, json_text, read_json
from fetalflex.provenance import picture_text
from fetalflex.spreading import spread

FORMAT = "fetalflex/detector-report"
VERSION = 1
REPORT = "report.json"


def _is_report(folder: Path) -> set[str] | None:
    try:
        report = read_json(folder / REPORT)
    except FetalFlexError:
        return None
    return set() if isinstance(report, dict) and report.get("format") == FORMAT else None


REPORT_FOLDER = FolderKind("report on a detector", written_before=_is_report)


def report_values(results: DetectorResults) -> JsonObject:
    """Return the report as JSON values."""
    ap50, ap = results.means()
    planes = results.planes()
    return {
        "format": FORMAT,
        "version": VERSION,
        **results.facts,
        "notes": list(results.notes),
        "ap50": ap50,
        "ap": ap,
        "plane_accuracy": _accuracy(results),
        "structures": _values(results.structures()),
        "planes": {
            plane: {
                "images": sum(found.values()),
                "found_as": dict(found.most_common()),
                "structures": _values(results.structures(plane)),
            }
            for plane, found in planes.items()
        },
    }


def report_markdown(results: DetectorResults) -> str:
    """Return the report for people."""
    facts = results.facts
    lines = [
        f"# {facts['detector']}",
        "",
        f"{facts['images']} images of {facts['patients']} patients, split {facts['split']}, "
        f"{facts['annotated_images']} of them with boxes. The plane of each image was {facts['plane']}.",
        "",
        "AP is COCO's average precision, AP50 that at an IoU of 0.5. A structure is judged on the images whose "
        "annotator looked for it. Boxes are compared as upright boxes, cut at the image; a rotated one as the upright "
        "box round its ellipse.",
        "",
    ]
    lines += [f"- {note}" for note in results.notes] + [""] * bool(results.notes)
    lines += ["| plane | structure | images | boxes | AP50 | AP |", "|---|---|---|---|---|---|"]
    for plane in results.planes():
        values = results.structures(plane)
        lines += [_row(plane, name, value) for name, value in values.items()]
        if values:
            lines.append(_mean_row(plane, results.means(plane)))
    lines += [_row("all planes", name, value) for name, value in results.structures().items()]
    lines += [
        _mean_row("all planes", results.means()),
        "",
        "| plane | images | right | found as |",
        "|---|---|---|---|",
    ]
    for plane, found in results.planes().items():
        count = sum(found.values())
        others = ", ".join(f"{name} {number}" for name, number in found.most_common() if name != plane) or "-"
        lines.append(f"| {plane} | {count} | {found[plane] / count:.1%} | {others} |")
    lines += ["", f"Plane accuracy: {_accuracy(results):.1%}."]
    return "\n".join(lines) + "\n"


def summary(results: DetectorResults) -> str:
    """Return the main numbers in a few lines."""
    ap50, ap = results.means()
    lines = [f"AP50 {ap50:.3f}, AP {ap:.3f} (means over structures), plane accuracy {_accuracy(results):.1%}"]
    lines += [f"  {name}: AP50 {value.ap50:.3f}, AP {value.ap:.3f}" for name, value in results.structures().items()]
    return "\n".join([*lines, *results.notes])


def check_report_folder(out: Path) -> None:
    """Check, before time is spent on the report, that it may be written into a folder, which need not exist.

    Raises:
        FetalFlexError: If a file is in the way, or the folder holds the report of something else.
    """
    check_claimable(out, REPORT_FOLDER)
    remove_leftovers(out)


def write_report(results: DetectorResults, out: Path, registry: Registry) -> None:
    """Write report.json, report.md and sheet.png, with found boxes in images spread over the data, into a folder."""
    claim(out, REPORT_FOLDER)
    texts = {REPORT: json_text(report_values(results)), "report.md": report_markdown(results)}
    for name, content in texts.items():
        write_text(out / name, content)
    annotated = [one for one in results.images if one.judged.looked_for]
    shown, items = spread(annotated, SHEET_IMAGES), []
    for one in shown:
        found = one.judged.found.at_least(MIN_SCORE)
        items.append(
            ReviewItem(one.dataset.image(one.record), found, one.record.file_name, tuple(found.doubts(registry)))
        )
    marked = any(one.dataset.mark(one.record) is not None for one in shown)
    text = picture_text("", synthetic=marked)
    write_png(out / "sheet.png", draw_review_sheet(items, registry), text, force=True)


def _accuracy(results: DetectorResults) -> float:
    return sum(one.plane_is_right for one in results.images) / len(results.images)


def _values(structures: dict[str, AveragePrecision]) -> JsonObject:
    return {
        name: {"ap50": value.ap50, "ap": value.ap, "boxes": value.boxes, "images": value.images}
        for name, value in structures.items()
    }


def _row(plane: str, name: str, value: AveragePrecision) -> str:
    return _cells([plane, name, str(value.images), str(value.boxes), f"{value.ap50:.3f}", f"{value.ap:.3f}"])


def _mean_row(plane: str, means: tuple[float, float]) -> str:
    return _cells([plane, "**mean**", "", "", *(f"**{value:.3f}**" for value in means)])


def _cells(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"

"""Layout fidelity in the report of an evaluation."""

from __future__ import annotations

from fetalflex.detection.detector import MIN_SCORE
from fetalflex.evaluation.layout_fidelity import KINDS, REAL, UNEDITED, LayoutFidelity, StructureFidelity
from fetalflex.evaluation.syntheses import REMOVED
from fetalflex.evaluation.tables import percent, shown, table_head, table_row
from fetalflex.files.json_files import JsonObject


def fidelity_values(fidelity: LayoutFidelity) -> JsonObject:
    """Return layout fidelity as JSON values."""
    return {
        "detector": fidelity.detector,
        "notes": list(fidelity.notes),
        "kinds": {
            kind: {
                "ap50": fidelity.means(kind)[0],
                "ap": fidelity.means(kind)[1],
                "structures": {name: _values(one) for name, one in structures.items()},
            }
            for kind, structures in fidelity.structures.items()
        },
        "edits": {
            name: {
                "enlarged_iou": edit.enlarged_iou.to_dict(),
                "iou_with_box_before": edit.unenlarged_iou.to_dict(),
                "found_at_all": {kind: share.to_dict() for kind, share in edit.still_found.items()},
            }
            for name, edit in fidelity.edits.items()
        },
    }


def fidelity_of_images(fidelity: LayoutFidelity) -> dict[int, dict[str, float]]:
    """Return for each image, by the position of its sample, the IoU of each box that its layout asks for.

    `iou_...` is that of the unedited synthesis, `real_iou_...` that of the real image, 0 where nothing was found.
    """
    return {
        sample.position: {f"iou_{name}": iou for name, iou in made.ious(MIN_SCORE).items()}
        | {f"real_iou_{name}": iou for name, iou in real.ious(MIN_SCORE).items()}
        for sample, real, made in fidelity.pairs
    }


def fidelity_markdown(fidelity: LayoutFidelity) -> list[str]:
    """Return the lines of the report's section."""
    kinds = [kind for kind in KINDS if kind in fidelity.structures]
    names = dict.fromkeys(name for kind in kinds for name in fidelity.structures[kind])
    lines = [
        "## Layout fidelity",
        "",
        f"What {fidelity.detector} finds, told the plane, against what the layouts ask for. The column {REAL} is the "
        "ceiling: the same for the real images and their own layouts. Found is a box with an IoU of at least 0.5 with "
        "the requested one; the mean IoU counts what was not found as 0. Only images with a structure that can be "
        "tested are edited, so the columns' means are over different structures.",
        "",
    ]
    lines += [f"- {note}" for note in fidelity.notes] + [""] * bool(fidelity.notes)
    lines += table_head(["structure", "measure", *kinds])
    for name in names:
        cells = [fidelity.structures[kind].get(name) for kind in kinds]
        lines.append(table_row([name, "AP50", *(_precision(cell, "ap50") for cell in cells)]))
        lines.append(table_row(["", "AP", *(_precision(cell, "ap") for cell in cells)]))
        lines.append(table_row(["", "mean IoU", *(shown(None if cell is None else cell.iou) for cell in cells)]))
        lines.append(table_row(["", "found", *(percent(None if cell is None else cell.found) for cell in cells)]))
    means = [fidelity.means(kind) for kind in kinds]
    lines.append(table_row(["**mean**", "AP50", *(f"{ap50:.3f}" for ap50, _ in means)]))
    lines.append(table_row(["", "AP", *(f"{ap:.3f}" for _, ap in means)]))
    if fidelity.edits:
        lines += ["", *_edit_lines(fidelity)]
    return lines


def fidelity_summary(fidelity: LayoutFidelity) -> list[str]:
    """Return the main numbers in a few lines."""
    real, made = fidelity.means(REAL), fidelity.means(UNEDITED)
    lines = [f"layout fidelity: AP50 {made[0]:.3f}, AP {made[1]:.3f} (real images {real[0]:.3f}, {real[1]:.3f})"]
    return lines + [
        f"{name} removed, still found: {percent(edit.still_found[REMOVED])}" for name, edit in fidelity.edits.items()
    ]


def _edit_lines(fidelity: LayoutFidelity) -> list[str]:
    lines = table_head(
        [
            "edited structure",
            "enlarged: IoU with its box ↑",
            "with the box before",
            "found at all: real",
            "unedited",
            "removed ↓",
        ]
    )
    for name, edit in fidelity.edits.items():
        ious = shown(edit.enlarged_iou), shown(edit.unenlarged_iou)
        lines.append(table_row([name, *ious, *map(percent, edit.still_found.values())]))
    lines += ["", "Where a structure was removed, it is still found in what a model draws that ignores its layout."]
    return lines


def _values(one: StructureFidelity) -> JsonObject:
    precision = one.precision
    return {
        "boxes": precision.boxes,
        "images": precision.images,
        "ap50": precision.ap50,
        "ap": precision.ap,
        "iou": one.iou.to_dict(),
        "found": one.found.to_dict(),
    }


def _precision(cell: StructureFidelity | None, name: str) -> str:
    return "-" if cell is None else f"{getattr(cell.precision, name):.3f}"

"""Radar charts of the means, one for all planes and one for each, as in Fig. 9 of the paper."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fetalflex.provenance import picture_text
from fetalflex.study.report.results import Results

_COLOURS = ("#000000", "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#999933")
"""Okabe and Ito's, which people tell apart whatever their colour vision; black is the first method, real if one is."""

_STYLES = ("-", "--", "-.", ":")
_COLUMNS = 3
_WIDTH, _HEIGHT = 4.2, 3.7
_RANDOM = "Random answers: nobody has given them"


def draw_radar(
    results: Results, criteria: Mapping[str, str], points: int, plane_titles: Mapping[str, str], paths: Sequence[Path]
) -> None:
    """Draw the charts and save them, in the format that each path's ending says.

    Args:
        results: The numbers.
        criteria: Name to title of each criterion, in order.
        points: Of the scales.
        plane_titles: Name to title of each plane.
        paths: Files to write, .png or .svg.
    """
    import matplotlib
    from matplotlib.figure import Figure

    planes = [None, *results.planes] if len(results.planes) > 1 else [None]
    columns = min(_COLUMNS, len(planes))
    rows = math.ceil(len(planes) / columns)
    with matplotlib.rc_context({"svg.hashsalt": "fetalflex", "font.size": 9}):
        figure = Figure(figsize=(_WIDTH * columns, _HEIGHT * rows + 0.7), layout="constrained")
        for place, plane in enumerate(planes):
            axes = figure.add_subplot(rows, columns, place + 1, projection="polar")
            _draw_panel(axes, results, criteria, points, plane)
            axes.set_title("All planes" if plane is None else plane_titles[plane], pad=18, fontweight="bold")
        handles, labels = figure.axes[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=min(4, len(labels)), frameon=False)
        if results.are_random:
            figure.suptitle(_RANDOM, color="#b00020")
        for path in paths:
            figure.savefig(path, dpi=110, metadata=_metadata(path))


def _draw_panel(axes: Any, results: Results, criteria: Mapping[str, str], points: int, plane: str | None) -> None:
    angles = [2 * math.pi * place / len(criteria) for place in range(len(criteria))]
    for place, method in enumerate(results.methods):
        found = [results.mean(question, method, plane) for question in criteria]
        if any(estimate is None for estimate in found):
            continue
        means = [estimate.value for estimate in found if estimate is not None]
        colour, style = _COLOURS[place % len(_COLOURS)], _STYLES[place // len(_COLOURS) % len(_STYLES)]
        line = axes.plot([*angles, angles[0]], [*means, means[0]], style, color=colour, label=method, linewidth=1.8)
        axes.fill(angles, means, color=line[0].get_color(), alpha=0.07)
    axes.set_theta_offset(math.pi / 2)
    axes.set_theta_direction(-1)
    axes.set_xticks(angles, [_in_two_lines(title) for title in criteria.values()])
    for label, angle in zip(axes.get_xticklabels(), angles, strict=True):
        side = round(math.sin(angle), 6)  # beside the circle, not across it
        label.set_horizontalalignment("center" if side == 0 else "left" if side > 0 else "right")
    axes.tick_params(axis="x", pad=3)
    axes.set_ylim(1, points)
    axes.set_yticks(range(1, points + 1))
    axes.set_yticklabels([str(point) for point in range(1, points + 1)], color="#666666")
    axes.set_rlabel_position(180 / len(criteria))
    axes.grid(color="#cccccc", linewidth=0.7)
    axes.spines["polar"].set_color("#cccccc")


def _in_two_lines(title: str) -> str:
    """Break a title at the space that is nearest to its middle."""
    spaces = [place for place, letter in enumerate(title) if letter == " "]
    if not spaces:
        return title
    middle = min(spaces, key=lambda place: abs(place - len(title) / 2))
    return f"{title[:middle]}\n{title[middle + 1 :]}"


def _metadata(path: Path) -> dict[str, str | None]:
    text = picture_text("means of a reader study", synthetic=False)
    if path.suffix == ".svg":
        return {"Date": None, "Creator": text["Software"], "Description": text["Description"]}
    return {**text}

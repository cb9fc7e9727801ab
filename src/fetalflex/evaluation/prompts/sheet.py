"""Followed prompts for people to look at."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fetalflex.anatomy import CloseUp, Layout, Registry, draw_overlay
from fetalflex.detection import Detection
from fetalflex.evaluation.kept import KeptSyntheses
from fetalflex.evaluation.prompts.finding import is_found, score_of
from fetalflex.evaluation.prompts.planes import PlaneResults, plane_image
from fetalflex.evaluation.prompts.presence import PresenceOutcome, PresenceResults
from fetalflex.evaluation.prompts.wording import WORDINGS
from fetalflex.figures.table import PictureRow, draw_picture_table

Picture = NDArray[np.uint8]

_COLUMNS = ("real", "with its box", *(f"{kind}, {wording}" for wording in WORDINGS for kind in ("named", "negated")))


def draw_presence_sheet(results: PresenceResults, kept: KeptSyntheses, registry: Registry) -> Picture:
    """Return one case of each structure and plane: real image and syntheses, with what the detector finds in each.

    Args:
        results: What was found; at least one case.
        kept: Where the syntheses lie.
        registry: Colours and titles.
    """
    rows = [_row(results.of(plane, structure)[0], kept, registry) for plane, structure in results.kinds]
    return draw_picture_table("Structures that the prompt alone names or negates", _COLUMNS, rows)


def draw_planes_sheet(results: PlaneResults, kept: KeptSyntheses, most: int = 4) -> Picture:
    """Return syntheses under the prompts of all planes, each row from one noise.

    Args:
        results: What was found.
        kept: Where the syntheses lie.
        most: The most rows.
    """
    shape = (results.side, results.side)
    rows = [
        PictureRow(
            tuple(kept.image(plane_image(plane, number), shape) for plane in results.found),
            tuple(f"found: {found[number]}" for found in results.found.values()),
            f"noise {number}",
        )
        for number in range(min(most, *(len(found) for found in results.found.values())))
    ]
    return draw_picture_table("Planes that the prompt alone names", tuple(results.found), rows)


def _row(outcome: PresenceOutcome, kept: KeptSyntheses, registry: Registry) -> PictureRow:
    case, sample = outcome.case, outcome.case.sample
    name, layout = case.structure, sample.layout
    frame, shape = CloseUp.around_all([layout], registry), (layout.height, layout.width)
    own = layout.with_structures(layout.find(name))
    pictures = [_framed(sample.image(), own, frame, registry)]
    notes = ["annotated"]
    looks = [(case.own, outcome.own)]
    for wording, answer in outcome.answers.items():
        looks += [(case.named(wording), answer.named), (case.negated(wording), answer.negated)]
    for file, detection in looks:
        pictures.append(_framed(kept.image(file, shape), _found(detection, name), frame, registry))
        notes.append(f"{'found' if is_found(detection, name) else 'not found'}, score {score_of(detection, name):.2f}")
    followed = (
        f"{wording} {'followed' if one.follows(name) else 'not followed'}" for wording, one in outcome.answers.items()
    )
    return PictureRow(
        tuple(pictures), tuple(notes), f"{sample.plane}, {name}, {sample.record.file_name}: {', '.join(followed)}"
    )


def _found(detection: Detection, structure: str) -> Layout:
    """Return the found box of a structure, if it is found."""
    layout = detection.layout
    return layout.with_structures(layout.find(structure) if is_found(detection, structure) else ())


def _framed(image: Picture, layout: Layout, frame: CloseUp, registry: Registry) -> Picture:
    return frame.image(np.asarray(draw_overlay(image, layout, registry, labels=False)))

"""`fetalflex detect`: images in, planes and boxes out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from fetalflex.cli import options
from fetalflex.cli.show import progress_bar

_SHOWN_REFUSALS = 10


_Images = Annotated[
    list[Path],
    typer.Argument(metavar="IMAGES...", help="Image files, folders of them, or data sets, whose boxes are ignored."),
]
_Out = Annotated[Path, typer.Option("--out", metavar="DIR", help="Data set folder to make.")]
_Detector = Annotated[
    str, typer.Option("--model", metavar="NAME_OR_FOLDER", help="Detector's folder, or its name in weights/.")
]
_Plane = Annotated[
    str, typer.Option("--plane", help="Plane of all images, by name or synonym; auto finds each image's own.")
]
_MinScore = Annotated[float, typer.Option("--min-score", min=0, max=1, help="Omit boxes with a lower score.")]
_ReviewBelow = Annotated[
    float, typer.Option("--review-below", min=0, max=1, help="Mark images and boxes with a lower score for review.")
]
_Frames = Annotated[
    str | None,
    typer.Option(
        "--frames",
        metavar="all|every:N|first|middle",
        help="Which frames of DICOM files with several to look at.",
        show_default=False,
    ),
]
_ColourDoppler = Annotated[
    bool, typer.Option("--colour-doppler", help="Take DICOM images with flow in colour too, as grey.")
]
_Force = Annotated[bool, typer.Option("--force", help="Replace a folder of detections that is there.")]


def detect(
    images: _Images,
    out: _Out,
    model: _Detector = "detector",
    plane: _Plane = "auto",
    min_score: _MinScore = 0.3,
    review_below: _ReviewBelow = 0.5,
    batch_size: options.BatchSize = 16,
    frames: _Frames = None,
    colour_doppler: _ColourDoppler = False,
    device: options.Device = "auto",
    force: _Force = False,
    as_json: options.AsJson = False,
) -> None:
    """Find the plane of images without annotation, and the boxes of their structures, with scores.

    DIR becomes a data set folder: annotations.json with scores, and images/. Beside these lie layouts/, one layout file
    per image, for `fetalflex edit`; review-1.png and so on, the most doubtful images first; and detections.json. Boxes
    are upright, at most one per structure. They are proposals: review them before they serve as labels.
    """
    from fetalflex.cli.inputs import load_detector
    from fetalflex.detection.folder import DETECTIONS, DetectionSettings, detect_into_folder
    from fetalflex.detection.folder_kinds import DETECTED_SET
    from fetalflex.detection.sources import DicomWish, image_sources
    from fetalflex.dicom import FrameChoice
    from fetalflex.files import reserved

    wanted = DicomWish(None if frames is None else FrameChoice.parse(frames), colour_doppler)
    settings = DetectionSettings(None if plane == "auto" else plane, min_score, review_below, batch_size)
    with reserved(out, DETECTED_SET, force):
        detector = load_detector(model, device)
        sources = image_sources(images, detector.registry, leave_out=out, dicom=wanted)
        with progress_bar("detecting", len(sources)) as show:
            found = detect_into_folder(detector, sources, out, settings, force=force, on_progress=show)
    for where, why in found.refused[:_SHOWN_REFUSALS]:
        typer.echo(f"left out {where}: {why}", err=True)
    if len(found.refused) > _SHOWN_REFUSALS:
        typer.echo(f"left out {len(found.refused) - _SHOWN_REFUSALS} more; see {out / DETECTIONS}", err=True)
    if as_json:
        typer.echo(json.dumps(found.to_dict(), indent=2))
    else:
        typer.echo(f"{found.summary()}\nwrote {out}; look at {out / 'review-1.png'}")

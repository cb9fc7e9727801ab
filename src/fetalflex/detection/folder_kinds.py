"""Folders of detection, and how each kind is told where an earlier version wrote it, without a marker."""

from __future__ import annotations

from pathlib import Path

from fetalflex.detection.config import CONFIG, DetectorConfig
from fetalflex.errors import FetalFlexError
from fetalflex.files import FolderKind
from fetalflex.files.json_files import read_json

_LARGEST = 512_000_000
_MOST_SHEETS = 100


def _detector_names(folder: Path) -> set[str] | None:
    try:
        DetectorConfig.model_validate(read_json(folder / CONFIG))
    except ValueError:
        return None
    return {CONFIG, "model.safetensors", "planes.yaml"}


def _detected_names(folder: Path) -> set[str] | None:
    try:
        found = read_json(folder / "detections.json", _LARGEST)
        images = found["images"]
        names = {str(image[key]) for image in images for key in ("file_name", "layout")}
        detector = str(found["detector"])
    except (FetalFlexError, KeyError, TypeError):
        return None
    if not detector.startswith("detector-"):
        return None
    sheets = {f"review-{number}.png" for number in range(1, _MOST_SHEETS)}
    return {"annotations.json", "detections.json", "synthetic.jsonl", *sheets, *names}


DETECTOR = FolderKind("detector", written_before=_detector_names)
"""A trained detector. A model card beside its weights is somebody's text, and no part of it."""

DETECTED_SET = FolderKind("folder of detections", written_before=_detected_names)
"""A data set whose boxes were found by a detector."""

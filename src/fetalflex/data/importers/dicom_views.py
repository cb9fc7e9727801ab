"""What the header of a DICOM file adds to its annotation: frames, spacing, age, regions, and whose picture it is."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Sequence
from pathlib import Path

from fetalflex.data.image_files import DICOM_SUFFIXES
from fetalflex.dicom import DicomFacts, FrameChoice
from fetalflex.errors import FetalFlexError
from fetalflex.files.json_files import JsonObject
from fetalflex.provenance.mark import SYNTHETIC

_KEY_LETTERS = 12
_SAME_SPACING = 0.02
_EXPECTED = frozenset({"", "US", "OT", "SC"})
"""Modalities of ultrasound, of secondary captures, and of files that do not say."""


class PatientKeys:
    """Give patients names that say nothing of them, the same whenever the same source is read.

    A patient is named by a digest of the first file that shows her. Unlike a digest of her id, which whoever guesses
    ids could make too, it can only be made by who has that file.
    """

    def __init__(self) -> None:
        self._names: dict[str, str] = {}

    def name(self, facts: DicomFacts, path: Path) -> str | None:
        """Return the name of the patient whom a file shows, None if the file does not tell."""
        if facts.patient is None:
            return None
        if facts.patient not in self._names:
            self._names[facts.patient] = f"dicom-{file_digest(path).hex()[:_KEY_LETTERS]}"
        return self._names[facts.patient]


def file_digest(path: Path) -> bytes:
    """Return the SHA-256 of a file's content.

    Raises:
        FetalFlexError: If it cannot be read.
    """
    try:
        state = path.stat()
        return _digest_in_state(path, state.st_size, state.st_mtime_ns)
    except OSError as error:
        raise FetalFlexError(f"{path} cannot be read: {error.strerror or error}") from error


@functools.lru_cache(maxsize=1)  # the frames of a file come one after the other
def _digest_in_state(path: Path, _size: int, _changed_ns: int) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def frames_taken(facts: DicomFacts, choice: FrameChoice | None, stated: int | None, has_boxes: bool) -> tuple[int, ...]:
    """Return the numbers of the frames that become pictures.

    Args:
        facts: Of the file.
        choice: What the user wants of files with several frames.
        stated: The one that an annotation is for.
        has_boxes: Whether there are boxes, which fit one frame.

    Raises:
        FetalFlexError: If that is not known, or there is no such frame.
    """
    if stated is not None:
        if not 1 <= stated <= facts.frames:
            raise FetalFlexError(f"the annotation is for frame {stated}; the file has frames 1 to {facts.frames}")
        return (stated,)
    if facts.frames == 1:
        return (1,)
    if choice is None:
        raise FetalFlexError(f"holds {facts.frames} frames; say which to take: --frames all, every:N, first or middle")
    if has_boxes and not choice.is_single:
        raise FetalFlexError(
            f"its boxes do not say for which of its {facts.frames} frames they are; give the annotation a frame (from "
            "1), or --frames first or middle"
        )
    return choice.of(facts.frames)


def fields_of(facts: DicomFacts, frame: int) -> JsonObject:
    """Return what a record keeps of a header beside its layout and patient; JSON values."""
    fields: JsonObject = {}
    if facts.frames > 1:
        fields["frame"] = frame
        if facts.frame_times_ms:
            fields["frame_time_ms"] = facts.frame_times_ms[frame - 1]
    if facts.age_days is not None:
        fields["gestational_age"] = f"{facts.age_days // 7}w{facts.age_days % 7}d"
    regions = [list(region.corners) for region in facts.regions if region.is_tissue]
    if regions and facts.regions_fit:
        fields["ultrasound_regions"] = regions
    if facts.is_synthetic:
        fields[SYNTHETIC] = True
    return fields


def picture_name(path: Path, facts: DicomFacts, frame: int) -> str:
    """Return what a picture is called, without an ending; one of several frames has its number behind it."""
    stem = path.stem if path.suffix.lower() in DICOM_SUFFIXES else path.name
    return stem if facts.frames == 1 else f"{stem}-frame-{frame:0{len(str(facts.frames))}d}"


def spacing_of(
    facts: DicomFacts, stated: float | None, centres: Sequence[tuple[float, float]]
) -> tuple[float | None, str | None]:
    """Return the side of a pixel, mm, and what to note about it.

    Args:
        facts: Of the file.
        stated: What the annotation says; it goes before the header.
        centres: Of the boxes.
    """
    own, note = facts.spacing_at(centres)
    if stated is None:
        return own, note
    if own is not None and abs(own - stated) > _SAME_SPACING * own:
        return stated, f"its annotation says {stated:.4g} mm per pixel, its header {own:.4g}; the annotation's is taken"
    return stated, None


def doubts_of(facts: DicomFacts) -> list[str]:
    """Return what a user should know of a file, one sentence each."""
    doubts = []
    if facts.modality not in _EXPECTED:
        doubts.append(f"its header says that it is no ultrasound but {facts.modality}")
    if facts.says_text:
        doubts.append("its header says that text is burned into the picture, such as a name; look before you share it")
    return doubts

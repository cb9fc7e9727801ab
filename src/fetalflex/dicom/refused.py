"""Why a DICOM file is not read, in words that are safe to show."""

from __future__ import annotations


class Refused(Exception):  # noqa: N818 - what happened
    """Signal that a file is not read; the text goes on after the file's name and holds no value that tells a person."""

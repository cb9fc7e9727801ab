"""Say what to install where the libraries that read DICOM are missing."""

from __future__ import annotations

from importlib.util import find_spec

from fetalflex.errors import FetalFlexError

_NEEDED = {"pydicom": "pydicom", "pylibjpeg": "pylibjpeg", "openjpeg": "pylibjpeg-openjpeg", "gdcm": "python-gdcm"}
"""Module to package."""


def check_installed(name: str) -> None:
    """Raise a FetalFlexError that says how to install what reads the DICOM file `name`, if it is not there."""
    missing = [package for module, package in _NEEDED.items() if find_spec(module) is None]
    if missing:
        raise FetalFlexError(
            f"{name} is a DICOM file, and to read it needs {' and '.join(missing)}; run: "
            "pip install 'fetalflex[clinical]'"
        )

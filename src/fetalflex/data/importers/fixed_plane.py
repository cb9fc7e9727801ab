"""Sets that show a single plane."""

from __future__ import annotations

from dataclasses import replace

from fetalflex.data.importers.base import ImportOptions
from fetalflex.errors import FetalFlexError


def with_fixed_plane(options: ImportOptions, plane: str, set_name: str) -> ImportOptions:
    """Return the options with the plane that the set shows.

    Args:
        options: What the user says about the source.
        plane: Canonical name of the set's plane.
        set_name: Format name, for the message.

    Raises:
        FetalFlexError: If the user asks for another plane.
    """
    if options.plane is not None and options.registry.plane(options.plane).name != plane:
        raise FetalFlexError(f"{set_name} shows {plane} only, not {options.plane}; leave the option plane out")
    return replace(options, plane=plane)

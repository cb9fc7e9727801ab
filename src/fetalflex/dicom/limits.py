"""What the process that reads DICOM files may spend on one of them."""

from __future__ import annotations

SECONDS = 60.0
"""For one answer; a frame takes some hundredths of a second on one core."""

START_SECONDS = 300.0
"""For the process to start, which is not the fault of a file."""

MEMORY_BYTES = 3 * 2**29
"""Addresses that the process may hold: it starts with about 400 MB of them, the largest file adds 512."""

MAX_FRAMES = 100_000
MAX_REGIONS = 64

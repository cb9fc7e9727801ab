"""What the exit status of the command line means."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """Exit statuses beside 0 for success and 1 for an unexpected error, which shows its traceback."""

    BAD_INPUT = 2
    DIVERGED = 3
    INCOMPLETE = 4
    INTERRUPTED = 130

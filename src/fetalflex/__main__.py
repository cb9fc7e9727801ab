"""Start the command line: `fetalflex`, or `python -m fetalflex`.

Nothing is imported here before Ctrl-C is provided for, since the imports take longer than anything else at the start.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from types import FrameType

_INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line, and exit; see `fetalflex.cli.app.main`."""
    quiet = _stopping_quietly()
    from fetalflex.cli.app import main as run

    for number, handler in quiet.items():
        signal.signal(number, handler)
    run(argv)


def _stopping_quietly() -> dict[int, signal._HANDLER]:
    """Leave with one line on a signal, while there is nothing to tidy up; return the handlers of before."""
    before: dict[int, signal._HANDLER] = {}
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as of a job in the background
            before[number] = signal.signal(number, _leave)
    return before


def _leave(_number: int, _frame: FrameType | None) -> None:
    sys.stderr.write("interrupted\n")
    sys.stderr.flush()
    os._exit(_INTERRUPTED)


if __name__ == "__main__":
    main()

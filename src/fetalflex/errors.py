"""The one error that users are meant to read, and the one that they are spared."""

from __future__ import annotations


class FetalFlexError(ValueError):
    """Signal bad input with one sentence that a user can act on.

    The message names the file or field, the value that came, what is allowed, and how to fix it. The command line
    prints it without a traceback and exits with status 2.
    """


class OtherProcessFailed(RuntimeError):  # noqa: N818 - what happened, to another process
    """Signal that this process ends because another one, which shares its job, has failed and said why."""

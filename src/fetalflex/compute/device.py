"""Where to compute."""

from __future__ import annotations

import torch

from fetalflex.errors import FetalFlexError


def choose_device(name: str) -> torch.device:
    """Return the device of that name; `auto` is a GPU if there is one.

    Raises:
        FetalFlexError: If torch cannot compute there.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        return _probed(name)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0]
        raise FetalFlexError(f"device {name!r} cannot be used here; choose auto, cpu or cuda ({reason})") from error


def _probed(name: str) -> torch.device:
    """Return the device after a computation on it; devices without data, such as meta, fail here."""
    probe = torch.ones(1, device=name)
    (probe + probe).item()
    return probe.device

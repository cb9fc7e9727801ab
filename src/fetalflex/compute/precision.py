"""In which number format the networks compute."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import torch

Precision = Literal["fp32", "bf16"]


def computing_in(precision: Precision, device: torch.device) -> torch.autocast:
    """Return the context in which networks with float32 weights compute in a precision on a device."""
    import torch

    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16")

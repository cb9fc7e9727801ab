"""In which number format the networks compute."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import torch

Precision = Literal["fp32", "bf16"]


def computing_in(precision: Precision, device: torch.device) -> torch.autocast:
    """Return the context in which networks on a device compute in a precision; their weights stay float32."""
    import torch

    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16")

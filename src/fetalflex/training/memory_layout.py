"""Keep what belongs to a parameter in the parameter's own memory layout."""

from __future__ import annotations

import torch
from torch import Tensor


def in_layout_of(parameter: Tensor, tensor: Tensor) -> Tensor:
    """Return a tensor in the memory layout of a parameter, if it has its shape; else the tensor as it is.

    A fused optimiser walks over parameter, gradient and moments in the order of memory and does not look at strides:
    a moment in another layout than its parameter, such as channels last, would silently be applied to other weights.
    """
    if tensor.shape != parameter.shape or tensor.stride() == parameter.stride():
        return tensor
    return torch.empty_like(parameter, dtype=tensor.dtype).copy_(tensor)

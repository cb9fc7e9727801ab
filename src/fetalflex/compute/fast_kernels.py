"""The fastest kernels that a GPU has, for a while."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def fast_kernels(device: torch.device) -> Iterator[None]:
    """Let a GPU try which convolutions are fastest, and multiply float32 numbers as TF32, during the block.

    Trying pays where shapes stay the same, as in training, whose batches are all alike; a new shape takes a second.
    TF32 keeps float32's range and 10 bits of its fraction; sums stay float32. On other devices nothing changes.

    Args:
        device: Where the block computes.
    """
    if device.type != "cuda":
        yield
        return
    cudnn = torch.backends.cudnn
    kept = cudnn.benchmark, cudnn.allow_tf32, torch.get_float32_matmul_precision()
    cudnn.benchmark, cudnn.allow_tf32 = True, True
    torch.set_float32_matmul_precision("high")
    try:
        yield
    finally:
        cudnn.benchmark, cudnn.allow_tf32 = kept[:2]
        torch.set_float32_matmul_precision(kept[2])

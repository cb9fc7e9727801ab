from __future__ import annotations

from typing import Any

import pytest
import torch

from fetalflex.compute.fast_kernels import fast_kernels


def settings() -> tuple[Any, ...]:
    cudnn = torch.backends.cudnn
    return cudnn.benchmark, cudnn.allow_tf32, torch.get_float32_matmul_precision()


def test_a_gpu_tries_kernels_and_computes_in_tf32_for_the_time_of_the_block() -> None:
    def fail() -> None:
        with fast_kernels(torch.device("cuda")):
            assert settings() == (True, True, "high")
            raise KeyError

    before = settings()
    with pytest.raises(KeyError):
        fail()
    assert settings() == before


def test_elsewhere_nothing_changes() -> None:
    before = settings()
    with fast_kernels(torch.device("cpu")):
        assert settings() == before

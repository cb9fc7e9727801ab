from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchmetrics.functional.image import peak_signal_noise_ratio

from fetalflex.errors import FetalFlexError
from fetalflex.evaluation.metrics.psnr import psnr


def images(seed: int, count: int = 3) -> torch.Tensor:
    return torch.randint(0, 256, (count, 1, 24, 20), generator=torch.Generator().manual_seed(seed)).double()


@settings(max_examples=20)
@given(st.integers(0, 1000), st.floats(1, 60))
def test_it_equals_torchmetrics(seed: int, noise: float) -> None:
    x = images(seed)
    y = x + noise * images(seed + 1) / 255
    expected = peak_signal_noise_ratio(y, x, data_range=255.0, reduction="none", dim=(1, 2, 3))
    # torchmetrics takes the logarithm of the range in single precision.
    torch.testing.assert_close(psnr(x, y, 255), expected, rtol=1e-6, atol=0)
    torch.testing.assert_close(psnr(y, x, 255), psnr(x, y, 255), rtol=1e-12, atol=0)


def test_equal_images_have_infinite_psnr() -> None:
    assert psnr(images(0), images(0), 255).tolist() == [math.inf] * 3


def test_under_a_mask_only_its_pixels_count() -> None:
    x, y = images(0), images(1)
    mask = torch.zeros(3, 1, 24, 20, dtype=torch.bool)
    mask[:, :, 5:15, 3:9] = True
    cropped = psnr(x[:, :, 5:15, 3:9], y[:, :, 5:15, 3:9], 255)
    torch.testing.assert_close(psnr(x, y, 255, mask), cropped, rtol=1e-12, atol=0)


def test_an_error_of_one_tenth_of_the_range_is_20_db() -> None:
    x = torch.zeros(1, 1, 8, 8)
    assert psnr(x, x + 25.5, 255).item() == pytest.approx(20.0)


def test_an_empty_mask_is_refused() -> None:
    mask = torch.ones(3, 1, 24, 20, dtype=torch.bool)
    mask[1] = False
    with pytest.raises(FetalFlexError, match="mask of image 1 marks no pixel"):
        psnr(images(0), images(1), 255, mask)

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.metrics import structural_similarity
from torch import Tensor
from torchmetrics.functional.image import (
    multiscale_structural_similarity_index_measure,
    structural_similarity_index_measure,
)

from fetalflex.errors import FetalFlexError
from fetalflex.evaluation.metrics.ms_ssim import SCALE_WEIGHTS, ms_ssim


def smooth_images(seed: int, height: int, width: int, count: int = 2) -> Tensor:
    """Images (count, 1, height, width) in 0 to 255 with detail at several scales."""
    generator = torch.Generator().manual_seed(seed)
    layers = [
        torch.nn.functional.interpolate(
            torch.rand(
                count, 1, max(2, height // cell), max(2, width // cell), generator=generator, dtype=torch.float64
            ),
            (height, width),
            mode="bilinear",
        )
        for cell in (1, 4, 16)
    ]
    return 255 * sum(layers) / 3  # type: ignore[return-value]


def reference(x: Tensor, y: Tensor, scales: int) -> Tensor:
    """Wang's definition, put together from torchmetrics' SSIM and contrast sensitivity of each scale."""
    settings = {"data_range": 255.0, "reduction": "none"}
    weights = torch.tensor(SCALE_WEIGHTS[:scales], dtype=torch.float64)
    terms = []
    for scale in range(scales):
        if scale < scales - 1:
            _, term = structural_similarity_index_measure(x, y, return_contrast_sensitivity=True, **settings)
            x, y = torch.nn.functional.avg_pool2d(x, 2), torch.nn.functional.avg_pool2d(y, 2)
        else:
            _, similarity = structural_similarity_index_measure(x, y, return_full_image=True, **settings)
            term = similarity[..., 5:-5, 5:-5].mean(dim=(1, 2, 3))
        terms.append(term)
    return (torch.stack(terms).double() ** (weights / weights.sum())[:, None]).prod(dim=0)


@pytest.mark.parametrize(("height", "width", "scales"), [(200, 177, 5), (64, 50, 3), (20, 30, 1)])
def test_it_equals_the_definition_with_as_many_scales_as_fit(height: int, width: int, scales: int) -> None:
    x, y = smooth_images(0, height, width), smooth_images(1, height, width)
    y = 0.7 * x + 0.3 * y
    torch.testing.assert_close(ms_ssim(x, y, 255), reference(x, y, scales), rtol=1e-6, atol=0)


def test_it_is_near_torchmetrics() -> None:
    """Which pads the coarsest scale by reflection, while all others take whole windows alone."""
    x, y = smooth_images(0, 177, 177), smooth_images(1, 177, 177)
    y = 0.7 * x + 0.3 * y
    expected = multiscale_structural_similarity_index_measure(y, x, data_range=255.0, reduction="none")
    torch.testing.assert_close(ms_ssim(x, y, 255), expected.double(), rtol=0, atol=5e-3)


def test_under_a_mask_it_averages_the_local_similarities_there() -> None:
    """With room for one scale alone it is SSIM, whose map scikit-image gives."""
    x, y = smooth_images(0, 21, 21, 1), smooth_images(1, 21, 21, 1)
    mask = torch.zeros(1, 1, 21, 21, dtype=torch.bool)
    mask[..., 7:13, 6:9] = True
    settings = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 255}
    _, similarity = structural_similarity(x[0, 0].numpy(), y[0, 0].numpy(), full=True, **settings)
    assert ms_ssim(x, y, 255, mask).item() == pytest.approx(max(0, similarity[7:13, 6:9].mean()), rel=1e-9)


@settings(max_examples=15)
@given(st.integers(0, 1000), st.booleans())
def test_it_is_symmetric_within_0_and_1_and_1_for_equal_images(seed: int, masked: bool) -> None:
    x, y = smooth_images(seed, 48, 40), smooth_images(seed + 1, 48, 40)
    mask = torch.rand(2, 1, 48, 40, generator=torch.Generator().manual_seed(seed)) < 0.5 if masked else None
    similarity = ms_ssim(x, y, 255, mask)
    torch.testing.assert_close(similarity, ms_ssim(y, x, 255, mask))
    assert bool(((similarity >= 0) & (similarity < 1)).all())
    torch.testing.assert_close(ms_ssim(x, x, 255, mask), torch.ones(2).double())


def test_what_lies_far_from_the_mask_does_not_matter() -> None:
    x = smooth_images(0, 64, 64)
    y = x.clone()
    y[..., 40:] = 0
    mask = torch.zeros(2, 1, 64, 64, dtype=torch.bool)
    mask[..., 16:48, 6:8] = True
    # At the third scale a window spans 44 px; the mask's positions there lie too near the border, and are left out.
    torch.testing.assert_close(ms_ssim(x, y, 255, mask), torch.ones(2).double())


def test_images_smaller_than_the_window_are_refused() -> None:
    with pytest.raises(FetalFlexError, match="at least 11 x 11 px, got 10 x 64"):
        ms_ssim(torch.zeros(1, 1, 64, 10), torch.zeros(1, 1, 64, 10), 255)


def test_a_mask_along_the_border_is_refused() -> None:
    mask = torch.zeros(2, 1, 32, 32, dtype=torch.bool)
    mask[0] = True
    mask[1, :, :3] = True
    with pytest.raises(FetalFlexError, match="no window of the MS-SSIM is centred in the mask"):
        ms_ssim(torch.zeros(2, 1, 32, 32), torch.zeros(2, 1, 32, 32), 255, mask)

from __future__ import annotations

import numpy as np
import pytest
import torch
from skimage.metrics import structural_similarity

from fetalflex.training.losses import ssim, structure_error, weighted_error


def pictures(shape: tuple[int, ...], noise: float = 0.2) -> tuple[torch.Tensor, torch.Tensor]:
    """Return smooth double-precision pictures in [-1, 1] and noisy versions of them."""
    generator = torch.Generator().manual_seed(0)
    rows = torch.linspace(0, 6, shape[-2], dtype=torch.float64)[:, None]
    columns = torch.linspace(0, 9, shape[-1], dtype=torch.float64)
    phases = torch.rand((*shape[:2], 1, 1), generator=generator, dtype=torch.float64)
    x = (rows + 3 * phases).sin() * (columns + phases).cos()
    return x, x + noise * torch.randn(shape, generator=generator, dtype=torch.float64)


def reference(x: torch.Tensor, y: torch.Tensor, data_range: float) -> float:
    """Return scikit-image's SSIM of single-channel images (H, W), over positions where the window fits."""
    _, values = structural_similarity(
        x.numpy(), y.numpy(), data_range=data_range, gaussian_weights=True, sigma=1.5, use_sample_covariance=False,
        full=True,
    )  # fmt: skip
    return float(values[5:-5, 5:-5].mean())


@pytest.mark.parametrize("shape", [(2, 1, 11, 11), (2, 1, 32, 48), (1, 3, 40, 23)])
@pytest.mark.parametrize("data_range", [1.0, 2.0, 255.0])
def test_ssim_is_that_of_scikit_image(shape: tuple[int, ...], data_range: float) -> None:
    x, y = pictures(shape)
    found = ssim(x, y, data_range)
    assert found.shape == shape[:1]
    for b in range(shape[0]):
        expected = np.mean([reference(x[b, c], y[b, c], data_range) for c in range(shape[1])])
        assert float(found[b]) == pytest.approx(expected, abs=1e-10)


def test_ssim_in_single_precision_is_close_to_double() -> None:
    x, y = pictures((2, 1, 64, 64))
    torch.testing.assert_close(ssim(x.float(), y.float(), 2.0).double(), ssim(x, y, 2.0), rtol=1e-4, atol=1e-4)


def test_an_image_is_entirely_similar_to_itself_and_ssim_is_symmetric() -> None:
    x, y = pictures((1, 1, 20, 20))
    assert ssim(x, x, 2.0).item() == pytest.approx(1)
    assert ssim(x, y, 2.0).item() == pytest.approx(ssim(y, x, 2.0).item())


def test_the_gradient_of_ssim_is_right() -> None:
    x, y = pictures((1, 1, 12, 12))
    assert torch.autograd.gradcheck(lambda x: ssim(x, y, 2.0), x.requires_grad_(True))


def test_only_the_roi_counts() -> None:
    noise = torch.zeros(1, 2, 1, 3)
    predicted = torch.tensor([[[[1.0, 2.0, 100.0]], [[3.0, 4.0, 100.0]]]], requires_grad=True)
    mask = torch.tensor([[[[1.0, 1.0, 0.0]]]])
    loss = weighted_error(predicted, noise, mask)
    assert loss.item() == pytest.approx(((1 + 9) / 2 + (4 + 16) / 2) / 2)
    loss.backward()
    assert predicted.grad is not None
    assert not predicted.grad[..., 2].any()
    assert predicted.grad[..., :2].all()


def test_positions_count_with_their_weights() -> None:
    predicted = torch.tensor([[[[1.0, 2.0, 4.0]]]])
    weight = torch.tensor([[[[3.0, 0.5, 0.5]]]])
    loss = weighted_error(predicted, torch.zeros(1, 1, 1, 3), weight)
    assert loss.item() == pytest.approx((3 * 1 + 0.5 * (4 + 16)) / 4)


def test_with_the_whole_image_as_roi_it_is_the_mean_squared_error() -> None:
    predicted, noise = torch.randn(2, 3, 4, 8, 8)
    loss = weighted_error(predicted, noise, torch.ones(3, 1, 8, 8))
    torch.testing.assert_close(loss, (predicted - noise).square().mean())


def test_an_empty_roi_gives_zero_and_not_nan() -> None:
    assert weighted_error(torch.ones(1, 4, 8, 8), torch.zeros(1, 4, 8, 8), torch.zeros(1, 1, 8, 8)) == 0


def test_the_structure_error_is_the_mean_dissimilarity_weighted_by_the_share_of_signal() -> None:
    x, y = pictures((3, 2, 32, 32))
    share = torch.tensor([1.0, 0.5, 0.0])
    found = structure_error(y.float(), x.float(), share, 2.0)
    expected = (share * (1 - ssim(x, y, 2.0).float())).sum() / 3
    assert found.item() == pytest.approx(expected.item(), abs=1e-5)
    assert structure_error(x, x, share, 2.0).item() == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("side", [4, 7, 8, 11, 16])
def test_the_window_fits_small_latents(side: int) -> None:
    x, y = pictures((2, 4, side, side))
    found = structure_error(y, x, torch.ones(2), 2.0)
    assert 0 < found.item() < 2


def test_the_gradient_of_the_structure_error_is_right() -> None:
    x, y = pictures((2, 1, 8, 8))
    share = torch.tensor([0.7, 0.2], dtype=torch.float64)
    # `structure_error` computes in single precision, so the function is checked at a coarse step.
    assert torch.autograd.gradcheck(
        lambda y: structure_error(y, x, share, 2.0).double(), y.requires_grad_(True), eps=1e-3, atol=2e-3, rtol=2e-2
    )

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from fetalflex.evaluation.canvas_images import CanvasPair
from fetalflex.evaluation.metrics.quality import likeness, reconstruction
from fetalflex.models.components import Components
from fetalflex.models.latents import decode, encode, grey_from_pixels, pixels_from_arrays


def pair(seed: int, noise: float) -> CanvasPair:
    """A pair that differs in the ROI alone, on a canvas with padding."""
    rng = np.random.default_rng(seed)
    real = np.zeros((64, 64), np.uint8)
    real[8:56] = rng.integers(0, 256, (48, 64))
    content = np.zeros((64, 64), bool)
    content[8:56] = True
    roi = np.zeros((64, 64), bool)
    roi[16:48, 16:48] = True
    changed = np.clip(real + noise * rng.normal(size=real.shape), 0, 255).astype(np.uint8)
    return CanvasPair(real, np.where(roi, changed, real), content, roi)


def test_equal_images_are_perfect() -> None:
    values = likeness(pair(0, 0.0))
    assert values["psnr"] == values["psnr_roi"] == math.inf
    assert values["ms_ssim_roi"] == pytest.approx(1)


def test_more_noise_is_worse_and_the_roi_alone_worse_than_the_whole() -> None:
    less, more = likeness(pair(0, 10)), likeness(pair(0, 60))
    for name in ("psnr", "psnr_roi", "ms_ssim", "ms_ssim_roi"):
        assert less[name] > more[name]
    for values in (less, more):
        assert values["psnr_roi"] < values["psnr"]
        assert values["ms_ssim_roi"] < values["ms_ssim"]


def test_psnr_of_the_whole_follows_from_that_of_the_roi() -> None:
    """The squared error is the same, spread over more pixels; padding is none of them."""
    values = likeness(pair(0, 30))
    assert values["psnr"] - values["psnr_roi"] == pytest.approx(10 * np.log10(48 * 64 / 32**2))


def test_padding_counts_in_the_reconstruction_of_the_canvas_alone(shared_model: Components) -> None:
    """A black padding comes back well, and its pixels make the mean squared error smaller; computed here by hand."""
    real = pair(0, 10)
    values = reconstruction(real, shared_model.vae, torch.device("cpu"))
    with torch.no_grad():
        pixels = pixels_from_arrays([real.real])
        [back] = grey_from_pixels(decode(shared_model.vae, encode(shared_model.vae, pixels)))
    error = (back.astype(float) - real.real) ** 2
    assert values["reconstruction_psnr_canvas"] == pytest.approx(10 * np.log10(255**2 / error.mean()))
    expected = 10 * np.log10(255**2 / error[real.content].mean())
    assert values["reconstruction_psnr"] == pytest.approx(expected)
    assert not real.content.all()


def test_the_reconstruction_does_not_depend_on_the_synthesis(shared_model: Components) -> None:
    first, second = (reconstruction(pair(0, noise), shared_model.vae, torch.device("cpu")) for noise in (10, 60))
    assert first == second

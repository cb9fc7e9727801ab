from __future__ import annotations

import numpy as np
import pytest
import torch

from fetalflex.evaluation.canvas_images import CanvasPair
from fetalflex.evaluation.extractors import AutoencoderFeatures
from fetalflex.evaluation.quality import Quality, joined, measure_quality
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


def measure(model: Components, *pairs: CanvasPair) -> Quality:
    return measure_quality(pairs, AutoencoderFeatures(model), model.vae, torch.device("cpu"))


def test_equal_images_are_perfect(shared_model: Components) -> None:
    quality = measure(shared_model, pair(0, 0.0))
    assert np.isinf(quality.values["psnr"]).all()
    np.testing.assert_allclose(quality.values["ms_ssim_roi"], 1)
    np.testing.assert_array_equal(quality.values["perceptual"], 0)
    np.testing.assert_array_equal(quality.real, quality.synthetic)


def test_more_noise_is_worse_and_the_roi_alone_worse_than_the_whole(shared_model: Components) -> None:
    values = measure(shared_model, pair(0, 10), pair(0, 60)).values
    for name in ("psnr", "psnr_roi", "ms_ssim", "ms_ssim_roi"):
        assert values[name][0] > values[name][1]
    for name in ("perceptual", "perceptual_roi"):
        assert values[name][0] < values[name][1]
    assert (values["psnr_roi"] < values["psnr"]).all()
    assert (values["ms_ssim_roi"] < values["ms_ssim"]).all()
    assert (values["perceptual_roi"] > values["perceptual"]).all()


def test_psnr_of_the_whole_follows_from_that_of_the_roi(shared_model: Components) -> None:
    """The squared error is the same, spread over more pixels; padding is none of them."""
    values = measure(shared_model, pair(0, 30)).values
    np.testing.assert_allclose(values["psnr"] - values["psnr_roi"], 10 * np.log10(48 * 64 / 32**2))


def test_padding_counts_in_the_reconstruction_of_the_canvas_alone(shared_model: Components) -> None:
    """A black padding comes back well, and its pixels make the mean squared error smaller; computed here by hand."""
    real = pair(0, 10)
    values = measure(shared_model, real).values
    with torch.no_grad():
        pixels = pixels_from_arrays([real.real])
        [back] = grey_from_pixels(decode(shared_model.vae, encode(shared_model.vae, pixels)))
    error = (back.astype(float) - real.real) ** 2
    assert values["reconstruction_psnr_canvas"][0] == pytest.approx(10 * np.log10(255**2 / error.mean()))
    expected = 10 * np.log10(255**2 / error[real.content].mean())
    assert values["reconstruction_psnr"][0] == pytest.approx(expected)
    assert not real.content.all()


def test_the_reconstruction_does_not_depend_on_the_synthesis(shared_model: Components) -> None:
    values = measure(shared_model, pair(0, 10), pair(0, 60)).values
    assert values["reconstruction_psnr"][0] == values["reconstruction_psnr"][1]


def test_batches_join_and_no_number_depends_on_them(shared_model: Components) -> None:
    pairs = [pair(seed, 20) for seed in range(3)]
    together = measure(shared_model, *pairs)
    parts = joined([measure(shared_model, *pairs[:2]), measure(shared_model, pairs[2])])
    for name, values in together.values.items():
        np.testing.assert_array_equal(parts.values[name], values)
    np.testing.assert_array_equal(parts.synthetic, together.synthetic)
    np.testing.assert_array_equal(parts.real, together.real)

from __future__ import annotations

import numpy as np
import pytest
from rulers_helpers import SHAPE, ellipse, noise
from scipy import ndimage

from fetalflex.errors import FetalFlexError
from fetalflex.rulers.blur import blurred, equal_blur
from fetalflex.rulers.texture import local_contrast


def _image(seed: int = 0) -> np.ndarray:
    return np.clip(np.rint(noise(seed)), 0, 255).astype(np.uint8)


def test_outside_the_region_nothing_changes() -> None:
    region = ellipse()
    found = blurred(_image(), region, 2)
    np.testing.assert_array_equal(found[~region], _image()[~region])
    assert found.dtype == np.uint8
    assert found[region].std() < 0.3 * _image()[region].std()


def test_far_from_the_rim_it_is_scipys_blur() -> None:
    region = ellipse()
    deep = ndimage.binary_erosion(region, iterations=12)
    expected = ndimage.gaussian_filter(_image().astype(np.float64), 2)
    assert np.abs(blurred(_image(), region, 2)[deep] - expected[deep]).max() <= 0.51


def test_nothing_flows_in_across_the_rim() -> None:
    region = ellipse()
    for outside in (0, 255):
        image = np.where(region, 90, outside).astype(np.uint8)
        np.testing.assert_array_equal(blurred(image, region, 3), image)


def test_a_blur_of_no_width_is_refused() -> None:
    with pytest.raises(FetalFlexError, match="sigma is 0"):
        blurred(_image(), ellipse(), 0)


def test_a_blur_of_equal_strength_is_found() -> None:
    images, regions = [_image(seed) for seed in range(3)], [ellipse(share=share) for share in (0.5, 0.7, 0.9)]
    smooth = [blurred(image, region, 1.3) for image, region in zip(images, regions, strict=True)]
    contrast = float(np.mean([local_contrast(*pair) for pair in zip(smooth, regions, strict=True)]))
    assert equal_blur(images, regions, contrast) == pytest.approx(1.3, abs=0.02)


@pytest.mark.parametrize("contrast", [0.0, 25.0])
def test_what_no_blur_reaches_is_said(contrast: float) -> None:
    assert equal_blur([_image()], [np.ones(SHAPE, np.bool_)], contrast) is None

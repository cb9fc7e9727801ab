from __future__ import annotations

import numpy as np

from fetalflex.evaluation.canvas_images import batch_of, canvas_pair, roi_on_canvas


def noise(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(1, 256, (height, width), dtype=np.uint8)


def test_a_pair_lies_on_the_canvas_with_its_content_and_roi_marked() -> None:
    roi = np.zeros((32, 64), bool)
    roi[4:8, 10:20] = True
    pair = canvas_pair(noise(32, 64), noise(32, 64, 1), roi, 64)
    np.testing.assert_array_equal(pair.real[16:48], noise(32, 64))
    np.testing.assert_array_equal(pair.synthetic[16:48], noise(32, 64, 1))
    np.testing.assert_array_equal(pair.roi[16:48], roi)
    assert pair.content.sum() == 32 * 64
    assert not pair.roi[~pair.content].any()


def test_a_region_fills_the_canvas_and_nothing_else_is_left() -> None:
    image = noise(40, 60)
    roi = np.zeros((40, 60), bool)
    roi[10:26, 20:36] = True
    roi[12, 22] = False
    expected = image[10:26, 20:36].copy()
    expected[2, 2] = 0
    np.testing.assert_array_equal(roi_on_canvas(image, roi, 16), expected)


def test_the_background_does_not_show_in_a_region() -> None:
    roi = np.zeros((40, 60), bool)
    roi[10:30, 20:50] = True
    other = np.where(roi, noise(40, 60), noise(40, 60, 1)).astype(np.uint8)
    np.testing.assert_array_equal(roi_on_canvas(noise(40, 60), roi, 32), roi_on_canvas(other, roi, 32))


def test_a_batch_has_one_channel() -> None:
    assert batch_of([noise(4, 5), noise(4, 5)]).shape == (2, 1, 4, 5)

from __future__ import annotations

import numpy as np
import pytest

from fetalflex.provenance.fingerprints import coarse, look_of, pixel_digest, turned


class TestFingerprints:
    def test_the_digest_depends_on_pixels_and_shape(self):
        flat = np.zeros((4, 6), np.uint8)
        assert len({pixel_digest(one) for one in (flat, flat.T, flat + 1)}) == 3
        assert pixel_digest(flat) == pixel_digest(flat.copy())

    @pytest.mark.parametrize(("height", "width"), [(16, 16), (37, 53), (5, 3), (1, 1), (48, 64)])
    def test_the_look_holds_exact_means(self, height, width):
        pixels = np.random.default_rng(0).integers(0, 256, (height, width), dtype=np.uint8)
        fine = np.kron(pixels.astype(float), np.ones((32, 32)))
        means = fine.reshape(32, height, 32, width).mean(axis=(1, 3))
        assert np.abs(look_of(pixels).reshape(32, 32) - means).max() <= 0.5 + 1e-9

    def test_the_look_of_a_turned_picture_is_the_turned_look(self):
        pixels = np.random.default_rng(0).integers(0, 256, (96, 64), dtype=np.uint8)
        ways = turned(look_of(pixels))
        assert np.array_equal(ways[0], look_of(pixels))
        wanted = {look_of(np.rot90(one, k).copy()).tobytes() for one in (pixels, pixels[:, ::-1]) for k in range(4)}
        assert len(wanted) == 8
        for way in ways:
            cells = np.array([np.frombuffer(one, np.uint8) for one in wanted]).astype(int)
            assert np.abs(cells - way).max(axis=1).min() <= 1  # of rounding

    def test_coarse_means_differ_no_more_than_cells(self):
        looks = np.random.default_rng(1).integers(0, 256, (50, 1024), dtype=np.uint8)
        near = np.clip(looks.astype(int) + np.random.default_rng(2).integers(-4, 5, looks.shape), 0, 255)
        assert np.abs(coarse(looks) - coarse(near.astype(np.uint8))).max() <= 4
        assert coarse(looks)[7, 5] == pytest.approx(looks[7].reshape(32, 32)[8:16, 8:16].mean())

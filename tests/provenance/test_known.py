from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from pictures import MARK, jpeg, scaled, scan
from PIL import Image

from fetalflex.provenance import SYNTHETIC_LIST, KnownSynthetic, SyntheticList, SyntheticMark, append_to_list
from fetalflex.provenance.fingerprints import look_of, pixel_digest
from fetalflex.provenance.known import mark_of_image


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    listed = SyntheticList()
    for number in range(5):
        listed.add(f"images/{number}.png", scan(number), SyntheticMark({**MARK.facts, "seed": number}))
    listed.write(tmp_path)
    return tmp_path


class TestFinding:
    def test_the_same_pixels_are_known_whatever_the_file(self, folder):
        found = KnownSynthetic(folder).find(folder / "deep" / "er" / "x.png", scan(3))
        assert found == (SyntheticMark({"seed": 3, "model": "mini-1"}), True)

    @pytest.mark.parametrize("change", [lambda p: jpeg(p, 75), lambda p: scaled(p, 0.5), lambda p: scaled(p, 1.5)])
    def test_a_copy_that_was_saved_with_losses_or_scaled_is_known(self, folder, change):
        for number in range(5):
            found = KnownSynthetic(folder).find(folder / "x.jpg", change(scan(number)))
            assert found == (SyntheticMark({"seed": number, "model": "mini-1"}), False)

    @pytest.mark.parametrize("mirrored", [False, True])
    @pytest.mark.parametrize("quarters", [0, 1, 2, 3])
    @pytest.mark.parametrize("finish", [lambda p: p, lambda p: jpeg(p, 75)])
    def test_a_turned_or_mirrored_copy_is_known(self, folder, quarters, mirrored, finish):
        pixels = np.rot90(scan(3)[:, ::-1] if mirrored else scan(3), quarters)
        found = KnownSynthetic(folder).find(folder / "x.png", finish(np.ascontiguousarray(pixels)))
        assert found is not None
        assert found[0].facts["seed"] == 3

    def test_a_copy_that_was_stretched_to_a_square_is_known(self, folder):
        square = np.asarray(Image.fromarray(scan(3)).resize((320, 320), Image.Resampling.BILINEAR))
        assert KnownSynthetic(folder).find(folder / "x.png", square) == (
            SyntheticMark({**MARK.facts, "seed": 3}),
            False,
        )

    def test_a_copy_of_an_image_that_says_so_itself_is_known(self, tmp_path):
        known = KnownSynthetic(tmp_path)
        assert known.find(tmp_path / "x.png", scan(0)) is None
        for number in range(3):
            known.learn(pixel_digest(scan(number)), look_of(scan(number)), SyntheticMark({"seed": number}))
            assert known.find(tmp_path / "x.png", scan(number)) == (SyntheticMark({"seed": number}), True)
            assert known.find(tmp_path / "x.png", jpeg(scan(number), 80)) == (SyntheticMark({"seed": number}), False)
        assert known.find(tmp_path / "x.png", scan(9)) is None

    def test_a_picture_with_hardly_any_contrast_is_known_by_its_pixels_alone(self, tmp_path):
        dim = scan(0) // 10
        append_to_list(tmp_path / "a.png", dim, MARK)
        known = KnownSynthetic(tmp_path)
        assert known.find(tmp_path / "b.png", dim) == (MARK, True)
        assert known.find(tmp_path / "b.png", scaled(dim, 0.5)) is None

    def test_many_pictures_are_compared_quickly(self, tmp_path):
        rng = np.random.default_rng(0)
        known = KnownSynthetic(tmp_path)
        for number in range(20_000):
            look = rng.integers(0, 256, 1024, dtype=np.uint8)
            known.learn(number.to_bytes(32, "big"), look, MARK)
        known.find_by(tmp_path / "x.png", bytes(32), look)
        start = time.process_time()
        for _ in range(10):
            assert known.find_by(tmp_path / "x.png", b"none", rng.integers(0, 256, 1024, dtype=np.uint8)) is None
        assert time.process_time() - start < 2

    def test_another_image_is_not_known(self, folder):
        known = KnownSynthetic(folder)
        assert all(known.find(folder / "x.png", scan(number)) is None for number in range(5, 15))

    def test_an_image_that_differs_in_a_part_is_not_known(self, folder):
        pixels = scan(3)
        pixels[160:208, 240:300] = np.clip(pixels[160:208, 240:300].astype(int) + 12, 0, 255)
        assert KnownSynthetic(folder).find(folder / "x.png", pixels) is None

    def test_an_empty_picture_is_known_by_its_pixels_alone(self, tmp_path):
        append_to_list(tmp_path / "a.png", np.zeros((40, 60), np.uint8), MARK)
        known = KnownSynthetic(tmp_path)
        assert known.find(tmp_path / "b.png", np.zeros((40, 60), np.uint8)) == (MARK, True)
        assert known.find(tmp_path / "b.png", np.zeros((80, 120), np.uint8)) is None

    @pytest.mark.parametrize("inner", ["images", "images/train", "train/class"])
    def test_a_list_counts_for_a_source_inside_its_folder(self, folder, inner):
        (folder / inner).mkdir(parents=True)
        assert KnownSynthetic(folder / inner).find(folder / inner / "x.png", scan(3)) is not None

    def test_a_list_far_above_the_source_or_beside_the_way_up_does_not_count(self, folder):
        far = folder / "a" / "b" / "c" / "d"
        far.mkdir(parents=True)
        assert KnownSynthetic(far).find(far / "x.png", scan(3)) is None
        (folder / "b").mkdir()
        (folder / SYNTHETIC_LIST).rename(folder / "b" / SYNTHETIC_LIST)
        assert KnownSynthetic(folder).find(folder / "a" / "x.png", scan(3)) is None
        assert KnownSynthetic(folder).has_lists(folder / "b" / "x.png")

    def test_a_single_file_is_looked_up_in_its_own_folder(self, folder):
        Image.fromarray(scan(2)).save(folder / "saved.png")
        assert mark_of_image(folder / "saved.png", scan(2)) is not None
        assert mark_of_image(folder / "saved.png", scan(20)) is None

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fetalflex.provenance import SYNTHETIC_LIST, KnownSynthetic, SyntheticList, SyntheticMark, append_to_list
from fetalflex.provenance.fingerprints import look_of, pixel_digest
from fetalflex.provenance.listing import mark_of_image

MARK = SyntheticMark({"seed": 3, "model": "mini-1"})


def scan(seed: int = 0, height: int = 360, width: int = 480) -> np.ndarray:
    """Return smooth structures with speckle, `(H, W) uint8`, other ones for each seed."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(20, 220, (7, 9), dtype=np.uint8))
    smooth = np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC)).astype(float)
    return np.clip(smooth * rng.rayleigh(0.5, (height // 2, width // 2)).repeat(2, 0).repeat(2, 1), 0, 255).astype(
        np.uint8
    )


def jpeg(pixels: np.ndarray, quality: int) -> np.ndarray:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=quality)
    return np.asarray(Image.open(buffer))


def scaled(pixels: np.ndarray, factor: float) -> np.ndarray:
    height, width = pixels.shape
    size = (round(width * factor), round(height * factor))
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.LANCZOS))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    listed = SyntheticList()
    for number in range(5):
        listed.add(f"images/{number}.png", scan(number), SyntheticMark({**MARK.facts, "seed": number}))
    listed.write(tmp_path)
    return tmp_path


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


class TestFinding:
    def test_the_same_pixels_are_known_whatever_the_file(self, folder):
        found = KnownSynthetic(folder).find(folder / "deep" / "er" / "x.png", scan(3))
        assert found == (SyntheticMark({"seed": 3, "model": "mini-1"}), True)

    @pytest.mark.parametrize("change", [lambda p: jpeg(p, 75), lambda p: scaled(p, 0.5), lambda p: scaled(p, 1.5)])
    def test_a_copy_that_was_saved_with_losses_or_scaled_is_known(self, folder, change):
        for number in range(5):
            found = KnownSynthetic(folder).find(folder / "x.jpg", change(scan(number)))
            assert found == (SyntheticMark({"seed": number, "model": "mini-1"}), False)

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

    def test_lists_above_the_source_and_beside_the_way_up_do_not_count(self, folder):
        (folder / "a").mkdir()
        assert KnownSynthetic(folder / "a").find(folder / "a" / "x.png", scan(3)) is None
        (folder / "b").mkdir()
        (folder / SYNTHETIC_LIST).rename(folder / "b" / SYNTHETIC_LIST)
        assert KnownSynthetic(folder).find(folder / "a" / "x.png", scan(3)) is None
        assert KnownSynthetic(folder).has_lists(folder / "b" / "x.png")

    def test_a_single_file_is_looked_up_in_its_own_folder(self, folder):
        Image.fromarray(scan(2)).save(folder / "saved.png")
        assert mark_of_image(folder / "saved.png", scan(2)) is not None
        assert mark_of_image(folder / "saved.png", scan(20)) is None


class TestFiles:
    def test_without_synthetic_images_there_is_no_list(self, tmp_path):
        SyntheticList().write(tmp_path)
        assert not (tmp_path / SYNTHETIC_LIST).exists()

    def test_appending_adds_nothing_twice(self, tmp_path):
        (tmp_path / "out").mkdir()
        for _ in range(2):
            for number in range(3):
                append_to_list(tmp_path / "out" / f"{number}.png", scan(number), MARK)
        lines = (tmp_path / "out" / SYNTHETIC_LIST).read_text().splitlines()
        assert len(lines) == 4
        assert "synthetic" in json.loads(lines[0])["about"]
        assert [json.loads(line)["file"] for line in lines[1:]] == ["0.png", "1.png", "2.png"]

    def test_a_line_that_was_cut_off_costs_itself_alone(self, tmp_path):
        for number in range(2):
            append_to_list(tmp_path / f"{number}.png", scan(number), MARK)
        path = tmp_path / SYNTHETIC_LIST
        path.write_bytes(path.read_bytes()[:-100])
        append_to_list(tmp_path / "2.png", scan(2), MARK)
        known = KnownSynthetic(tmp_path)
        assert [known.find(tmp_path / "x.png", scan(number)) is not None for number in range(3)] == [True, False, True]

    @pytest.mark.parametrize(
        "line",
        [
            "not json",
            "[]",
            "{}",
            "[" * 5000,
            '{"pixels": "a", "look": "zz", "width": 1, "height": 1}',
            '{"pixels": "a", "look": "", "width": 1, "height": 0}',
            '{"pixels": "a", "look": "00", "width": 1e400, "height": 1}',
            '{"pixels": "a", "look": null, "width": "x", "height": 1}',
            "\ud800",
        ],
    )
    def test_lines_of_strangers_do_no_harm(self, folder, line):
        path = folder / SYNTHETIC_LIST
        path.write_bytes(line.encode("utf-8", "surrogatepass") + b"\n" + path.read_bytes())
        assert KnownSynthetic(folder).find(folder / "x.png", scan(3)) is not None
        path.write_bytes(line.encode("utf-8", "surrogatepass"))
        assert KnownSynthetic(folder).find(folder / "x.png", scan(3)) is None

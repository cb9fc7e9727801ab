from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from data_helpers import gradient
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from fetalflex.data import image_files
from fetalflex.data.image_files import (
    decode_image,
    encode_png,
    image_size,
    read_image,
    read_mask,
    read_png_text,
    write_jpeg,
    write_png,
)
from fetalflex.errors import FetalFlexError

GREY = gradient(40, 30)


def encoded(image: Image.Image, kind: str = "PNG", **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format=kind, **options)
    return buffer.getvalue()


def png_with_size(width: int, height: int) -> bytes:
    """Return a PNG whose header claims a size that its data do not have."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "WEBP"])
def test_grey_pixels_come_back_as_they_are_from_lossless_formats(tmp_path, kind):
    path = tmp_path / f"image.{kind.lower()}"
    path.write_bytes(encoded(Image.fromarray(GREY), kind, **({"lossless": True} if kind == "WEBP" else {})))
    np.testing.assert_array_equal(read_image(path), GREY)
    assert image_size(path) == (40, 30)


def test_jpeg_is_read_with_small_errors():
    assert np.abs(decode_image(encoded(Image.fromarray(GREY), "JPEG", quality=95), "a").astype(int) - GREY).max() < 6


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA", "P"])
def test_grey_stored_as_colour_or_palette_keeps_its_values(mode):
    np.testing.assert_array_equal(decode_image(encoded(Image.fromarray(GREY).convert(mode)), "a"), GREY)


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparency_is_ignored(mode):
    image = Image.fromarray(GREY).convert(mode)
    image.putalpha(7)
    np.testing.assert_array_equal(decode_image(encoded(image), "a"), GREY)


def test_palette_with_transparency_is_read_by_its_colours():
    image = Image.fromarray((GREY > 100).astype(np.uint8)).convert("P")
    image.putpalette([10, 10, 10, 200, 200, 200])
    data = encoded(image, transparency=b"\x00\x80")
    np.testing.assert_array_equal(decode_image(data, "a"), np.where(GREY > 100, 200, 10))


def test_black_and_white_becomes_0_and_255():
    data = encoded(Image.fromarray(GREY > 100))
    np.testing.assert_array_equal(decode_image(data, "a"), np.where(GREY > 100, 255, 0))


@pytest.mark.parametrize(("brightest", "nominal"), [(200, 255), (1000, 1023), (4095, 4095), (60000, 65535)])
def test_deep_images_are_scaled_from_the_bit_depth_that_holds_them(brightest, nominal):
    deep = np.array([[0, brightest // 2, brightest]], dtype=np.uint16)
    expected = np.round(deep * 255.0 / nominal)
    np.testing.assert_array_equal(decode_image(encoded(Image.fromarray(deep)), "a"), expected)


def test_negative_and_floating_point_values_are_refused():
    negative = Image.fromarray(np.array([[-5, 5]], dtype=np.int32))
    with pytest.raises(FetalFlexError, match="outside 0 to 65535"):
        decode_image(encoded(negative, "TIFF"), "scan")
    with pytest.raises(FetalFlexError, match="scan holds floating-point"):
        decode_image(encoded(Image.fromarray(np.array([[0.5]], dtype=np.float32)), "TIFF"), "scan")


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_exif_orientation_is_honoured_in_pixels_and_size(tmp_path, kind):
    exif = Image.Exif()
    exif[274] = 6  # turned a quarter: the first row stands at the right
    path = tmp_path / "turned.img"
    path.write_bytes(encoded(Image.fromarray(GREY), kind, exif=exif))
    pixels = read_image(path)
    assert pixels.shape == (40, 30)
    assert image_size(path) == (30, 40)
    assert np.abs(pixels.astype(int) - np.rot90(GREY, -1)).max() < 12


def test_truncated_files_are_refused(tmp_path):
    for kind in ("PNG", "JPEG", "TIFF", "WEBP", "BMP"):
        data = encoded(Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64), dtype=np.uint8)), kind)
        with pytest.raises(FetalFlexError, match="cut"):
            decode_image(data[: len(data) // 2], "cut")


def test_bombs_are_refused_before_they_are_decoded(tmp_path):
    for side in (9000, 12_000, 60_000):
        path = tmp_path / "bomb.png"
        path.write_bytes(png_with_size(side, side))
        for read in (read_image, image_size):
            with pytest.raises(FetalFlexError, match="64,000,000"):
                read(path)


def test_stacks_of_frames_are_refused():
    frames = [Image.fromarray(GREY), Image.fromarray(255 - GREY)]
    data = encoded(frames[0], "TIFF", save_all=True, append_images=frames[1:])
    with pytest.raises(FetalFlexError, match="several frames"):
        decode_image(data, "stack")


@pytest.mark.parametrize("content", [b"", b"no image at all", b"%PDF-1.4", b"\x89PNG\r\n\x1a\n"])
def test_what_is_no_image_is_refused(tmp_path, content):
    path = tmp_path / "odd.png"
    path.write_bytes(content)
    for read in (read_image, image_size, read_png_text):
        with pytest.raises(FetalFlexError, match=r"odd\.png"):
            read(path)


def test_formats_that_are_not_listed_are_refused(tmp_path):
    data = encoded(Image.fromarray(GREY), "GIF")
    with pytest.raises(FetalFlexError, match="PNG, JPEG, BMP, TIFF, WEBP"):
        decode_image(data, "moving")


def test_missing_files_and_folders_are_refused(tmp_path):
    for path in (tmp_path / "none.png", tmp_path):
        with pytest.raises(FetalFlexError, match="there is no image file"):
            read_image(path)


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=40), st.integers(0, 400), st.sampled_from(["PNG", "JPEG", "TIFF", "BMP"]))
def test_damage_anywhere_gives_an_image_or_one_clear_error(noise, position, kind):
    data = encoded(Image.fromarray(GREY), kind)
    damaged = data[:position] + noise + data[position + len(noise) :]
    try:
        pixels = decode_image(damaged, "damaged")
    except FetalFlexError:
        return
    assert pixels.dtype == np.uint8
    assert pixels.ndim == 2


class TestWritePng:
    def test_grey_and_colour_come_back(self, tmp_path):
        write_png(tmp_path / "new" / "grey.png", GREY, {})
        np.testing.assert_array_equal(read_image(tmp_path / "new" / "grey.png"), GREY)
        colour = np.stack([GREY, GREY // 2, 255 - GREY], axis=-1)
        write_png(tmp_path / "colour.png", colour, {})
        np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "colour.png")), colour)

    def test_text_of_any_script_comes_back(self, tmp_path):
        text = {"prompt": "fetal ultrasound", "note": "Größe ε → 胎児", "layout": "x" * 50_000}
        write_png(tmp_path / "a.png", GREY, text)
        assert read_png_text(tmp_path / "a.png") == text

    def test_an_existing_file_is_replaced_only_with_force(self, tmp_path):
        path = tmp_path / "a.png"
        write_png(path, GREY, {})
        with pytest.raises(FetalFlexError, match="already there"):
            write_png(path, 255 - GREY, {})
        np.testing.assert_array_equal(read_image(path), GREY)
        write_png(path, 255 - GREY, {}, force=True)
        np.testing.assert_array_equal(read_image(path), 255 - GREY)

    def test_a_failure_leaves_nothing_behind(self, tmp_path, monkeypatch):
        def fail(*args, **kwargs):
            raise OSError("disk full")

        monkeypatch.setattr(Image.Image, "save", fail)
        with pytest.raises(FetalFlexError, match=r"a\.png cannot be written: disk full"):
            write_png(tmp_path / "a.png", GREY, {})
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize("pixels", [GREY.astype(np.float32), GREY[None, :, :, None], GREY[:0], GREY[..., None]])
    def test_other_arrays_are_refused(self, tmp_path, pixels):
        with pytest.raises(FetalFlexError, match="give uint8 of shape"):
            write_png(tmp_path / "a.png", pixels, {})

    @pytest.mark.parametrize("text", [{"": "a"}, {"k" * 80: "a"}, {"胎": "a"}, {"a\n": "b"}, {"a": "b\0c"}])
    def test_text_that_png_cannot_hold_is_refused(self, tmp_path, text):
        with pytest.raises(FetalFlexError, match="text field"):
            write_png(tmp_path / "a.png", GREY, text)

    def test_too_much_text_is_refused(self, tmp_path):
        with pytest.raises(FetalFlexError, match="1,000,000"):
            write_png(tmp_path / "a.png", GREY, {"a": "x" * (image_files.MAX_TEXT_BYTES + 1)})

    def test_another_ending_is_refused(self, tmp_path):
        with pytest.raises(FetalFlexError, match=r"does not end in \.png"):
            write_png(tmp_path / "a.jpg", GREY, {})


def test_text_is_read_from_png_only(tmp_path):
    Image.fromarray(GREY).save(tmp_path / "a.jpg")
    with pytest.raises(FetalFlexError, match="only PNG"):
        read_png_text(tmp_path / "a.jpg")


class TestReadMask:
    def test_index_values_of_a_palette_come_back(self, tmp_path):
        values = np.array([[0, 1], [2, 1]], dtype=np.uint8)
        image = Image.fromarray(values).convert("P")
        image.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0])
        image.save(tmp_path / "mask.png")
        np.testing.assert_array_equal(read_mask(tmp_path / "mask.png", colour=False), values)
        assert read_mask(tmp_path / "mask.png", colour=True)[1, 0].tolist() == [0, 255, 0]

    def test_deep_index_values_come_back(self, tmp_path):
        values = np.array([[0, 300]], dtype=np.uint16)
        Image.fromarray(values).save(tmp_path / "mask.png")
        np.testing.assert_array_equal(read_mask(tmp_path / "mask.png", colour=False), values)

    def test_transparent_pixels_are_black(self, tmp_path):
        rgba = np.array([[[9, 8, 7, 0], [9, 8, 7, 1]]], dtype=np.uint8)
        Image.fromarray(rgba).save(tmp_path / "mask.png")
        assert read_mask(tmp_path / "mask.png", colour=True).tolist() == [[[0, 0, 0], [9, 8, 7]]]

    def test_colours_are_no_index_values(self, tmp_path):
        Image.fromarray(np.array([[[255, 0, 0]]], dtype=np.uint8)).save(tmp_path / "mask.png")
        with pytest.raises(FetalFlexError, match="give the colours"):
            read_mask(tmp_path / "mask.png", colour=False)


def test_pixels_encoded_in_memory_come_back(tmp_path):
    np.testing.assert_array_equal(decode_image(encode_png(GREY), "x"), GREY)
    write_png(tmp_path / "a.png", GREY, {})
    assert (tmp_path / "a.png").read_bytes() == encode_png(GREY)


def test_a_jpeg_is_written_with_its_comment_and_nothing_is_replaced_unasked(tmp_path):
    pixels = np.repeat(GREY[..., None], 3, axis=2)
    write_jpeg(tmp_path / "new" / "a.jpg", pixels, "synthetic é")
    with Image.open(tmp_path / "new" / "a.jpg") as image:
        assert image.info["comment"] == b"synthetic ?"
        assert np.abs(np.asarray(image).astype(int) - pixels).mean() < 8
    with pytest.raises(FetalFlexError, match="already there"):
        write_jpeg(tmp_path / "new" / "a.jpg", pixels, "")
    write_jpeg(tmp_path / "new" / "a.jpg", GREY, "", force=True)
    with pytest.raises(FetalFlexError, match=r"does not end in \.jpg"):
        write_jpeg(tmp_path / "a.png", pixels, "")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a.jpg", "new"]

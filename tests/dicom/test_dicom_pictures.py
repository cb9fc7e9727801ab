"""What is read of DICOM pictures, against pydicom's own functions and values known beforehand."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image
from pydicom.pixels import apply_modality_lut, apply_voi_lut
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian, ImplicitVRLittleEndian, RLELossless

from dicom_files import dataset_of, noise, save, shipped, write_dicom
from fetalflex.data.image_files import decode_image, image_header, image_size, read_image
from fetalflex.data.picture_kind import picture_kind
from fetalflex.dicom import DicomReading
from fetalflex.dicom.grey import shown_grey
from fetalflex.errors import FetalFlexError

ALL = DicomReading(1, colour_doppler=True)

ULTRASOUND = [
    # file, size, frames, mm per pixel
    ("ExplVR_BigEnd.dcm", (80, 60), 1, None),
    ("examples_palette.dcm", (800, 350), 1, None),
    ("examples_rgb_color.dcm", (320, 240), 1, None),
    ("examples_ybr_color.dcm", (320, 240), 30, None),
    ("examples_jpeg2k.dcm", (640, 480), 1, None),
    ("US1_UNCR.dcm", (640, 480), 1, None),
    ("US1_UNCI.dcm", (640, 480), 1, None),
    ("US1_J2KR.dcm", (640, 480), 1, None),
    ("US1_J2KI.dcm", (640, 480), 1, None),
    ("OBXXXX1A.dcm", (800, 600), 1, 0.262288),
    ("OBXXXX1A_2frame.dcm", (800, 600), 2, 0.262288),
    ("OBXXXX1A_expb.dcm", (800, 600), 1, 0.262288),
    ("OBXXXX1A_expb_2frame.dcm", (800, 600), 2, 0.262288),
    ("OBXXXX1A_rle.dcm", (800, 600), 1, 0.262288),
    ("OBXXXX1A_rle_2frame.dcm", (800, 600), 2, 0.262288),
    ("JPGLosslessP14SV1_1s_1f_8b.dcm", (1024, 768), 1, 0.254767),
    ("color3d_jpeg_baseline.dcm", (640, 480), 120, 0.510497),
    ("gdcm-US-ALOKA-16.dcm", (640, 480), 1, 0.382653),
    ("gdcm-US-ALOKA-16_big.dcm", (640, 480), 1, 0.382653),
    ("color-pl.dcm", (256, 120), 1, None),
    ("color-px.dcm", (256, 120), 1, None),
]
SYNTAXES = [
    "MR_small.dcm",
    "MR_small_implicit.dcm",
    "MR_small_bigendian.dcm",
    "MR_small_RLE.dcm",
    "MR_small_jpeg_ls_lossless.dcm",
    "MR_small_jp2klossless.dcm",
    "MR_small_padded.dcm",
]


def luma(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.asarray(Image.fromarray(rgb).convert("L"))


def reference(path: Path) -> NDArray[np.uint8]:
    """Return the first frame as pydicom decodes it, as grey of 8 bits; its bug with big-endian palettes is avoided."""
    dataset = pydicom.dcmread(path)
    values = pydicom.pixels.pixel_array(dataset, index=0)
    if "SegmentedRedPaletteColorLookupTableData" in dataset:
        return luma((pydicom.pixels.apply_color_lut(values, dataset) >> 8).astype(np.uint8))
    if dataset.PhotometricInterpretation == "PALETTE COLOR":
        order = "<" if dataset.original_encoding[1] else ">"
        names = [f"{colour}PaletteColorLookupTableData" for colour in ("Red", "Green", "Blue")]
        tables = [np.frombuffer(dataset[name].value, f"{order}u2") >> 8 for name in names]
        first = dataset.RedPaletteColorLookupTableDescriptor[1]
        places = (values.astype(int) - first).clip(0, len(tables[0]) - 1)
        return luma(np.stack([table[places] for table in tables], axis=2).astype(np.uint8))
    return luma(values) if values.ndim == 3 else values


@pytest.mark.parametrize(("name", "size", "frames", "spacing"), ULTRASOUND)
def test_ultrasound_files_that_ship_in_packages(name: str, size: tuple[int, int], frames: int, spacing: float) -> None:
    path = shipped(name)
    header = image_header(path)
    assert header.upright == header.stored == image_size(path) == size
    assert header.dicom is not None
    assert header.dicom.frames == frames
    found, _ = header.dicom.spacing_at()
    assert found == (None if spacing is None else pytest.approx(spacing, rel=1e-5))
    expected = reference(path)
    if name == "JPGLosslessP14SV1_1s_1f_8b.dcm":  # its window, 254 wide around 127, moves values by one
        expected = np.round(((expected - 126.5) / 253 + 0.5).clip(0, 1) * 255).astype(np.uint8)
    np.testing.assert_array_equal(read_image(path, dicom=ALL), expected)


def test_the_same_picture_in_five_encodings() -> None:
    names = ("OBXXXX1A.dcm", "OBXXXX1A_rle.dcm", "OBXXXX1A_expb.dcm", "OBXXXX1A_2frame.dcm", "OBXXXX1A_rle_2frame.dcm")
    first, *others = (read_image(shipped(name), dicom=DicomReading(1)) for name in names)
    assert [int((first != other).sum()) for other in others] == [0, 0, 0, 0]
    assert (first[30, 300], first[300, 400], int(first.max())) == (58, 1, 255)


def test_one_picture_in_seven_transfer_syntaxes() -> None:
    pictures = [read_image(shipped(name)) for name in SYNTAXES]
    assert pictures[0].shape == (64, 64)
    assert pictures[0].std() > 20
    for picture in pictures[1:]:
        np.testing.assert_array_equal(picture, pictures[0])


def test_lossless_jpeg_is_the_picture_that_was_encoded() -> None:
    """Against the uncompressed twin of a file with the colours of SMPTE bars."""
    np.testing.assert_array_equal(
        read_image(shipped("SC_rgb_jpeg_gdcm.dcm"), dicom=ALL), read_image(shipped("SC_rgb.dcm"), dicom=ALL)
    )


@pytest.mark.parametrize(
    "name",
    [
        "SC_rgb_dcmtk_+eb+cy+np.dcm",
        "SC_rgb_dcmtk_+eb+cr.dcm",
        "SC_rgb_jpeg_dcmtk.dcm",
        "SC_rgb_gdcm_KY.dcm",
        "SC_rgb_rle.dcm",
        "SC_rgb_rle_16bit.dcm",
        "SC_rgb_16bit.dcm",
        "SC_rgb_expb.dcm",
        "SC_rgb_expb_16bit.dcm",
        "SC_rgb_jls_lossy_line.dcm",
        "SC_ybr_full_422_uncompressed.dcm",
        "SC_ybr_full_uncompressed.dcm",
    ],
)
def test_coloured_bars_in_other_encodings_are_nearly_the_same(name: str) -> None:
    bars = read_image(shipped("SC_rgb.dcm"), dicom=ALL).astype(int)
    found = read_image(shipped(name), dicom=ALL)
    assert found.shape == bars.shape
    assert np.median(np.abs(found - bars)) <= 3


def test_deflated_and_other_ways_to_write_a_file(tmp_path: Path) -> None:
    pixels = noise(40, 60)
    for number, syntax in enumerate((DeflatedExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian)):
        path = save(dataset_of(pixels), tmp_path / f"{number}.dcm", syntax)
        np.testing.assert_array_equal(read_image(path), pixels)
    made = save(dataset_of(pixels), tmp_path / "run-lengths.dcm")
    packed = pydicom.dcmread(made)
    packed.compress(RLELossless)
    packed.save_as(made)
    np.testing.assert_array_equal(read_image(made), pixels)
    assert image_size(shipped("image_dfl.dcm")) == (512, 512)


def test_a_file_is_read_from_memory_and_without_an_ending(tmp_path: Path) -> None:
    path = write_dicom(tmp_path / "IM0001", noise(20, 30))
    np.testing.assert_array_equal(read_image(path), noise(20, 30))
    np.testing.assert_array_equal(decode_image(path.read_bytes(), "dropped"), noise(20, 30))


def test_a_frame_of_a_clip(tmp_path: Path) -> None:
    path, frames = write_dicom(tmp_path / "clip.dcm", noise(3, 20, 30)), noise(3, 20, 30)
    for number in (3, 1, 2):
        np.testing.assert_array_equal(read_image(path, dicom=DicomReading(number)), frames[number - 1])
    with pytest.raises(FetalFlexError, match=r"clip\.dcm holds 3 frames; `fetalflex prepare` and .*--frames"):
        read_image(path)
    with pytest.raises(FetalFlexError, match=r"clip\.dcm has no frame 4; its frames are 1 to 3"):
        read_image(path, dicom=DicomReading(4))


class TestGrey:
    """From stored values to those of a screen."""

    def test_monochrome1_is_turned(self, tmp_path):
        path = write_dicom(tmp_path / "a.dcm", noise(20, 30), PhotometricInterpretation="MONOCHROME1")
        np.testing.assert_array_equal(read_image(path), 255 - noise(20, 30))

    def test_ten_bits_without_a_window_keep_their_scale(self, tmp_path):
        values = noise(20, 30, kind=np.uint16) >> 6
        path = write_dicom(tmp_path / "a.dcm", values, BitsStored=10, HighBit=9)
        np.testing.assert_array_equal(read_image(path), np.round(values * (255 / 1023)))
        assert picture_kind(path).nominal == 1023
        np.testing.assert_array_equal(read_image(path, 4095), np.round(values * (255 / 4095)))

    def test_overlays_above_the_stored_bits_are_no_grey(self, tmp_path):
        values = noise(20, 30, kind=np.uint16)
        path = write_dicom(tmp_path / "a.dcm", values, BitsStored=12, HighBit=11)
        np.testing.assert_array_equal(read_image(path, 4095), np.round((values & 4095) * (255 / 4095)))

    def test_values_below_zero_need_a_window(self, tmp_path):
        path = write_dicom(tmp_path / "a.dcm", noise(20, 30, kind=np.int16))
        with pytest.raises(FetalFlexError, match=r"a\.dcm has grey values below 0 and no window"):
            read_image(path)

    @pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
    @pytest.mark.parametrize("kind", [np.uint16, np.int16, np.uint8])
    @given(centre=st.floats(-3000, 3000), width=st.floats(1, 5000), slope=st.sampled_from([1.0, 0.5, 3.0]))
    def test_windows_are_those_of_pydicom(self, function, kind, centre, width, slope):
        values = noise(16, 16, kind=kind)
        made = dataset_of(values, WindowCenter=round(centre, 2), WindowWidth=round(width, 2), VOILUTFunction=function)
        if kind != np.uint8:
            made.RescaleSlope, made.RescaleIntercept = slope, -10
        with np.errstate(over="ignore"):
            shown = apply_voi_lut(apply_modality_lut(values, made), made)
        lowest, highest = (float(apply_modality_lut(np.array([one]), made)[0]) for one in limits(kind))
        expected = 255 * (shown - lowest) / (highest - lowest)
        assert np.abs(shown_grey(values, made, is_turned=False) - expected).max() <= 0.5 + 1e-6

    def test_a_table_goes_before_the_window(self):
        name = shipped("vlut_04.dcm")
        dataset = pydicom.dcmread(name)
        expected = apply_voi_lut(dataset.pixel_array, dataset)
        depth = dataset.VOILUTSequence[0].LUTDescriptor[2]
        np.testing.assert_array_equal(read_image(name), np.round(expected * (255 / (2**depth - 1))))

    def test_a_modality_table_is_applied(self):
        dataset = pydicom.dcmread(shipped("mlut_18.dcm"))
        expected = apply_modality_lut(dataset.pixel_array, dataset)
        depth = dataset.ModalityLUTSequence[0].LUTDescriptor[2]
        assert np.abs(read_image(shipped("mlut_18.dcm")) - expected * (255 / (2**depth - 1))).max() <= 0.5

    @pytest.mark.parametrize(("centre", "width"), [("100", "0"), ("100", "-5"), ("nan", "10"), ("100", "inf")])
    def test_a_window_that_makes_no_sense(self, tmp_path, centre, width):
        path = write_dicom(
            tmp_path / "a.dcm", noise(4, 4, kind=np.uint16), WindowCenter="12345.67", WindowWidth="76543.21"
        )
        data = path.read_bytes()
        for old, new in ((b"12345.67", centre), (b"76543.21", width)):
            assert data.count(old) == 1
            data = data.replace(old, new.ljust(8).encode())
        (tmp_path / "b.dcm").write_bytes(data)
        with pytest.raises(FetalFlexError, match=r"b\.dcm has a window that "):
            read_image(tmp_path / "b.dcm")


def limits(kind: Any) -> tuple[int, int]:
    return np.iinfo(kind).min, np.iinfo(kind).max


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("SC_rgb_32bit.dcm", "has more than 16 bits per sample"),
        ("JPGExtended.dcm", "is compressed as JPEG of 12 bits, which is not read"),
        ("rtplan.dcm", "is no readable DICOM image: it has no picture"),
        ("MR_truncated.dcm", "cannot be read: it is damaged"),
        ("badVR.dcm", "is damaged: NumberOfFrames is no whole number"),
        ("dicomdirtests/DICOMDIR", "is a table of contents; give the folder in which it lies"),
    ],
)
def test_what_is_not_read_says_why(name: str, message: str) -> None:
    with pytest.raises(FetalFlexError, match=re.escape(message)):
        read_image(shipped(name))


def test_pixels_are_counted_before_they_are_decoded(tmp_path: Path) -> None:
    path = write_dicom(tmp_path / "a.dcm", noise(4, 4), Rows=9000, Columns=9000)
    with pytest.raises(FetalFlexError, match="has 9000 x 9000 pixels; at most 64,000,000 of its kind are allowed"):
        read_image(path)
    path = write_dicom(tmp_path / "b.dcm", noise(4, 4, 3), Rows=5000, Columns=5000)
    with pytest.raises(FetalFlexError, match="has 5000 x 5000 pixels; at most 24,000,000"):
        read_image(path)


def test_video_is_refused_by_the_name_of_its_compression(tmp_path: Path) -> None:
    made = dataset_of(noise(4, 4, 3))
    made.PixelData = pydicom.encaps.encapsulate([b"video!"])
    path = save(made, tmp_path / "a.dcm", "1.2.840.10008.1.2.4.102")
    with pytest.raises(
        FetalFlexError, match=r"a\.dcm is compressed as MPEG-4 AVC/H\.264 High Profile .*, which is not read"
    ):
        read_image(path)


def test_a_stream_that_is_no_dicom_is_told_as_before() -> None:
    with pytest.raises(FetalFlexError, match=r"text is no readable image; give one of PNG, JPEG, .*DICOM"):
        decode_image(io.BytesIO(b"x" * 500).read(), "text")

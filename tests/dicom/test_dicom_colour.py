"""Colour Doppler is told from grey pictures with coloured marks, and from those that are tinted."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from dicom_files import noise, region, shipped, write_dicom
from fetalflex.data.image_files import read_image
from fetalflex.data.picture_kind import picture_kind
from fetalflex.dicom import DicomReading
from fetalflex.errors import FetalFlexError

ALL = DicomReading(1, colour_doppler=True)


@pytest.mark.parametrize("name", ["color-pl.dcm", "color-px.dcm"])
def test_the_header_says_so(name):
    with pytest.raises(FetalFlexError, match=rf"{name} is colour Doppler, as its header says; .*--colour-doppler"):
        read_image(shipped(name))


@pytest.mark.parametrize("name", ["US1_UNCR.dcm", "US1_J2KI.dcm", "examples_rgb_color.dcm"])
def test_the_pixels_say_so(name):
    with pytest.raises(FetalFlexError, match=r"is in strong colours for [56]% of it, as colour Doppler is"):
        read_image(shipped(name))
    assert read_image(shipped(name), dicom=ALL).std() > 20


@pytest.mark.parametrize("name", ["OBXXXX1A.dcm", "gdcm-US-ALOKA-16.dcm"])
def test_marks_in_colour_are_no_flow(name):
    assert read_image(shipped(name)).any()
    assert picture_kind(shipped(name)).in_colour


def test_a_region_of_flow_says_so(tmp_path):
    regions = [region((0, 0, 29, 19)), region((5, 5, 15, 15), kind=2)]
    path = write_dicom(tmp_path / "a.dcm", noise(20, 30), SequenceOfUltrasoundRegions=regions)
    with pytest.raises(FetalFlexError, match="colour Doppler, as its header says"):
        read_image(path)


def test_a_tinted_picture_is_grey(tmp_path):
    grey = noise(40, 50).astype(float)
    sepia = np.stack([grey, 0.75 * grey, 0.45 * grey], axis=2).astype(np.uint8)
    np.testing.assert_array_equal(
        read_image(write_dicom(tmp_path / "a.dcm", sepia)), np.asarray(Image.fromarray(sepia).convert("L"))
    )


def test_bars_beside_the_region_do_not_count(tmp_path):
    rgb = np.repeat(noise(40, 50)[..., None], 3, axis=2)
    rgb[:, 45:] = (255, 40, 0)
    plain = write_dicom(tmp_path / "a.dcm", rgb)
    with pytest.raises(FetalFlexError, match="is in strong colours for 10% of it"):
        read_image(plain)
    read_image(write_dicom(tmp_path / "b.dcm", rgb, SequenceOfUltrasoundRegions=[region((0, 0, 44, 39))]))

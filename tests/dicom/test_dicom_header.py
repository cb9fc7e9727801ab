"""What is taken of headers, and that nothing else is."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicom_files import PRIVATE, dataset_of, noise, region, write_dicom
from fetalflex.dicom import DicomFacts, FrameChoice, dicom_facts
from fetalflex.dicom.header import facts_of
from fetalflex.errors import FetalFlexError
from fetalflex.provenance.file_text import mark_in_bytes, mark_in_file

WHOLE = (0, 0, 59, 39)


def facts(**elements: Any) -> DicomFacts:
    return facts_of(dataset_of(noise(40, 60), **elements), b"salt")


class TestSpacing:
    """Where the side of a pixel comes from."""

    def test_regions_in_centimetres(self):
        assert facts(SequenceOfUltrasoundRegions=[region(WHOLE, (0.3, 0.3))]).spacing_at() == (pytest.approx(0.3), None)

    def test_a_negative_delta_is_a_direction(self):
        found = facts(SequenceOfUltrasoundRegions=[region(WHOLE, (0.3, -0.3))])
        assert found.spacing_at()[0] == pytest.approx(0.3)

    def test_pixels_that_are_not_square(self):
        spacing, note = facts(SequenceOfUltrasoundRegions=[region(WHOLE, (0.3, 0.4))]).spacing_at()
        assert spacing is None
        assert note == "its pixels are 0.3 mm wide and 0.4 mm high, not square; no spacing is taken"

    def test_regions_of_one_spacing_count_as_one(self):
        halves = [region((0, 0, 29, 39), (0.3, 0.3)), region((30, 0, 59, 39), (0.3001, 0.3))]
        assert facts(SequenceOfUltrasoundRegions=halves).spacing_at()[0] == pytest.approx(0.3, rel=1e-3)

    def test_where_regions_differ_the_one_that_holds_all_points_tells(self):
        found = facts(
            SequenceOfUltrasoundRegions=[region((0, 0, 29, 39), (0.3, 0.3)), region((30, 0, 59, 39), (0.5, 0.5))]
        )
        assert found.spacing_at([(10, 10), (20, 30)])[0] == pytest.approx(0.3)
        assert found.spacing_at([(50, 10)])[0] == pytest.approx(0.5)
        for points in ([], [(10, 10), (50, 10)], [(100, 10)]):
            spacing, note = found.spacing_at(points)
            assert spacing is None
            assert "several regions of different pixel spacing" in str(note)

    @pytest.mark.parametrize(
        "other",
        [
            region(WHOLE, spatial=2),  # M-mode
            region(WHOLE, spatial=3),  # spectrum
            region(WHOLE, units=4),  # seconds
            region(WHOLE, units=0),
            region(WHOLE, kind=10),  # trace
            region(WHOLE, (0.0, 0.0)),
        ],
    )
    def test_regions_that_measure_something_else(self, other):
        assert facts(SequenceOfUltrasoundRegions=[other]).spacing_at() == (None, None)
        both = facts(SequenceOfUltrasoundRegions=[other, region(WHOLE, (0.3, 0.3))], PixelSpacing=[9, 9])
        assert both.spacing_at()[0] == pytest.approx(0.3)

    def test_regions_that_reach_out_of_the_picture(self):
        spacing, note = facts(SequenceOfUltrasoundRegions=[region((0, 0, 119, 79), (0.3, 0.3))]).spacing_at()
        assert spacing is None
        assert "reach out of the picture, as after scaling or cropping" in str(note)
        assert facts(SequenceOfUltrasoundRegions=[region((1, 1, 60, 40), (0.3, 0.3))]).spacing_at()[1] is None

    def test_pixel_spacing_counts_without_regions_alone(self):
        assert facts(PixelSpacing=[0.4, 0.4]).spacing_at() == (pytest.approx(0.4), None)
        other = [region(WHOLE, units=4)]
        assert facts(PixelSpacing=[0.4, 0.4], SequenceOfUltrasoundRegions=other).spacing_at() == (None, None)
        assert "not square" in str(facts(PixelSpacing=[0.4, 0.6]).spacing_at()[1])

    @pytest.mark.parametrize("keyword", ["ImagerPixelSpacing", "NominalScannedPixelSpacing"])
    def test_spacings_of_detectors_and_films_do_not(self, keyword):
        assert facts(**{keyword: [0.4, 0.4]}).spacing_at() == (None, None)

    @pytest.mark.parametrize("values", [[0, 0], [-1e9, 1e9], [1e-9, 1e-9], [0.4]])
    def test_absurd_spacings_are_none(self, values):
        assert facts(PixelSpacing=values).spacing_at() == (None, None)


class TestAge:
    """Gestational age, of which only a number of days is left."""

    def test_by_the_last_menstrual_period(self):
        assert facts(LastMenstrualDate="20240131").age_days == 128  # until 7 June: 18 weeks and 2 days

    def test_the_picture_s_own_date_goes_before_the_study_s(self):
        assert facts(LastMenstrualDate="20240131", AcquisitionDate="20240608").age_days == 129

    @pytest.mark.parametrize("date", ["", "20240601", "20200101", "20241399", "2024", "x", "20250101"])
    def test_none_where_it_makes_no_sense(self, date):
        assert facts(LastMenstrualDate=date).age_days is None


class TestFrames:
    """Their number and their times."""

    def test_times_by_a_constant_step(self, tmp_path):
        found = dicom_facts(write_dicom(tmp_path / "a.dcm", noise(3, 8, 9)), "a")
        assert (found.frames, found.frame_times_ms) == (3, (0.0, 40.0, 80.0))

    def test_times_by_a_vector_and_by_a_rate(self):
        clip = noise(3, 8, 9)
        made = dataset_of(clip, FrameTime=None, FrameTimeVector=[7, 20, 30])
        assert facts_of(made, b"").frame_times_ms == (0.0, 20.0, 50.0)
        assert facts_of(dataset_of(clip, FrameTime=None, CineRate=25), b"").frame_times_ms == (0.0, 40.0, 80.0)
        assert facts_of(dataset_of(clip, FrameTime=None, FrameTimeVector=[0, 20]), b"").frame_times_ms == ()
        assert facts_of(dataset_of(clip, FrameTime=0), b"").frame_times_ms == ()

    @given(count=st.integers(1, 300), step=st.integers(1, 400))
    def test_choices(self, count, step):
        assert FrameChoice.parse("all").of(count) == tuple(range(1, count + 1))
        chosen = FrameChoice.parse(f"every:{step}").of(count)
        assert chosen == tuple(number for number in range(1, count + 1) if (number - 1) % step == 0)
        assert FrameChoice.parse("first").of(count) == (1,)
        (middle,) = FrameChoice.parse("middle").of(count)
        assert 0 <= (count - middle) - (middle - 1) <= 1
        assert str(FrameChoice.parse(f"every:{step}")) == f"every:{step}"

    @pytest.mark.parametrize("text", ["", "every", "every:0", "every:-1", "every:1.5", "last", "ALL", "every:9999999"])
    def test_other_words(self, text):
        with pytest.raises(FetalFlexError, match="choose all, every:N"):
            FrameChoice.parse(text)


class TestPrivacy:
    """Nothing that tells a person leaves the process."""

    def test_facts_hold_no_private_value(self, tmp_path):
        path = write_dicom(
            tmp_path / "a.dcm", noise(8, 9), LastMenstrualDate="20240131", IssuerOfPatientID="Hospital 7"
        )
        told = json.dumps(asdict(dicom_facts(path, "a")))
        assert not [text for text in (*PRIVATE, "Hospital") if text in told]

    def test_keys_of_patients_depend_on_id_and_issuer_and_a_secret(self):
        key = facts().patient
        assert key is not None
        assert facts().patient == key
        assert len({key, facts(PatientID="other").patient, facts(IssuerOfPatientID="B").patient}) == 3
        assert facts_of(dataset_of(noise(8, 9)), b"other salt").patient != key
        assert facts(PatientID="").patient is None
        assert facts(PatientID="  ").patient is None

    def test_a_modality_is_a_word_or_nothing(self):
        assert facts().modality == "US"
        assert facts(Modality="DOE JANE").modality == ""

    def test_other_facts(self):
        assert facts(BurnedInAnnotation="YES").says_text
        assert not facts(BurnedInAnnotation="NO").says_text
        assert not facts().is_synthetic


def test_facts_survive_the_way_through_the_pipe(tmp_path: Path) -> None:
    elements = {"SequenceOfUltrasoundRegions": [region((0, 0, 8, 7)), region((0, 0, 4, 4), units=4)]}
    made = facts_of(dataset_of(noise(3, 8, 9), **elements), b"salt")
    assert DicomFacts.of_values(json.loads(json.dumps(asdict(made)))) == made
    found = dicom_facts(write_dicom(tmp_path / "a.dcm", noise(3, 8, 9), **elements), "a")
    assert asdict(found) | {"patient": made.patient} == asdict(made)


def test_a_synthetic_file_says_so(tmp_path: Path) -> None:
    real = write_dicom(tmp_path / "real.dcm", noise(8, 9))
    synthetic = write_dicom(tmp_path / "synthetic.dcm", noise(8, 9), SyntheticData="YES")
    assert mark_in_file(real) is None
    assert mark_in_file(synthetic) is not None
    assert mark_in_bytes(synthetic.read_bytes()) is not None
    assert mark_in_bytes(bytes(128) + b"DICM" + np.zeros(50, np.uint8).tobytes()) is None

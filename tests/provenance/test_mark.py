from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fetalflex.provenance import NOTICE, SYNTHETIC, SyntheticMark, mark_of_fields, mark_of_text, picture_text

FACTS = {
    "label": "abnormal",
    "anomaly": "duodenal_atresia",
    "severity": "stenosis",
    "seed": 7,
    "attempt": 2,
    "model": "mini-0123456789ab",
    "source_image": "images/scan.png",
}
words = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=30)
facts = st.fixed_dictionaries(
    {}, optional={name: st.integers(0, 2**63) if name in ("seed", "attempt") else words for name in FACTS}
)


class TestFields:
    @pytest.mark.parametrize("value", [True, 1, 1.0, "true", "True", "yes", "1", "x", ["made"], {"by": "me"}])
    def test_what_says_so(self, value):
        assert mark_of_fields({"synthetic": value}) is not None

    @pytest.mark.parametrize("value", [False, None, 0, 0.0, "", " ", "false", "No", "0", "none", "real"])
    def test_what_says_it_is_not(self, value):
        assert mark_of_fields({"synthetic": value}) is None

    def test_without_the_field_nothing_is_said(self):
        assert mark_of_fields({"label": "abnormal", "seed": 3}) is None

    def test_the_field_is_known_in_capitals_too_and_written_in_lower_case(self):
        mark = mark_of_fields({"Synthetic": "true", "device": "x"})
        assert mark is not None
        assert mark.added_to({"Synthetic": "true", "device": "x"}) == {"device": "x", SYNTHETIC: True}

    @given(facts)
    def test_facts_come_back_from_the_fields(self, known):
        assert mark_of_fields(SyntheticMark(known).added_to({})) == SyntheticMark(known)

    def test_what_the_record_states_stays(self):
        assert SyntheticMark({"label": "normal"}).added_to({"label": "mine"}) == {"label": "mine", "synthetic": True}

    @pytest.mark.parametrize(
        "wrong",
        [{"seed": "1" * 30}, {"seed": True}, {"seed": -1}, {"model": "a\nb"}, {"model": "x" * 400}, {"label": 3}],
    )
    def test_odd_facts_are_left_out(self, wrong):
        assert mark_of_fields({"synthetic": True, **wrong}) == SyntheticMark()


class TestText:
    @given(facts)
    def test_the_mark_comes_back_from_the_text(self, known):
        assert mark_of_text(SyntheticMark(known).png_text()) == SyntheticMark(known)

    def test_text_says_what_the_image_is(self):
        assert SyntheticMark(FACTS).png_text() == {
            "Synthetic": "true",
            "Description": NOTICE,
            "Software": "FetalFlex",
            "FetalFlex:label": "abnormal",
            "FetalFlex:anomaly": "duodenal_atresia",
            "FetalFlex:severity": "stenosis",
            "FetalFlex:seed": "7",
            "FetalFlex:attempt": "2",
            "FetalFlex:model": "mini-0123456789ab",
            "FetalFlex:source": "images/scan.png",
        }

    def test_an_image_of_others_is_not_called_ours(self):
        text = SyntheticMark().png_text()
        assert "FetalFlex" not in " ".join(text.values())
        assert mark_of_text(text) is not None

    @pytest.mark.parametrize(
        "text",
        [
            {"comment": NOTICE},
            {"ImageDescription": NOTICE},
            {"Description": "Real and synthetic images side by side; research and education only"},
            {"xmp": "<a>http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia</a>"},
            {"XML:com.adobe.xmp": "digitalsourcetype/compositeWithTrainedAlgorithmicMedia"},
            picture_text("of the pair"),
        ],
    )
    def test_what_says_so(self, text):
        assert mark_of_text(text) is not None

    @pytest.mark.parametrize(
        "text",
        [
            {},
            {"Synthetic": "false"},
            {"Description": "Fetal abdomen, synthetic aperture imaging"},
            {"Software": "FetalFlex"},
            {"xmp": "digitalsourcetype/digitalCapture"},
            picture_text("", synthetic=False),
        ],
    )
    def test_what_does_not(self, text):
        assert mark_of_text(text) is None

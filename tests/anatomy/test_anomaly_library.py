from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from fetalflex.anatomy import Registry
from fetalflex.anatomy.anomalies import AnomalyLibrary, default_library
from fetalflex.anatomy.anomalies.changes import ChangeSize
from fetalflex.errors import FetalFlexError

EXPECTED = {
    "ventriculomegaly": ("mild", "moderate", "severe"),
    "hydrocephalus": ("severe",),
    "absent_cavum_septi_pellucidi": ("absent",),
    "microcephaly": ("moderate", "severe"),
    "macrocephaly": ("moderate", "severe"),
    "cleft_palate": ("small_gap", "large_gap"),
    "cleft_lip": ("incomplete", "complete"),
    "cleft_lip_and_palate": ("complete",),
    "absent_nasal_bone": ("absent",),
    "hypoplastic_nasal_bone": ("hypoplastic",),
    "increased_nuchal_translucency": ("mild", "moderate", "severe"),
    "micrognathia": ("short",),
    "duodenal_atresia": ("stenosis", "atresia"),
    "absent_stomach": ("absent",),
    "dilated_stomach": ("mild", "severe"),
    "displaced_stomach": ("midline", "right_sided"),
    "displacement": ("mild", "moderate", "severe"),
    "size_change": ("smaller", "larger"),
    "absence": ("absent",),
}


@pytest.fixture
def library() -> AnomalyLibrary:
    return default_library()


def test_the_packaged_library_is_complete(library):
    assert {entry.name: tuple(grade.name for grade in entry.severities) for entry in library} == EXPECTED
    assert len(library) == len(EXPECTED)


def test_every_source_is_cited_and_has_a_year(library):
    cited = {key for entry in library for grade in entry.severities for key in grade.sources}
    assert cited == set(library.sources)
    assert all(key[-4:] in text for key, text in library.sources.items())


def test_every_anomaly_says_what_it_refines_and_the_generic_ones_any(library, registry):
    for entry in library:
        assert entry.organs
        assert entry.about
        assert entry.for_any == (entry.organs == ("any",)) == (entry.planes == ())
        for plane in entry.planes:
            assert set(entry.mentions()) <= set(registry.plane(plane).structures)


@pytest.mark.parametrize("value", ["widening", "atrial_width", "thickening", "thickness", "gap", "distance"])
def test_ranges_of_grades_rise_without_overlap(library, value):
    for entry in library:
        limits = [grade.values[value] for grade in entry.severities if value in grade.values]
        assert all(milder[1] < graver[0] for milder, graver in itertools.pairwise(limits))


def test_an_anomaly_is_found_however_it_is_spelled(library):
    assert library.anomaly("Duodenal atresia or stenosis").name == "duodenal_atresia"
    assert library.anomaly("duodenal-ATRESIA").name == "duodenal_atresia"
    with pytest.raises(FetalFlexError, match=r"unknown anomaly 'ventriculomegalie'. Did you mean ventriculomegaly"):
        library.anomaly("ventriculomegalie")
    with pytest.raises(FetalFlexError, match=r"unknown anomaly 'x'. Known are ventriculomegaly, hydrocephalus"):
        library.anomaly("x")


def test_anomalies_of_a_plane_and_of_a_layout(library, abdomen):
    names = [entry.name for entry in library.on_plane("abdominal_transverse")]
    assert names == [
        *("duodenal_atresia", "absent_stomach", "dilated_stomach", "displaced_stomach"),
        *("displacement", "size_change", "absence"),
    ]
    assert [entry.name for entry in library if entry.suits(abdomen)] == names
    assert not any(entry.suits(abdomen) for entry in library.on_plane("facial_sagittal") if entry.planes)


OWN = """\
format: fetalflex/anomalies
version: 1
sources:
  somebody_2020: Somebody A. A study. Journal 2020;1:1-2.
rules:
  bones: [forehead]
directions:
  femur: {caudal: [[femur, thigh]]}
anomalies:
  short_femur:
    about: The femur is short.
    planes: [femur]
    prompt_words: [short]
    organs: [femur]
    changes:
      - {do: resize, structure: femur length, side: long, factor: share}
    severities:
      severe: {threshold: below the 3rd centile, sources: [somebody_2020], values: {share: [0.5, 0.7]}}
"""


def written(folder: Path, text: str = OWN) -> Path:
    path = folder / "own.yaml"
    path.write_text(text)
    return path


def test_a_file_of_the_users_own_adds_to_the_library(tmp_path, library):
    extended = library.extended_with(written(tmp_path))
    assert [entry.name for entry in extended][:-1] == [entry.name for entry in library]
    own = extended.anomaly("short femur")
    assert own.changes == (ChangeSize(structure="femur", side="long", factor="share"),)
    assert own.rules.bones == library.rules.bones | {"forehead"}
    assert extended.anomaly("absence").rules == own.rules
    assert extended.directions.names("femur")[:2] == ("caudal", "cranial")
    assert extended.sources["somebody_2020"].startswith("Somebody")
    assert len(library) == len(EXPECTED)


def test_a_registry_of_the_users_own_may_be_named(tmp_path, library, registry):
    (tmp_path / "planes.yaml").write_text(
        "format: fetalflex/planes\nversion: 1\nstructures:\n  bladder:\n    colour: [10, 20, 200]\n"
        "    echogenicity: anechoic\n    typical_size: [0.2, 0.2]\nplanes:\n  pelvis: {structures: [bladder]}\n"
    )
    known: Registry = registry.extended_with(tmp_path / "planes.yaml")
    text = OWN.replace("[femur]", "[pelvis]", 1).replace("structure: femur length", "structure: bladder")
    path = written(tmp_path, text.replace("organs: [femur]", "organs: [bladder]"))
    assert library.extended_with(path, known).anomaly("short_femur").planes == ("pelvis",)
    with pytest.raises(FetalFlexError, match=r"own\.yaml: anomaly short_femur: .*'bladder'"):
        library.extended_with(path)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("  short_femur:", "  ventriculomegaly:", "anomalies ventriculomegaly and ventriculomegaly share the name"),
        ("    about:", "    title: Absence\n    about:", "anomalies absence and short_femur share the name or title"),
        ("sources: [somebody_2020]", "sources: [somebody_2021]", "unknown source 'somebody_2021'. Did you mean some"),
        ("  somebody_2020:", "  smfm_2018:", "source smfm_2018 is already there with another text"),
    ],
)
def test_clashes_are_named(tmp_path, library, old, new, message):
    with pytest.raises(FetalFlexError, match=rf"own\.yaml: .*{message}"):
        library.extended_with(written(tmp_path, OWN.replace(old, new)))

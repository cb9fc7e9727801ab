from __future__ import annotations

from pathlib import Path

import pytest

from fetalflex.anatomy import Registry
from fetalflex.errors import FetalFlexError

GOOD = """\
format: fetalflex/planes
version: 1
structures:
  bladder:
    colour: [10, 20, 200]
    echogenicity: anechoic
    typical_size: [0.2, 0.2]
    synonyms: ["urinary bladder"]
planes:
  pelvic_transverse:
    structures: [bladder]
    synonyms: [pelvis]
    prompt_words: [megacystis]
    typical_sizes: {bladder: [0.3, 0.3]}
"""


def written(folder: Path, text: str | bytes) -> Path:
    path = folder / "planes.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_load_reads_a_complete_registry(tmp_path):
    registry = Registry.load(written(tmp_path, GOOD))
    assert registry.structure("Urinary-Bladder").title == "Bladder"
    plane = registry.plane("pelvis")
    assert (plane.name, plane.title, plane.outline) == ("pelvic_transverse", "Pelvic transverse plane", None)
    assert registry.typical_size("pelvis", "bladder") == (0.3, 0.3)


def test_extension_adds_at_the_end(tmp_path, registry):
    extended = registry.extended_with(written(tmp_path, GOOD))
    assert extended.structures[:-1] == registry.structures
    assert extended.planes[-1].name == "pelvic_transverse"
    assert registry.planes[-1].name == "thorax"


def test_extension_may_use_known_structures_and_planes(tmp_path, registry):
    text = GOOD.replace("pelvic_transverse:\n    structures: [bladder]", "femur:\n    structures: [bladder, cyst]")
    plane = registry.extended_with(written(tmp_path, text)).plane("femur")
    assert plane.structures == ("femur", "thigh", "bladder", "cyst")
    assert plane.title == "Femur plane"


def test_complete_file_must_define_what_it_uses(tmp_path):
    text = GOOD.replace("structures: [bladder]", "structures: [bladder, cyst]")
    with pytest.raises(FetalFlexError, match=r"planes\.yaml: .*'cyst', which is not defined"):
        Registry.load(written(tmp_path, text))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("fetalflex/planes", "something", "expected 'fetalflex/planes', version 1"),
        ("version: 1", "version: 2", "expected 'fetalflex/planes', version 1"),
        ("version: 1\n", "", "lacks the key 'version'"),
        ("structures:\n  bladder", "structure:\n  bladder", "unknown key 'structure'.*Did you mean structures"),
        ("colour:", "color:", "structure bladder has the unknown key 'color'.*Did you mean colour"),
        ("    colour: [10, 20, 200]\n", "", "structure bladder lacks the key 'colour'"),
        ("[10, 20, 200]", "blue", "colour must be a list"),
        ("[10, 20, 200]", "[10, 20]", r"colour must be \[red, green, blue\]"),
        ("[10, 20, 200]", "[10, 20, 300]", "whole number from 0 to 255, got 300"),
        ("[10, 20, 200]", "[0, 0, 0]", "too close to black"),
        ("[10, 20, 200]", "[255, 0, 255]", "midline_falx and bladder have the same"),
        ("anechoic", "dark", "echogenicity must be one of"),
        ("anechoic", "[anechoic]", "echogenicity must be one of"),
        ("[0.2, 0.2]", "[0.2, .nan]", "not finite"),
        ("[0.2, 0.2]", "[20, 20]", "fraction and must not exceed 1"),
        ('["urinary bladder"]', '"urinary bladder"', "synonyms must be a list"),
        ('["urinary bladder"]', "[3]", "synonyms must be a text"),
        ('["urinary bladder"]', '["CSP"]', "share the name or synonym 'CSP'"),
        ("  bladder:", "  Bladder:", "must be lower case"),
        ("  bladder:", "  3:", "name 3 is no text"),
        ("structures: [bladder]", "structures: [bladdr]", "Did you mean bladder|names 'bladder'"),
        ("    structures: [bladder]\n", "", "plane pelvic_transverse lacks the key 'structures'"),
        ("    synonyms: [pelvis]", "    outline: [bladder]", "outline must be a text"),
        ("    synonyms: [pelvis]", "    outline: skull", "outline 'skull' is missing"),
        ("{bladder: [0.3, 0.3]}", "[0.3]", "typical_sizes must be a mapping"),
        ("{bladder: [0.3, 0.3]}", "{cyst: [0.3, 0.3]}", "typical_sizes names 'cyst'"),
        ("    synonyms: [pelvis]", "    structures: [bladder]", "'structures' stands twice"),
        ("version: 1", "version: [1", "not valid YAML at line"),
        ("version: 1", "version: !!python/object/apply:os.getcwd []", "not valid YAML"),
        ("version: 1", "version: 2020-99-99", "version '2020-99-99'"),
    ],
)
def test_mistakes_are_named(tmp_path, registry, old, new, message):
    assert old in GOOD
    path = written(tmp_path, GOOD.replace(old, new, 1))
    with pytest.raises(FetalFlexError, match=rf"(?s)planes\.yaml: .*({message})"):
        registry.extended_with(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "must be a mapping"),
        (b"- 1\n- 2\n", "must be a mapping"),
        (b"format: fetalflex/planes\nversion: 1\nplanes: 3\n", "planes must be a mapping"),
        (b"\xff\xfe\x00\x00abc", "not UTF-8"),
        (b"\x00\x01\x02", "not valid YAML"),
        (b"[" * 5000, "not valid YAML"),
        (b"a" * 1_000_001, "larger than 1 MB"),
    ],
)
def test_other_files_are_refused(tmp_path, content, message):
    with pytest.raises(FetalFlexError, match=message):
        Registry.load(written(tmp_path, content))


def test_missing_file_and_folder(tmp_path):
    with pytest.raises(FetalFlexError, match=r"none\.yaml: cannot be read: No such file"):
        Registry.load(tmp_path / "none.yaml")
    with pytest.raises(FetalFlexError, match="cannot be read"):
        Registry.load(tmp_path)


def test_only_format_and_version_make_an_empty_registry(tmp_path):
    registry = Registry.load(written(tmp_path, "format: fetalflex/planes\nversion: 1\n"))
    assert registry.structures == registry.planes == ()

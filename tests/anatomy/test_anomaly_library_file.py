from __future__ import annotations

from pathlib import Path

import pytest

from fetalflex.anatomy.anomalies import AnomalyLibrary
from fetalflex.anatomy.anomalies.additions import PlaceNew
from fetalflex.anatomy.anomalies.changes import TakeAway
from fetalflex.anatomy.anomalies.directions import Axis
from fetalflex.errors import FetalFlexError

GOOD = """\
format: fetalflex/anomalies
version: 1
sources:
  a_2020: A. B. 2020.
rules:
  bones: [vertebra]
  surroundings: [liver]
  may_overlap:
    - [cyst, liver]
directions:
  AC plane:
    along_outline: true
    anterior: [[spine, belly]]
anomalies:
  second_cyst:
    about: A cyst beside the stomach, which is taken away where there is a duodenum.
    planes: [fetal abdomen]
    prompt_words: [cyst]
    organs: [cyst]
    changes:
      - {do: remove, structure: double bubble, optional: true}
      - {do: add, structure: cyst, like: stomach bubble, size: size, touching: stomach, towards: image_left, up_to: 2}
    severities:
      small: {threshold: below 5 mm, sources: [a_2020], values: {size: [0.2, 0.5]}}
      large: {values: {size: [0.6, 1]}, prompt_words: []}
"""


REMOVAL = "{do: remove, structure: double bubble, optional: true}"


def written(folder: Path, text: str | bytes) -> Path:
    path = folder / "anomalies.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_names_and_synonyms_become_canonical(tmp_path):
    library = AnomalyLibrary.load(written(tmp_path, GOOD))
    [entry] = library
    assert (entry.name, entry.title, entry.planes) == ("second_cyst", "Second cyst", ("abdominal_transverse",))
    assert entry.changes == (
        TakeAway(structure="duodenum", optional=True),
        PlaceNew(structure="cyst", like="stomach", size="size", touching="stomach", towards="image_left", up_to=2),
    )
    small, large = entry.severities
    assert (small.threshold, small.sources, small.prompt_words) == ("below 5 mm", ("a_2020",), ("small",))
    assert (large.threshold, large.sources, large.prompt_words) == (None, (), ())
    assert dict(large.values) == {"size": (0.6, 1)}
    assert library.rules.bones == {"spine"}
    assert library.rules.may_overlap == {frozenset({"cyst", "liver"})}
    [plane] = library.directions.planes
    assert (plane.plane, plane.along_outline) == ("abdominal_transverse", True)
    assert plane.axes == (Axis("anterior", (("spine", "abdomen"),)),)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("fetalflex/anomalies", "fetalflex/planes", "expected 'fetalflex/anomalies', version 1"),
        ("version: 1", "version: true", "version True; expected"),
        ("sources:\n  a_2020: A. B. 2020.", "source: {}", "unknown key 'source'.*Did you mean sources"),
        ("A. B. 2020.", "2020", "sources: a_2020 must be a text, got 2020"),
        (
            "bones: [vertebra]",
            "bones: [vertebrum]",
            "rules: bones: unknown structure 'vertebrum'",
        ),
        ("bones: [vertebra]", "bones: spine", "rules: bones must be a list, got 'spine'"),
        ("- [cyst, liver]", "- [cyst]", "rules: may_overlap must hold pairs of structures, got 1 in one"),
        ("AC plane:", "AD plane:", "directions: AD plane: unknown plane 'AD plane'"),
        ("along_outline: true", "along_outline: 1", "along_outline must be true or false, got 1"),
        ("anterior: [[spine, belly]]", "front: [[spine, belly]]", "'front' is not anatomical; known are anterior"),
        ("[[spine, belly]]", "[[spine, belly, liver]]", "anterior must hold pairs of structures, got 3"),
        ("second_cyst:", "Second:", "anomaly Second: anomaly name must be lower case"),
        ("    about: A", "    abuot: A", "anomaly second_cyst: it has the unknown key 'abuot'.*Did you mean about"),
        ("[fetal abdomen]", "[fetal abdo]", "anomaly second_cyst: unknown plane 'fetal abdo'"),
        ("[fetal abdomen]", "[femur]", "structure duodenum does not belong to its plane femur, which has femur, thigh"),
        ("organs: [cyst]", "organs: [heart]", "structure heart does not belong to its plane"),
        ("organs: [cyst]", "organs: [any]", "organs holds any, but none of the changes is of any structure"),
        (
            "do: remove",
            "do: delete",
            r"changes\[0\]: do must be one of resize, move, .*, got 'delete'",
        ),
        (
            "{do: remove, structure: double bubble, optional: true}",
            "remove",
            r"changes\[0\]: must be a mapping with the key",
        ),
        (
            "{do: remove, structure: double bubble, optional: true}",
            "{do: remove}",
            r"\[0\]: remove lacks the key 'structure'",
        ),
        (
            "optional: true",
            "optinal: true",
            r"changes\[0\]: remove has the unknown key 'optinal'.*optional",
        ),
        ("optional: true", "optional: 3", r"changes\[0\]: optional must be true or false, got 3"),
        ("double bubble", "duble buble", r"changes\[0\]: structure: unknown structure 'duble buble'"),
        ("touching: stomach", "touching: 3", r"changes\[1\]: touching: structure must be a text, got 3"),
        ("towards: image_left", "towards: west", r"changes\[1\]: towards must be one of .*, got 'west'"),
        ("up_to: 2", "up_to: two", r"changes\[1\]: up_to must be a whole number"),
        ("size: size", "size: [1, 2]", r"changes\[1\]: size must be a number or the name of a value, got a list of 2"),
        ("size: size", "size: true", r"changes\[1\]: size must be a number or the name of a value, got True"),
        ("size: size", "size: siez", "severity small: the changes use the value 'siez', which has no range"),
        ("[0.2, 0.5]", "[0.2, big]", "severity small: .*value size must be a number, got 'big'"),
        ("[0.2, 0.5]", "[0.5, 0.2]", "value size must run from the lower to the higher number, got 0.5 to 0.2"),
        ("[0.2, 0.5]", "0.2", "severity small: value size must be a list, got 0.2"),
        ("[0.2, 0.5]", "[0.2]", r"severity small: value size must be \[lowest, highest\], got 1 numbers"),
        ("[0.2, 0.5]", "[0, 0.5]", "severity small: size of add must be greater than 0"),
        ("{size: [0.2, 0.5]}", "[0.2]", "severity small: values must be a mapping of names to ranges"),
        ("threshold: below 5 mm", "threshold: 5", "severity small: threshold must be a text, got 5"),
        ("threshold: below 5 mm", "treshold: below", "severity small: it has the unknown key 'treshold'.*threshold"),
        ("sources: [a_2020]", "sources: a_2020", "severity small: sources must be a list"),
        ("      small: ", "      Small: ", "severity Small: severity name must be lower case"),
        ("version: 1", "version: [1", "not valid YAML at line"),
    ],
)
def test_mistakes_are_named(tmp_path, old, new, message):
    assert old in GOOD
    with pytest.raises(FetalFlexError, match=rf"(?s)anomalies\.yaml: .*({message})"):
        AnomalyLibrary.load(written(tmp_path, GOOD.replace(old, new, 1)))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "must be a mapping"),
        ("format: fetalflex/anomalies\nversion: 1\nanomalies: 3\n", "anomalies must be a mapping of names to entries"),
        ("format: fetalflex/anomalies\nversion: 1\nanomalies: {a: 3}\n", "anomaly a: it must be a mapping"),
        (GOOD.replace("      small:", "      - small:").split("      large")[0], "severities must be a mapping"),
        (GOOD.replace("      small:", "      3:").split("      large")[0], "severity name must be lower case"),
    ],
)
def test_other_files_are_refused(tmp_path, text, message):
    with pytest.raises(FetalFlexError, match=rf"anomalies\.yaml: .*{message}"):
        AnomalyLibrary.load(written(tmp_path, text))


def test_a_missing_file(tmp_path):
    with pytest.raises(FetalFlexError, match=r"none\.yaml: cannot be read: No such file"):
        AnomalyLibrary.load(tmp_path / "none.yaml")


def test_an_empty_library(tmp_path):
    assert len(AnomalyLibrary.load(written(tmp_path, "format: fetalflex/anomalies\nversion: 1\n"))) == 0

from __future__ import annotations

from pathlib import Path

import pytest

from fetalflex.anatomy.anomalies import AnomalyLibrary, Demand, Sign, default_library
from fetalflex.errors import FetalFlexError

LIBRARY = """
format: fetalflex/anomalies
version: 1
signs:
  stomach: {look: fluid, at_least: 0.2}
anomalies:
  shrunken_stomach:
    about: Small stomach.
    changes: [{do: resize, structure: stomach, factor: 0.5}]
    demands: [DEMAND]
    severities: {small: {}}
"""


def read(tmp_path: Path, demand: str, text: str = LIBRARY) -> AnomalyLibrary:
    path = tmp_path / "library.yaml"
    path.write_text(text.replace("DEMAND", demand), encoding="utf-8")
    return AnomalyLibrary.load(path)


def test_a_file_says_what_must_be_seen(tmp_path: Path) -> None:
    [anomaly] = read(tmp_path, "{see: stomach, at_least: 0.6}, {miss: stomach}")
    see, miss = anomaly.tests()
    assert (see.structure, see.limit, miss.limit) == ("stomach", 0.6, 0.2)
    assert (str(see), str(miss)) == ("stomach filled with fluid", "nothing filled with fluid where stomach was")


@pytest.mark.parametrize(
    ("demand", "message"),
    [
        ("{show: stomach}", r"demands\[0\]: must hold one of see, miss, gap"),
        ("{see: stomach, gap: stomach}", "must hold one of see, miss, gap"),
        ("{see: stomack}", "stomach"),
        ("{see: stomach, at_least: 2}", "at_least must be above 0 and up to 1, got 2"),
        ("{miss: stomach, at_least: 0.3}", "at_least is for the demand see"),
        ("{see: spine}", "demands see spine, which has no sign; known are stomach"),
        ("{see: any}", "demands holds any, but none of the changes is of any structure"),
    ],
)
def test_wrong_demands_are_refused(tmp_path: Path, demand: str, message: str) -> None:
    with pytest.raises(FetalFlexError, match=message):
        read(tmp_path, demand)


def test_wrong_signs_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FetalFlexError, match="signs: stomach: look"):
        read(tmp_path, "{see: stomach}", LIBRARY.replace("fluid", "wet"))
    path = tmp_path / "more.yaml"
    path.write_text(LIBRARY.replace("DEMAND", "{see: stomach}"), encoding="utf-8")
    with pytest.raises(FetalFlexError, match="stomach has another sign already"):
        default_library().extended_with(path)


def test_every_packaged_demand_can_be_tested() -> None:
    demanding = [anomaly for anomaly in default_library() if anomaly.demands]
    assert len(demanding) >= 12
    for anomaly in demanding:
        structure = "stomach" if anomaly.for_any else None
        assert len(anomaly.tests(structure)) == len(anomaly.demands)


def test_demands_on_any_structure_are_of_the_one_that_was_drawn() -> None:
    absence = default_library().anomaly("absence")
    assert [test.structure for test in absence.tests("palate")] == ["palate"]
    assert absence.tests("midbrain") == ()
    assert absence.tests() == ()


def test_demand_and_sign_check_their_values() -> None:
    with pytest.raises(FetalFlexError, match="demand"):
        Demand("smell", "stomach")
    with pytest.raises(FetalFlexError, match="at_least"):
        Sign("fluid", 0)

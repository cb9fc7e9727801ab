from __future__ import annotations

import pytest

from fetalflex.anatomy.anomalies import Anomaly, Rules, Severity
from fetalflex.anatomy.anomalies.changes import ChangeSize, TakeAway
from fetalflex.anatomy.anomalies.directions import Directions
from fetalflex.errors import FetalFlexError


def severity(name: str = "mild", **values: tuple[float, float]) -> Severity:
    return Severity(name, values)


def test_an_anomaly_made_in_python(abdomen):
    own = Anomaly(
        "small_kidneys", "Small kidneys", "", ("abdominal_transverse",), (ChangeSize(structure="kidney", factor="f"),),
        (severity(f=(0.5, 0.6)),), rules=Rules(), directions=Directions(),
    )  # fmt: skip
    after = own.sample(abdomen, seed=3).after
    assert all(
        new.box.area < 0.4 * old.box.area for old, new in zip(abdomen.find("kidney"), after.find("kidney"), strict=True)
    )


REMOVAL = (TakeAway(structure="stomach"),)
RESIZING = (ChangeSize(structure="stomach", factor="f"),)


@pytest.mark.parametrize(
    ("changes", "severities", "message"),
    [
        ((), (severity(),), "changes is empty"),
        (REMOVAL, (), "severities is empty"),
        (REMOVAL, (severity(f=(1, 2)),), "value 'f' is used by none of the changes"),
        (RESIZING, (severity(),), "use the value 'f', which has no range"),
        (RESIZING, (severity(f=(0, 2)),), "factor of resize must be greater than 0, got 0 as its least"),
        ((ChangeSize(structure="stomach", factor=-1),), (severity(),), "must be greater than 0, got -1 as its least"),
    ],
)
def test_programmes_that_cannot_run_are_refused(changes, severities, message):
    with pytest.raises(FetalFlexError, match=message):
        Anomaly("own", "Own", "", (), changes, severities)


def test_severities_are_checked():
    with pytest.raises(FetalFlexError, match="value f must run from the lower to the higher number, got 2 to 1"):
        severity(f=(2, 1))
    with pytest.raises(FetalFlexError, match="sources without a threshold"):
        Severity("mild", {}, sources=("somebody_2020",))
    with pytest.raises(FetalFlexError, match="severity name must be lower case"):
        severity("Very mild")

"""Followed prompts in reports: values, tables, a few lines."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, fields

from fetalflex.detection.detector import MIN_SCORE
from fetalflex.evaluation.intervals import Estimate
from fetalflex.evaluation.prompts.planes import PlaneResults
from fetalflex.evaluation.prompts.presence import PresenceRates, PresenceResults
from fetalflex.evaluation.prompts.real import RELIABLE_IOU
from fetalflex.evaluation.prompts.wording import WORDINGS
from fetalflex.evaluation.tables import shown, table_head, table_row
from fetalflex.files.json_files import JsonObject

PRESENCE = (
    "One structure is kept out of the layout, and the region is synthesised twice from the same noise: under a prompt "
    "that names the structure, and under one that says it is absent. A prompt pair is followed if the detector finds "
    f"the structure (score {MIN_SCORE:g} or more, wherever it lies, but not on another structure's box) in the first "
    "and not in the second. Gain is the "
    "mean of its score in the first minus that in the second: 0 if words change nothing. With its box: found in the "
    "synthesis from the image's whole layout. Images are those in which the detector finds the real structure with an "
    f"IoU of {RELIABLE_IOU:g} or more, of different patients. The wording `training` lists all other structures too, "
    "as prompts in training do; `plain` is plane and structure alone. The outline of a plane is left out."
)
REAL = (
    "What the detector finds in all real images of the split bounds what can be measured: where it finds a structure "
    "also without an annotated box, the structure was there and left out, or the detector cannot see its absence."
)
PLANE = (
    "Whole images without background, the layout hidden from the model, under a prompt that names the plane alone; the "
    "same noise for all planes. Followed if the detector says that they show that plane."
)
_COLUMNS = {
    "followed": "followed ↑",
    "named": "found when named ↑",
    "negated": "not found when negated ↑",
    "own": "found with its box",
}


@dataclass(frozen=True)
class PromptResults:
    """What was found of words; `planes` is None if they were not asked for."""

    presence: PresenceResults
    planes: PlaneResults | None


def prompts_values(results: PromptResults) -> JsonObject:
    """Return the results as JSON values."""
    presence, planes = results.presence, results.planes
    return {
        "presence": {
            wording: {
                "all": _rates_values(presence.rates(wording)),
                "planes": {plane: _rates_values(presence.rates(wording, plane)) for plane in presence.planes},
                "structures": [
                    {"plane": plane, "structure": name, **_rates_values(presence.rates(wording, plane, name))}
                    for plane, name in presence.kinds
                ],
            }
            for wording in WORDINGS
        },
        "real": [
            {"plane": plane, "structure": name, "present": _value(one.present), "absent": _value(one.absent)}
            for (plane, name), one in presence.real.items()
        ],
        "planes": None
        if planes is None
        else {
            "all": planes.followed().to_dict(),
            "planes": {
                plane: {"followed": planes.followed(plane).to_dict(), "real": planes.recognised(plane).to_dict()}
                | {"found": dict(Counter(found))}
                for plane, found in planes.found.items()
            },
        },
    }


def prompts_markdown(results: PromptResults) -> list[str]:
    """Return the lines of the report."""
    presence = results.presence
    lines = ["## Presence", "", PRESENCE]
    for wording in WORDINGS:
        lines += ["", f"Wording `{wording}`:", ""]
        lines += table_head(["plane", "structure", "images", *_COLUMNS.values(), "gain ↑"])
        for plane, name in presence.kinds:
            lines.append(_row(plane, name, presence.rates(wording, plane, name)))
        for plane in presence.planes:
            lines.append(_row(plane, "**all**", presence.rates(wording, plane)))
        lines.append(_row("**all**", "**all**", presence.rates(wording)))
    lines += ["", REAL, "", *table_head(["plane", "structure", "found with a box", "found without one"])]
    for (plane, name), one in presence.real.items():
        lines.append(table_row([plane, name, _counted(one.present), _counted(one.absent)]))
    return lines if results.planes is None else [*lines, "", *_planes_markdown(results.planes)]


def prompts_summary(results: PromptResults) -> list[str]:
    """Return the main numbers in a few lines."""
    lines = []
    for wording in WORDINGS:
        rates = results.presence.rates(wording)
        lines.append(
            f"presence, {wording} wording: followed {_counted(rates.followed)}; found when "
            f"named {rates.named.value:.1%}, not found when negated {rates.negated.value:.1%}, found with its box "
            f"{rates.own.value:.1%}; gain {shown(rates.gain, digits=2)}"
        )
    if results.planes is not None:
        lines.append(f"plane: followed {_counted(results.planes.followed())}")
    return lines


def _planes_markdown(planes: PlaneResults) -> list[str]:
    lines = ["## Plane", "", PLANE, "", *table_head(["named", "followed ↑", "found", "recognised in real images"])]
    for plane, found in planes.found.items():
        counts = ", ".join(f"{name} {count}" for name, count in Counter(found).most_common())
        lines.append(table_row([plane, _counted(planes.followed(plane)), counts, _counted(planes.recognised(plane))]))
    lines.append(table_row(["**all**", _counted(planes.followed()), "", _counted(planes.recognised())]))
    return lines


def _row(plane: str, structure: str, rates: PresenceRates) -> str:
    shares = [_share(getattr(rates, name)) for name in _COLUMNS]
    return table_row([plane, structure, str(rates.followed.count), *shares, shown(rates.gain, digits=2)])


def _share(share: Estimate) -> str:
    ends = "" if share.low is None or share.high is None else f" [{share.low:.0%}, {share.high:.0%}]"
    return f"{share.value:.0%}{ends}"


def _counted(share: Estimate | None) -> str:
    return "-" if share is None else f"{_share(share)} of {share.count}"


def _rates_values(rates: PresenceRates) -> JsonObject:
    return {one.name: getattr(rates, one.name).to_dict() for one in fields(rates)}


def _value(estimate: Estimate | None) -> JsonObject | None:
    return None if estimate is None else dict(estimate.to_dict())

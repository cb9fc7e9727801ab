"""What became of a source: taken, refused, counted; as JSON for programs and Markdown for people."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from fetalflex.data.importers.base import Finding
from fetalflex.data.records import SPLITS, Record
from fetalflex.files.json_files import JsonMapping, JsonObject

FORMAT = "fetalflex/prepare-report"
VERSION = 1

_Counts = dict[str, int]


@dataclass(frozen=True)
class PrepareReport:
    """What `prepare` did.

    Args:
        importer: Format name.
        source: Name of the source folder, without the path to it.
        settings: What the user asked for: plane, seed, split and so on; JSON values.
        records: Records of the data set.
        refused: What was left out.
        notes: What was taken after a change, or with a doubt.
        left_out_on_request: Label to how many boxes were left out because the label map says so.
        remarks: Other sentences that the user should read.
    """

    importer: str
    source: str
    settings: JsonMapping
    records: Sequence[Record]
    refused: Sequence[Finding] = ()
    notes: Sequence[Finding] = ()
    left_out_on_request: Mapping[str, int] = field(default_factory=dict)
    remarks: Sequence[str] = ()

    @property
    def taken(self) -> int:
        """Number of images in the data set."""
        return len(self.records)

    @property
    def splits(self) -> _Counts:
        """Number of images in each split."""
        return _by_split(self.records)

    @property
    def patients(self) -> _Counts:
        """Number of patients in each split; an image of an unknown patient counts as one of its own."""
        return _by_split({record.patient_key: record for record in self.records}.values())

    def planes(self) -> dict[str, _Counts]:
        """Return for each plane the number of images in each split, planes sorted."""
        names = sorted({record.layout.plane for record in self.records})
        return {name: _by_split(record for record in self.records if record.layout.plane == name) for name in names}

    def structures(self) -> dict[str, dict[str, _Counts]]:
        """Return for each plane and structure the number of boxes in each split, both sorted."""
        counts: dict[str, dict[str, Counter[str]]] = {name: {} for name in self.planes()}
        for record in self.records:
            of_plane = counts[record.layout.plane]
            for placed in record.layout.structures:
                of_plane.setdefault(placed.name, Counter())[str(record.split)] += 1
        return {
            plane: {name: {split: of_plane[name][split] for split in SPLITS} for name in sorted(of_plane)}
            for plane, of_plane in counts.items()
        }

    def to_dict(self) -> JsonObject:
        """Return everything but the records as JSON values."""
        return {
            "format": FORMAT,
            "version": VERSION,
            "importer": self.importer,
            "source": self.source,
            "settings": dict(self.settings),
            "images": self.taken,
            "splits": self.splits,
            "patients": self.patients,
            "planes": self.planes(),
            "structures": self.structures(),
            "refused": [{"where": one.where, "reason": one.reason} for one in self.refused],
            "notes": [{"where": one.where, "reason": one.reason} for one in self.notes],
            "left_out_on_request": dict(self.left_out_on_request),
            "remarks": list(self.remarks),
        }

    def to_json(self) -> str:
        """Return `to_dict` as indented JSON."""
        return json.dumps(self.to_dict(), indent=2, ensure_ascii=False, allow_nan=False) + "\n"

    def to_markdown(self) -> str:
        """Return a report for people."""
        lines = [f"# Data set from {_plain(self.source)}", "", self.summary(), ""]
        lines += [f"- {_plain(remark)}" for remark in self.remarks] + [""] * bool(self.remarks)
        lines += ["Settings: " + ", ".join(f"{key} {_shown(value)}" for key, value in self.settings.items()) + ".", ""]
        lines += ["## Images", "", *_table("plane", [*self.planes().items(), ("patients, all planes", self.patients)])]
        for plane, counts in self.structures().items():
            if counts:
                lines += ["", f"## Boxes: {plane}", "", *_table("structure", counts.items())]
        wished = [(label, f"{count} boxes, as the label map says") for label, count in self.left_out_on_request.items()]
        for title, entries in (
            ("Refused", [(one.where, one.reason) for one in self.refused]),
            ("Notes", [(one.where, one.reason) for one in self.notes]),
            ("Left out on request", wished),
        ):
            if entries:
                lines += ["", f"## {title} ({len(entries)})", ""]
                lines += [f"- `{_plain(where).replace('`', ' ')}`: {_plain(reason)}" for where, reason in entries]
        return "\n".join(lines) + "\n"

    def summary(self) -> str:
        """Return one sentence with the totals."""
        shares = ", ".join(f"{count} {split}" for split, count in self.splits.items())
        return (
            f"{self.taken} images taken ({shares}) of {sum(self.patients.values())} patients; "
            f"{len(self.refused)} refusals, {len(self.notes)} notes."
        )


def _by_split(records: Iterable[Record]) -> _Counts:
    counts = Counter(record.split for record in records)
    return {split: counts[split] for split in SPLITS}


def _table(first: str, rows: Iterable[tuple[str, _Counts]]) -> list[str]:
    lines = [f"| {first} | {' | '.join(SPLITS)} | all |", "|---" + "|--:" * (len(SPLITS) + 1) + "|"]
    for name, counts in rows:
        cells = [name, *(str(counts[split]) for split in SPLITS), str(sum(counts.values()))]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def _plain(text: str) -> str:
    """Return a text from data as a single line of printable characters."""
    return "".join(character if character.isprintable() else " " for character in text)


def _shown(value: object) -> str:
    if isinstance(value, Mapping):
        return _plain("; ".join(f"{key} = {one}" for key, one in value.items()) or "none")
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value is None else _plain(str(value))

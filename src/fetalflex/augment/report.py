"""The report on a set: what was asked for, made, rejected and failed, and the time it took."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fetalflex.augment.checking import ANOMALY, REASONS
from fetalflex.augment.outcomes import Outcome
from fetalflex.files.json_files import JsonObject

REPORT_JSON, REPORT_MARKDOWN = "report.json", "report.md"
FORMAT, VERSION = "fetalflex/augment-report", 1
_SHOWN_FAILURES = 50


@dataclass(frozen=True)
class Report:
    """What a set holds, and what was rejected on the way.

    Args:
        folder: Of the set.
        model: Identity of the model.
        outcomes: Of each image, made or failed.
        seconds: Time of all synthesis, summed over processes.
        rounds: Rounds in which near-copies across shards were made again.
    """

    folder: Path
    model: str
    outcomes: Sequence[Outcome]
    seconds: float
    rounds: int

    @property
    def made(self) -> int:
        """Number of images."""
        return sum(one.made is not None for one in self.outcomes)

    @property
    def failed(self) -> list[Outcome]:
        """Outcomes of the images that failed from all their sources."""
        return [one for one in self.outcomes if one.made is None]

    @property
    def rejected(self) -> dict[str, int]:
        """Number of rejected attempts by reason, all reasons of `REASONS`."""
        counts = Counter(rejected.reason for one in self.outcomes for rejected in one.rejected)
        return {reason: counts[reason] for reason in REASONS}

    @property
    def substituted(self) -> int:
        """Number of images that were made from another source than the plan's first choice."""
        return sum(one.made is not None and one.made.candidate > 0 for one in self.outcomes)

    def to_dict(self) -> JsonObject:
        """Return JSON values."""
        sources = [one.candidate.record for one in self.outcomes if one.made is not None]
        return {
            "format": FORMAT,
            "version": VERSION,
            "folder": str(self.folder),
            "model": self.model,
            "requested": len(self.outcomes),
            "made": self.made,
            "failed": [
                {"number": one.image.number, "reasons": [rejected.reason for rejected in one.rejected]}
                for one in self.failed
            ],
            "rejected": self.rejected,
            "substituted": self.substituted,
            "counts": [
                {
                    "plane": plane,
                    "anomaly": anomaly,
                    "severity": severity,
                    "requested": count.asked,
                    "made": count.made,
                    "attempts": count.attempts,
                    "anomaly_not_seen": count.not_seen,
                }
                for (plane, anomaly, severity), count in self._counts().items()
            ],
            "sources": len({record.file_name for record in sources}),
            "patients": len({record.patient_key for record in sources}),
            "rounds": self.rounds,
            "seconds": round(self.seconds, 1),
        }

    def summary(self) -> str:
        """Return what was made and rejected, in a few lines for people."""
        tries = self.made + sum(self.rejected.values())
        found = ", ".join(f"{count} {reason}" for reason, count in self.rejected.items() if count) or "none"
        lines = [
            f"{self.made} of {len(self.outcomes)} images made, in {tries} attempts; rejected: {found}",
            f"{self.seconds:.0f} s of synthesis, {self.seconds / max(tries, 1):.1f} s per attempt",
        ]
        if self.substituted:
            lines.append(f"{self.substituted} images are from another source, as all attempts from the first failed")
        lines += self._hard_anomalies()
        if self.failed:
            lines.append(f"MISSING: {len(self.failed)} images failed at every attempt; {REPORT_MARKDOWN} names them")
        return "\n".join(lines)

    def to_markdown(self) -> str:
        """Return the report for people."""
        parts = ["# Synthetic data set", "", *self.summary().splitlines(), "", f"Model: {self.model}.", ""]
        parts += ["| plane | anomaly | severity | asked for | made | attempts | anomaly not seen |"]
        parts += ["|---|---|---|---|---|---|---|"]
        for (plane, anomaly, severity), count in self._counts().items():
            numbers = f"{count.asked} | {count.made} | {count.attempts} | {count.not_seen}"
            parts.append(f"| {plane} | {anomaly} | {severity} | {numbers} |")
        parts += ["", "| rejected because | attempts |", "|---|---|"]
        parts += [f"| {REASONS[reason]} (`{reason}`) | {count} |" for reason, count in self.rejected.items()]
        if self.failed:
            parts += ["", "## Failed", ""]
            parts += [f"- {_failure(one)}" for one in self.failed[:_SHOWN_FAILURES]]
            if len(self.failed) > _SHOWN_FAILURES:
                parts.append(f"- and {len(self.failed) - _SHOWN_FAILURES} more, in {REPORT_JSON}")
        parts += ["", "All images are synthetic. For research and education only, not for diagnosis.", ""]
        return "\n".join(parts)

    def _hard_anomalies(self) -> list[str]:
        """Return a line for each kind of image of which half of the attempts or more did not show their anomaly."""
        return [
            f"{anomaly}, {severity} ({plane}) was not seen in {count.not_seen} of {count.attempts} attempts: these "
            "weights hardly draw it, so look at the images that passed"
            for (plane, anomaly, severity), count in self._counts().items()
            if count.not_seen and 2 * count.not_seen >= count.attempts
        ]

    def _counts(self) -> dict[tuple[str, str, str], _Count]:
        counts: dict[tuple[str, str, str], _Count] = {}
        for one in self.outcomes:
            labels = one.image.labels
            count = counts.setdefault((one.image.plane, labels["anomaly"], labels["severity"]), _Count())
            is_made, reasons = one.made is not None, [rejected.reason for rejected in one.rejected]
            count.asked += 1
            count.made += is_made
            count.attempts += is_made + len(reasons)
            count.not_seen += reasons.count(ANOMALY)
        return counts


@dataclass
class _Count:
    """How many images of one kind there are, and attempts at them."""

    asked: int = 0
    made: int = 0
    attempts: int = 0
    not_seen: int = 0


def _failure(outcome: Outcome) -> str:
    by_source: dict[str, list[str]] = {}
    for one in outcome.rejected:
        by_source.setdefault(one.source, []).append(f"{one.reason} {one.detail}")
    reasons = "; ".join(f"of {source}: {', '.join(reasons)}" for source, reasons in by_source.items())
    image = outcome.image
    return f"{image.number:06d}, {image.plane}, {image.labels['anomaly']} {reasons}"

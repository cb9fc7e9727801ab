"""The report on a set: what was asked for, made, rejected and failed, and the time it took."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fetalflex.augment.checking import ANOMALY, REASONS
from fetalflex.augment.samples import Sample

REPORT_JSON, REPORT_MARKDOWN = "report.json", "report.md"
FORMAT, VERSION = "fetalflex/augment-report", 1
_SHOWN_FAILURES = 50


@dataclass(frozen=True)
class Report:
    """Say what a set holds.

    Args:
        folder: Of the set.
        model: Identity of the model.
        lines: Of each sample, made or failed; see `sample_line`.
        seconds: Time of all synthesis, summed over processes.
        rounds: Rounds in which near-copies across shards were made again.
    """

    folder: Path
    model: str
    lines: Sequence[dict[str, Any]]
    seconds: float
    rounds: int

    @property
    def made(self) -> int:
        """Number of images."""
        return sum("file" in line for line in self.lines)

    @property
    def failed(self) -> list[dict[str, Any]]:
        """Lines of the samples that failed from all their sources."""
        return [line for line in self.lines if "file" not in line]

    @property
    def rejected(self) -> dict[str, int]:
        """Number of rejected attempts by reason, all reasons of `REASONS`."""
        counts = Counter(one["reason"] for line in self.lines for one in line["rejected"])
        return {reason: counts[reason] for reason in REASONS}

    @property
    def substituted(self) -> int:
        """Number of images that were made from another source than the plan's first choice."""
        return sum(line.get("candidate", 0) > 0 for line in self.lines)

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values."""
        return {
            "format": FORMAT,
            "version": VERSION,
            "folder": str(self.folder),
            "model": self.model,
            "requested": len(self.lines),
            "made": self.made,
            "failed": [
                {"number": line["number"], "reasons": [one["reason"] for one in line["rejected"]]}
                for line in self.failed
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
            "sources": len({line["source"]["file_name"] for line in self.lines if "file" in line}),
            "patients": len({line["source"]["patient"] for line in self.lines if "file" in line}),
            "rounds": self.rounds,
            "seconds": round(self.seconds, 1),
        }

    def summary(self) -> str:
        """Return what was made and rejected, in a few lines for people."""
        tries = self.made + sum(self.rejected.values())
        found = ", ".join(f"{count} {reason}" for reason, count in self.rejected.items() if count) or "none"
        lines = [
            f"{self.made} of {len(self.lines)} images made, in {tries} attempts; rejected: {found}",
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
            parts += [f"- {_failure(line)}" for line in self.failed[:_SHOWN_FAILURES]]
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
        for line in self.lines:
            count = counts.setdefault((line["plane"], line["anomaly"], line["severity"]), _Count())
            is_made, reasons = "file" in line, [one["reason"] for one in line["rejected"]]
            count.asked += 1
            count.made += is_made
            count.attempts += is_made + len(reasons)
            count.not_seen += reasons.count(ANOMALY)
        return counts


@dataclass
class _Count:
    """Count the samples of one kind, and their attempts."""

    asked: int = 0
    made: int = 0
    attempts: int = 0
    not_seen: int = 0


def sample_line(sample: Sample, facts: dict[str, Any], shard_folder: str, line: dict[str, Any]) -> dict[str, Any]:
    """Return all that is known of a sample: what the plan decided, and what came of it.

    Args:
        sample: The sample.
        facts: Of `Sample.facts`.
        shard_folder: Where its shard lies, relative to the set.
        line: Of the shard's file; an image has a `file`.
    """
    file = {"file": f"{shard_folder}/{sample.file}"} if "seed" in line else {}
    return facts | file | line


def chosen_candidate(sample: Sample, line: dict[str, Any]) -> Sample:
    """Return which of a sample's candidates its image shows, the first if there is no image."""
    return sample.candidates[line.get("candidate", 0)]


def _failure(line: dict[str, Any]) -> str:
    by_source: dict[str, list[str]] = {}
    for one in line["rejected"]:
        by_source.setdefault(one["source"], []).append(f"{one['reason']} {one['detail']}")
    reasons = "; ".join(f"of {source}: {', '.join(reasons)}" for source, reasons in by_source.items())
    return f"{line['number']:06d}, {line['plane']}, {line['anomaly']} {reasons}"

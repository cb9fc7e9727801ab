"""How far each sample has come: attempts that were rejected, and the image that was kept."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from fetalflex.augment.checking import Kept
from fetalflex.augment.samples import Sample
from fetalflex.evaluation.copies.grey_vectors import Vector


@dataclass(frozen=True)
class Rejection:
    """Hold why an attempt was rejected: a key of `REASONS`, details for people, and the source's file name."""

    reason: str
    detail: str
    source: str

    def to_dict(self) -> dict[str, str]:
        """Return JSON values."""
        return {"reason": self.reason, "detail": self.detail, "source": self.source}


@dataclass(frozen=True)
class Finished:
    """Hold an image that is kept.

    Args:
        png: Content of its file.
        seed: Of its noise.
        prompt: That it was made with.
        checks: What was measured, by name.
        vector: Of its region.
    """

    png: bytes
    seed: int
    prompt: str
    checks: dict[str, float]
    vector: Vector


@dataclass
class Progress:
    """Hold how far a sample has come.

    Args:
        sample: What to make.
        attempts: How often it is tried from each source.
        rejected: Attempts that were rejected, in their order.
        finished: The image that is kept, if any.
    """

    sample: Sample
    attempts: int
    rejected: list[Rejection] = field(default_factory=list)
    finished: Finished | None = None

    @property
    def attempt(self) -> int:
        """Number of the attempt that is kept, or comes next."""
        return len(self.rejected) + 1

    @property
    def is_waiting(self) -> bool:
        """Whether there is no image yet, but an attempt left."""
        return self.finished is None and self.attempt <= self.attempts * len(self.sample.candidates)

    @property
    def candidate(self) -> int:
        """Which of the sample's candidates is kept, or comes next; the last if no attempt is left."""
        return min(len(self.rejected) // self.attempts, len(self.sample.candidates) - 1)

    @property
    def tried(self) -> Sample:
        """That candidate."""
        return self.sample.candidates[self.candidate]

    @property
    def kept(self) -> Kept | None:
        """What later images are compared with."""
        if self.finished is None:
            return None
        return Kept(self.sample.number, self.sample.plane, self.finished.vector)

    def reject(self, reason: str, detail: str) -> None:
        """Drop the attempt."""
        self.rejected.append(Rejection(reason, detail, self.tried.record.file_name))
        self.finished = None

    def line(self) -> dict[str, Any]:
        """Return JSON values; without `seed` the sample has no image."""
        line: dict[str, Any] = {
            "number": self.sample.number,
            "rejected": [one.to_dict() for one in self.rejected],
        }
        if self.finished is None:
            return line
        made = self.finished
        return line | {
            "attempt": self.attempt,
            "candidate": self.candidate,
            "seed": made.seed,
            "prompt": made.prompt,
            "checks": made.checks,
        }

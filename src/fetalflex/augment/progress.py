"""How far each sample has come: attempts that were rejected, and the image that was kept."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from fetalflex.augment.checking import Kept
from fetalflex.augment.grey_vectors import Vector
from fetalflex.augment.samples import Sample


@dataclass(frozen=True)
class Rejection:
    """Hold why an attempt was rejected: a key of `REASONS`, and details for people."""

    reason: str
    detail: str

    def to_dict(self) -> dict[str, str]:
        """Return JSON values."""
        return {"reason": self.reason, "detail": self.detail}


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
        rejected: Attempts that were rejected, in their order.
        finished: The image that is kept, if any.
    """

    sample: Sample
    rejected: list[Rejection] = field(default_factory=list)
    finished: Finished | None = None

    @property
    def attempt(self) -> int:
        """Number of the attempt that is kept, or comes next."""
        return len(self.rejected) + 1

    @property
    def kept(self) -> Kept | None:
        """What later images are compared with."""
        if self.finished is None:
            return None
        return Kept(self.sample.number, self.sample.plane, self.finished.vector)

    def reject(self, reason: str, detail: str) -> None:
        """Drop the attempt."""
        self.finished = None
        self.rejected.append(Rejection(reason, detail))

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
            "seed": made.seed,
            "prompt": made.prompt,
            "checks": made.checks,
        }

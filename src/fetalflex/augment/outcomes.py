"""Outcomes: which attempts at a planned image were rejected, and which one was kept."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from fetalflex.augment.copies import Kept
from fetalflex.augment.planned import Candidate, PlannedImage
from fetalflex.evaluation.copies.grey_vectors import Vector
from fetalflex.files.json_files import JsonObject


@dataclass(frozen=True)
class Rejection:
    """Why an attempt was rejected: a key of `REASONS`, details for people, and the source's file name."""

    reason: str
    detail: str
    source: str

    def to_dict(self) -> dict[str, str]:
        """Return JSON values."""
        return {"reason": self.reason, "detail": self.detail, "source": self.source}


@dataclass(frozen=True)
class Made:
    """The attempt that was kept.

    Args:
        attempt: Its number, from 1.
        candidate: Which of the image's candidates it shows, from 0.
        seed: Of its noise.
        prompt: That it was made with.
        checks: What was measured, by name.
        sha256: Digest of its file.
    """

    attempt: int
    candidate: int
    seed: int
    prompt: str
    checks: dict[str, float]
    sha256: str

    def to_dict(self) -> JsonObject:
        """Return JSON values."""
        return {
            "attempt": self.attempt,
            "candidate": self.candidate,
            "seed": self.seed,
            "prompt": self.prompt,
            "checks": self.checks,
            "sha256": self.sha256,
        }


@dataclass(frozen=True)
class Outcome:
    """What came of a planned image.

    Args:
        image: What was planned.
        rejected: Attempts that were rejected, in their order.
        made: The attempt that was kept; None if all failed.
    """

    image: PlannedImage
    rejected: tuple[Rejection, ...]
    made: Made | None

    @property
    def candidate(self) -> Candidate:
        """The candidate that the image shows, the first if there is no image."""
        return self.image.candidates[0 if self.made is None else self.made.candidate]

    def to_dict(self) -> JsonObject:
        """Return JSON values; what was planned is left out but for its number."""
        values = {"number": self.image.number, "rejected": [one.to_dict() for one in self.rejected]}
        return values if self.made is None else values | self.made.to_dict()

    @classmethod
    def from_dict(cls, image: PlannedImage, values: JsonObject) -> Outcome:
        """Build from what `to_dict` gives, and from what was planned.

        Raises:
            ValueError: If the values belong to another image.
            KeyError: If a value is missing.
            TypeError: If a value is of another kind.
        """
        values = dict(values)
        if values.pop("number") != image.number:
            raise ValueError(f"not the values of image {image.number}")
        rejected = tuple(Rejection(**one) for one in values.pop("rejected"))
        made = Made(**values) if values else None
        if made is not None and made.candidate not in range(len(image.candidates)):
            raise ValueError(f"image {image.number} has no candidate {made.candidate}")
        return cls(image, rejected, made)


@dataclass(frozen=True)
class Finished:
    """An image that is kept for now.

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
class Attempts:
    """How far a planned image has come: the attempts so far, and whether one more is due.

    Args:
        image: What is made.
        per_source: How often it is tried from each source.
        rejected: Attempts that were rejected, in their order.
        finished: The image that is kept, if any.
    """

    image: PlannedImage
    per_source: int
    rejected: list[Rejection] = field(default_factory=list)
    finished: Finished | None = None

    @property
    def number(self) -> int:
        """Number of the attempt that is kept, or comes next."""
        return len(self.rejected) + 1

    @property
    def is_waiting(self) -> bool:
        """Whether there is no image yet, but an attempt left."""
        return self.finished is None and self.number <= self.per_source * len(self.image.candidates)

    @property
    def tried(self) -> Candidate:
        """The candidate that is kept, or comes next; the last if no attempt is left."""
        return self.image.candidates[self._place]

    @property
    def kept(self) -> Kept | None:
        """What later images are compared with."""
        if self.finished is None:
            return None
        return Kept(self.image.number, self.image.plane, self.finished.vector)

    def reject(self, reason: str, detail: str) -> None:
        """Drop the attempt."""
        self.rejected.append(Rejection(reason, detail, self.tried.record.file_name))
        self.finished = None

    def outcome(self) -> Outcome:
        """Return what has come of the image so far."""
        return Outcome(self.image, tuple(self.rejected), None if self.finished is None else self._made(self.finished))

    def _made(self, kept: Finished) -> Made:
        digest = hashlib.sha256(kept.png).hexdigest()
        return Made(self.number, self._place, kept.seed, kept.prompt, kept.checks, digest)

    @property
    def _place(self) -> int:
        return min(len(self.rejected) // self.per_source, len(self.image.candidates) - 1)

"""Which frames of a file are taken."""

from __future__ import annotations

import re
from dataclasses import dataclass

from fetalflex.checks import shown
from fetalflex.errors import FetalFlexError

_EVERY = re.compile(r"every:([1-9][0-9]{0,5})")
_WORDS = ("all", "first", "middle")


@dataclass(frozen=True)
class FrameChoice:
    """Which frames of a file are taken; frames are counted from 1, as DICOM does.

    Args:
        word: "all", "every", "first" or "middle"; of an even number of frames, the earlier one in the middle.
        step: With "every", take frames 1, 1 + step, and so on.

    Example:
        >>> FrameChoice.parse("every:4").of(10), FrameChoice.parse("middle").of(10)
        ((1, 5, 9), (5,))
    """

    word: str
    step: int = 1

    @classmethod
    def parse(cls, text: str) -> FrameChoice:
        """Read `all`, `every:N`, `first` or `middle`.

        Raises:
            FetalFlexError: If it is none of these.
        """
        if match := _EVERY.fullmatch(text):
            return cls("every", int(match.group(1)))
        if text not in _WORDS:
            raise FetalFlexError(f"frames is {shown(text)}; choose all, every:N (such as every:10), first or middle")
        return cls(text)

    @property
    def is_single(self) -> bool:
        """Whether it takes one frame of any file."""
        return self.word in ("first", "middle")

    def of(self, count: int) -> tuple[int, ...]:
        """Return the numbers of the frames taken of so many, from 1."""
        if self.word == "first":
            return (1,)
        if self.word == "middle":
            return ((count + 1) // 2,)
        return tuple(range(1, count + 1, self.step))

    def __str__(self) -> str:
        return f"every:{self.step}" if self.word == "every" else self.word


ALL_FRAMES = FrameChoice("all")

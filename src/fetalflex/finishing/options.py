"""What is done to a synthetic region so that it fits into its image."""

from __future__ import annotations

from dataclasses import dataclass, field

from fetalflex.checks import whole_number
from fetalflex.errors import FetalFlexError
from fetalflex.files.json_files import JsonObject

_WIDEST = 16384
"""The longest side of an image, in pixels."""


@dataclass(frozen=True)
class Finishing:
    """How a synthetic region is fitted into its image; outside of it nothing changes in any case.

    Only the feather, and the tone of edits, use what the source shows inside the region; all else looks at what lies
    outside. Without a source image nothing is finished.

    Args:
        membrane: Continue the grey difference at the rim into the region, fading out.
        tone: Match the brightness of an edit to what the source shows there, of another large region to the tissue
            around it.
        texture: Add the fine grain that the model cannot draw, taken from the image itself.
        feather: Width in pixels, inside the region, over which the synthesis is blended into the source's own pixels;
            0 for none; by default a width that suits the region.

    Raises:
        FetalFlexError: If a value is of another kind, or out of range.
    """

    membrane: bool = True
    tone: bool = True
    texture: bool = True
    feather: int | None = field(default=None, metadata={"low": 0, "high": _WIDEST})

    def __post_init__(self) -> None:
        for name in ("membrane", "tone", "texture"):
            if not isinstance(value := getattr(self, name), bool):
                raise FetalFlexError(f"finishing.{name} is {value!r}; choose True or False")
        if self.feather is not None:
            whole_number(self.feather, "feather", 0, _WIDEST)

    @classmethod
    def off(cls) -> Finishing:
        """Return the finishing that pastes the region as it was decoded, with a hard rim."""
        return cls(membrane=False, tone=False, texture=False, feather=0)

    @classmethod
    def chosen(
        cls, finish: bool, *, membrane: bool = True, tone: bool = True, texture: bool = True, feather: int | None = None
    ) -> Finishing:
        """Return the finishing of a user's choices; without `finish` nothing is left but a feather that was named."""
        return cls(membrane, tone, texture, feather) if finish else cls(False, False, False, feather or 0)

    def record(self) -> JsonObject:
        """Return it as plain values; a width that is chosen for each region is "auto"."""
        return {
            "membrane": self.membrane,
            "tone": self.tone,
            "texture": self.texture,
            "feather": "auto" if self.feather is None else int(self.feather),
        }

"""The result of a synthesis."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PILImage

from fetalflex.anatomy import CloseUp, Layout
from fetalflex.anatomy.changed import says_the_same
from fetalflex.data import write_png
from fetalflex.data.image_files import check_png_place
from fetalflex.display import notebook_png
from fetalflex.errors import FetalFlexError
from fetalflex.files.json_files import JsonObject
from fetalflex.pipeline.sampling import Sampling
from fetalflex.provenance import NOTICE, SyntheticMark, append_to_list, picture_text

__all__ = ["NOTICE", "Synthesis", "picture_metadata", "says_already"]

_BLACK = 1.0


def picture_metadata(what: str) -> dict[str, str]:
    """Return text for a PNG that shows syntheses without being one; `what` ends its description."""
    return picture_text(what)


@dataclass(frozen=True, repr=False, eq=False)
class Synthesis:
    """A synthetic image and where it came from.

    Args:
        image: (H, W) uint8 grey, the size of the layout.
        layout: The layout that it shows.
        roi_mask: (H, W) bool, True where the image is synthetic; elsewhere it equals the source image.
        prompt: The prompt that was used.
        seed: The seed that was used.
        model: Identity of the model: name and digest of its weights.
        settings: How it was sampled and finished, as plain values: what its PNG says.
        sampling: How it was sampled, ready for the next call.
        close_up: The part of the image that the model saw; None for the whole.
    """

    image: NDArray[np.uint8]
    layout: Layout
    roi_mask: NDArray[np.bool_]
    prompt: str
    seed: int
    model: str
    settings: JsonObject = field(default_factory=dict)
    sampling: Sampling = Sampling()
    close_up: CloseUp | None = None

    def __repr__(self) -> str:
        height, width = self.image.shape
        share = self.roi_mask.mean()
        return (
            f"Synthesis({width} x {height} px, {share:.0%} synthetic, seed {self.seed}, {self.model}, {self.prompt!r})"
        )

    def to_pil(self) -> PILImage.Image:
        """Return the image as a PIL image of mode L, without its metadata; `save` writes those."""
        return PILImage.fromarray(self.image)

    def _repr_png_(self) -> bytes | None:
        """Return the image as notebooks show it."""
        return notebook_png(self.to_pil)

    @property
    def is_black(self) -> bool:
        """Say whether nothing can be seen where it is synthetic: less than one grey level on average."""
        return bool(self.image[self.roi_mask].mean() < _BLACK)

    def metadata(self) -> dict[str, str]:
        """Return the text that goes into the PNG."""
        return {
            "Synthetic": "true",
            "Description": NOTICE,
            "Software": "FetalFlex",
            "FetalFlex:prompt": self.prompt,
            "FetalFlex:seed": str(self.seed),
            "FetalFlex:model": self.model,
            "FetalFlex:settings": json.dumps(self.settings, sort_keys=True),
            "FetalFlex:layout": self.layout.to_json(),
        }

    def save(self, path: Path | str, force: bool = False, extra: Mapping[str, str] | None = None) -> Path:
        """Write the image as PNG with its metadata, and the layout beside it as `<name>.layout.json`.

        `synthetic.jsonl` in its folder lists it by its pixels, which tells even when its metadata are gone. A layout
        file that is there and says the same, such as the one that `grow` wrote, stays as it is.

        Args:
            path: The PNG file.
            force: Overwrite files that are there.
            extra: Further text for the PNG, by keyword.

        Returns:
            The path of the layout file.

        Raises:
            FetalFlexError: If a file is there and `force` is not set, or `path` does not end in .png.
        """
        path = Path(path)
        layout_path = path.with_suffix(".layout.json")
        is_said = says_already(layout_path, self.layout)
        if layout_path.exists() and not force and not is_said:
            raise FetalFlexError(f"{layout_path}: exists already; choose another name or pass --force")
        check_png_place(path, force)
        if not is_said:  # before the image, so that what a kill leaves here stops nobody from making it again
            self.layout.save(layout_path)
        append_to_list(path, self.image, SyntheticMark({"seed": self.seed, "model": self.model}))
        write_png(path, self.image, self.metadata() | dict(extra or {}), force=force)
        return layout_path


def says_already(path: Path, layout: Layout) -> bool:
    """Say whether a file is there and is a layout file that tells all that a layout does."""
    try:
        return path.is_file() and says_the_same(Layout.load(path), layout)
    except FetalFlexError:
        return False

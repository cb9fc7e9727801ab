"""Before and after: a source image and what was made of it, as a sheet or as a picture that changes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from fetalflex.anatomy import Layout, Registry
from fetalflex.data import write_png
from fetalflex.errors import FetalFlexError
from fetalflex.figures.panels import PanelPainter
from fetalflex.figures.sheet import Column, Sheet, draw_sheet
from fetalflex.figures.style import NOTICE
from fetalflex.files import replacing
from fetalflex.pipeline.synthesis import Synthesis, picture_metadata

KINDS = (".gif", ".png")
_FRAME_MS = 1200
_SMALLEST_SIDE = 400
"""Pixels; smaller images are enlarged, so that their captions can be read."""

_STRIP_INK = 230
_ROWS = ("Image", "Layout and region")


def check_comparison_file(path: Path | None) -> None:
    """Raise a FetalFlexError if a comparison cannot be written to a file of that name; None stands for no file."""
    if path is not None and path.suffix.lower() not in KINDS:
        raise FetalFlexError(f"--compare {path} ends in neither .gif (before and after in turn) nor .png (a sheet)")


def write_comparison(
    path: Path,
    source: NDArray[np.uint8],
    before: Layout,
    syntheses: Sequence[Synthesis],
    registry: Registry,
    name: str,
    force: bool = False,
    source_is_synthetic: bool = False,
) -> None:
    """Write a comparison that says on its face, and in its metadata, what is real and what is synthetic.

    Args:
        path: `.gif` = source and syntheses in turn; `.png` = a sheet with them side by side, layouts below, and the
            edge of the region that was synthesised.
        source: (H, W) uint8 grey.
        before: What the source shows.
        syntheses: What was made of it, at least one.
        registry: Planes and structures.
        name: What the source is called.
        force: Replace a file that is there.
        source_is_synthetic: The source is no real image.

    Raises:
        FetalFlexError: If the file is of another kind, or is there and `force` is not set.
    """
    check_comparison_file(path)
    kind = "synthetic too" if source_is_synthetic else "real"
    if path.suffix.lower() == ".png":
        sheet = _sheet(source, before, syntheses, registry, name, kind)
        write_png(path, draw_sheet(sheet), picture_metadata(f"beside the source image, {kind}"), force=force)
        return
    if path.exists() and not force:
        raise FetalFlexError(f"{path} is already there; write somewhere else, or pass --force")
    frames = [_frame(source, f"Source image, {kind}")]
    frames += [_frame(one.image, f"SYNTHETIC, seed {one.seed}. Not for diagnosis") for one in syntheses]
    with replacing(path) as file:
        frames[0].save(
            file,
            format="GIF",
            save_all=True,
            append_images=frames[1:],
            duration=_FRAME_MS,
            loop=0,
            optimize=False,
            comment=picture_metadata(f"in turn with the source image, {kind}")["Description"].encode(),
        )


def _sheet(
    source: NDArray[np.uint8],
    before: Layout,
    syntheses: Sequence[Synthesis],
    registry: Registry,
    name: str,
    kind: str,
) -> Sheet:
    painter = PanelPainter(registry, max(_SMALLEST_SIDE, min(640, before.width)))
    columns = [Column(f"Source image, {kind}", (painter.image(source, before), painter.overlay(source, before)))]
    for one in syntheses:
        marked = painter.marked(painter.overlay(one.image, one.layout, before), one.roi_mask, before)
        columns.append(Column(f"Synthesis, seed {one.seed}", (painter.image(one.image, one.layout), marked)))
    names = dict.fromkeys(item.name for layout in (before, syntheses[0].layout) for item in layout.structures)
    legend = tuple((registry.structure(item).colour, registry.structure(item).title) for item in names)
    note = (
        f"{name}, {registry.plane(before.plane).title}. Dashed boxes stand where a structure was before the edit. "
        "Outside the grey line every pixel is the source's. "
        f"Model {syntheses[0].model}."
    )
    return Sheet("Before and after", "", _ROWS, (*columns, Column("", (None, None))), legend, NOTICE, note)


def _frame(image: NDArray[np.uint8], caption: str) -> Image.Image:
    """Return an image, enlarged by whole times if it is small, with a caption in a strip below it."""
    times = max(1, -(-_SMALLEST_SIDE // image.shape[1]))
    picture = Image.fromarray(image)
    if times > 1:
        picture = picture.resize((picture.width * times, picture.height * times), Image.Resampling.NEAREST)
    font = ImageFont.load_default(size=max(14, picture.width // 36))
    strip = int(font.size * 1.8) if isinstance(font, ImageFont.FreeTypeFont) else 24
    frame = Image.new("L", (picture.width, picture.height + strip), 0)
    frame.paste(picture, (0, 0))
    ImageDraw.Draw(frame).text(
        (picture.width / 2, picture.height + strip / 2), caption, fill=_STRIP_INK, font=font, anchor="mm"
    )
    return frame

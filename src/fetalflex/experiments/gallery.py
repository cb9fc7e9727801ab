"""The gallery: what each kind of edit does to images of each plane, made from a data set and a model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fetalflex.anatomy import Layout, Recipe, Registry
from fetalflex.data import Dataset, Record, write_png
from fetalflex.data.real_only import real_part
from fetalflex.errors import FetalFlexError
from fetalflex.experiments.page import Row, Section, gallery_page
from fetalflex.experiments.shown_edits import SHOWN_EDITS
from fetalflex.figures.panels import PanelPainter
from fetalflex.figures.sheet import Column, Sheet, draw_sheet
from fetalflex.figures.style import NOTICE
from fetalflex.files import FolderKind, claim, write_text
from fetalflex.pipeline.requests import Request
from fetalflex.pipeline.sampling import Sampling
from fetalflex.progress import OnProgress, counting_from, tell_nobody
from fetalflex.provenance import picture_text

if TYPE_CHECKING:
    from fetalflex.pipeline.pipeline import FetalFlexPipeline
    from fetalflex.pipeline.synthesis import Synthesis

PAGE = "index.html"
_BATCH_SIZE = 3
_TITLE = "FetalFlex gallery"
_ROW_LABELS = ("Layout", "Layout on the source", "Image", "Layout on the image")
_INTRODUCTION = (
    "Each sheet starts with a real image and the layout that describes it. The next column is a synthesis from that "
    "layout, the others are syntheses from edited layouts. All syntheses of a sheet start from the same noise, so what "
    "differs comes from the edit. The model sees the layout, a prompt made from it, and the image outside the region "
    "to synthesise; outside that region every image equals the source.",
    "Dashed boxes stand where a structure was before the edit. Every synthesis is also a file of its own, with its "
    "layout, and the recipe of the edit beside it: `fetalflex edit` with that recipe, seed and number of steps makes "
    "the same image. Source images keep the licence of the data set that they come from.",
)


def _is_gallery(folder: Path) -> set[str] | None:
    try:
        return set() if f"<title>{_TITLE}</title>" in (folder / PAGE).read_text(encoding="utf-8") else None
    except (OSError, ValueError):
        return None


GALLERY = FolderKind("gallery", written_before=_is_gallery)


@dataclass(frozen=True)
class GalleryImage:
    """One image to make: its file name without ending, its title, its recipe and the layout it leads to."""

    name: str
    title: str
    recipe: Recipe
    layout: Layout


@dataclass(frozen=True)
class GalleryScene:
    """One sheet to make.

    Args:
        name: File name of the sheet without its ending.
        record: The source image's record.
        image: The source image, (H, W) uint8.
        variants: The images to make; the first has the source's own layout.
    """

    name: str
    record: Record
    image: NDArray[np.uint8]
    variants: tuple[GalleryImage, ...]


def plan_gallery(dataset: Dataset, registry: Registry, per_plane: int = 1) -> list[GalleryScene]:
    """Choose images and edits: of each plane the first images that hold what is edited.

    Args:
        dataset: Where images come from; synthetic ones are left out, since the sheets call them real.
        registry: Planes and structures.
        per_plane: Sheets per plane, at most; a plane without a suitable image has none.

    Raises:
        FetalFlexError: If no image suits, or one that does cannot be read.
    """
    dataset, left_out = real_part(dataset)
    scenes: list[GalleryScene] = []
    for plane in SHOWN_EDITS:
        found = 0
        for record in dataset:
            if found == per_plane or record.layout.plane != plane:
                continue
            name = plane if found == 0 else f"{plane}-{found + 1}"
            variants = _variants(record.layout, registry, name)
            if variants:
                scenes.append(GalleryScene(name, record, dataset.image(record), variants))
                found += 1
    if not scenes:
        raise FetalFlexError(
            f"none of the {len(dataset)} images suits the gallery: it needs one with the structures that it edits, "
            f"of one of the planes {', '.join(SHOWN_EDITS)}" + (f"; {left_out} are synthetic" if left_out else "")
        )
    return scenes


def _variants(layout: Layout, registry: Registry, name: str) -> tuple[GalleryImage, ...]:
    """Return what is made of a layout, or nothing if one of the edits does not suit it."""
    variants = [GalleryImage(f"{name}-unedited", "Synthesis, layout unedited", Recipe(), layout)]
    for edit in SHOWN_EDITS[layout.plane]:
        try:
            recipe = edit.build(layout, registry)
            variants.append(GalleryImage(f"{name}-{edit.name}", edit.title, recipe, recipe.apply(layout, registry)))
        except FetalFlexError:
            return ()
    return tuple(variants)


def image_count(scenes: Sequence[GalleryScene]) -> int:
    """Return how many images the scenes ask for."""
    return sum(len(scene.variants) for scene in scenes)


def gallery_files(scenes: Sequence[GalleryScene], out: Path) -> list[Path]:
    """Return all files that `make_gallery` writes."""
    names = [name for scene in scenes for variant in scene.variants for _, name in _files_of(variant)]
    return [out / name for name in (PAGE, *(f"{scene.name}.png" for scene in scenes), *names)]


def _files_of(variant: GalleryImage) -> tuple[tuple[str, str], ...]:
    """Return label and path, relative to the gallery, of each file of an image."""
    endings = {"image": ".png", "layout": ".layout.json"}
    if variant.recipe.edits:
        endings["recipe"] = ".recipe.json"
    return tuple((label, f"images/{variant.name}{ending}") for label, ending in endings.items())


def make_gallery(
    pipeline: FetalFlexPipeline,
    scenes: Sequence[GalleryScene],
    out: Path,
    seed: int = 0,
    steps: int = 20,
    force: bool = False,
    on_progress: OnProgress = tell_nobody,
) -> Path:
    """Synthesise the images of all scenes, and write sheets, images, layouts, recipes and a web page.

    Args:
        pipeline: The model.
        scenes: What `plan_gallery` chose.
        out: Folder to write to.
        seed: Seed of every image, so that within a sheet only the layout differs.
        steps: Denoising steps.
        force: Replace files that are there.
        on_progress: Called with how many images are done by now, fractions included.

    Returns:
        The page.

    Raises:
        FetalFlexError: If a file is there and `force` is not set.
    """
    page = out / PAGE
    if page.exists() and not force:
        raise FetalFlexError(f"{page} is already there; choose another folder or allow replacing it (force)")
    claim(out, GALLERY)
    sections = []
    for number, scene in enumerate(scenes):
        done = image_count(scenes[:number])
        syntheses = _synthesise(pipeline, scene, seed, steps, counting_from(done, on_progress))
        for variant, synthesis in zip(scene.variants, syntheses, strict=True):
            synthesis.save(out / "images" / f"{variant.name}.png", force=force)
            if variant.recipe.edits:
                variant.recipe.save(out / "images" / f"{variant.name}.recipe.json")
        sheet = _sheet(scene, syntheses, pipeline.registry)
        text = picture_text("real: the source image")
        write_png(out / f"{scene.name}.png", draw_sheet(sheet), text, force=force)
        sections.append(_section(scene, sheet))
    write_text(page, gallery_page(_TITLE, NOTICE, _INTRODUCTION, sections))
    return page


def _synthesise(
    pipeline: FetalFlexPipeline, scene: GalleryScene, seed: int, steps: int, on_progress: OnProgress
) -> list[Synthesis]:
    """Return one synthesis per variant; each is what `pipeline.edit` gives for it."""
    syntheses: list[Synthesis] = []
    for start in range(0, len(scene.variants), _BATCH_SIZE):
        batch, before = scene.variants[start : start + _BATCH_SIZE], scene.record.layout
        requests = [
            Request(
                variant.layout,
                scene.image,
                pipeline.edit_region(scene.image, before, variant.layout),
                seed=seed,
                before=before if variant.recipe.edits else None,
            )
            for variant in batch
        ]
        syntheses += pipeline.batch(
            requests,
            Sampling(steps=steps),
            batch_size=len(requests),
            on_progress=counting_from(start, on_progress),
        )
    return syntheses


def _sheet(scene: GalleryScene, syntheses: Sequence[Synthesis], registry: Registry) -> Sheet:
    painter = PanelPainter(registry)
    source, before = scene.image, scene.record.layout
    real = (painter.layout_map(before), painter.overlay(source, before), painter.image(source, before), None)
    columns = [Column("Source image, real", real)]
    for variant, synthesis in zip(scene.variants, syntheses, strict=True):
        pictures = (
            painter.layout_map(variant.layout),
            painter.overlay(source, variant.layout, before),
            painter.image(synthesis.image, before),
            painter.overlay(synthesis.image, variant.layout),
        )
        columns.append(Column(variant.title, pictures))
    legend = [registry.structure(name) for name in before.names()]
    first = syntheses[0]
    return Sheet(
        title=registry.plane(before.plane).title,
        subtitle=f"Model {first.model}, seed {first.seed}, {first.settings['steps']} steps",
        row_labels=_ROW_LABELS,
        columns=tuple(columns),
        legend=tuple((structure.colour, structure.title) for structure in legend),
        footer=NOTICE,
        note=f"Source image: {origin_of(scene.record)}. Dashed: where a structure was before the edit.",
    )


def origin_of(record: Record) -> str:
    """Return the name of a record's image and of the data set that it comes from."""
    return f"{record.file_name} of {record.source}" if record.source else record.file_name


def _section(scene: GalleryScene, sheet: Sheet) -> Section:
    rows = tuple(Row(variant.title, _files_of(variant)) for variant in scene.variants)
    return Section(
        sheet.title, f"{sheet.subtitle}. Source image: {origin_of(scene.record)}.", f"{scene.name}.png", rows
    )

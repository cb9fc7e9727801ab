"""Sheets that show every anomaly of a library in all its grades, on images that suit them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fetalflex.abilities import Abilities
from fetalflex.anatomy.anomalies import AnomalyLibrary
from fetalflex.counterfactuals import synthesise_pairs
from fetalflex.counterfactuals.sheet import draw_pair_sheet
from fetalflex.data import Dataset
from fetalflex.data.image_files import write_jpeg
from fetalflex.errors import FetalFlexError
from fetalflex.experiments.anomaly_page import anomaly_page
from fetalflex.experiments.anomaly_plan import PAGE, SheetPlan
from fetalflex.experiments.gallery import origin_of
from fetalflex.files import write_text
from fetalflex.pipeline.sampling import Sampling
from fetalflex.pipeline.synthesis import NOTICE
from fetalflex.progress import OnProgress, counting_from, tell_nobody

if TYPE_CHECKING:
    from fetalflex.pipeline.pipeline import FetalFlexPipeline

_PANEL_WIDTH = 220
_QUALITY = 80


def make_sheets(
    pipeline: FetalFlexPipeline,
    library: AnomalyLibrary,
    dataset: Dataset,
    plans: Sequence[SheetPlan],
    out: Path,
    seed: int = 0,
    steps: int = 20,
    force: bool = False,
    on_progress: OnProgress = tell_nobody,
    abilities: Abilities | None = None,
) -> Path:
    """Synthesise what the plans say, and write sheets and the page that shows them.

    Args:
        pipeline: The model.
        library: Where anomalies and sources come from.
        dataset: Where images come from.
        plans: What `plan_sheets` chose.
        out: Folder to write to.
        seed: Seed of every image.
        steps: Denoising steps.
        force: Replace files that are there.
        on_progress: Called with how many images are done by now, fractions included.
        abilities: What was measured of the model, for the page.

    Returns:
        The page.

    Raises:
        FetalFlexError: If a file is there and `force` is not set.
    """
    page = out / PAGE
    if page.exists() and not force:
        raise FetalFlexError(f"{page} is already there; choose another folder or allow replacing it (force)")
    done = 0
    for plan in plans:
        if plan.record is None:
            continue
        images = 1 + len(plan.variants)
        pairs = synthesise_pairs(
            pipeline,
            dataset.image(plan.record),
            plan.variants,
            seed=seed,
            sampling=Sampling(steps=steps),
            on_progress=counting_from(done, on_progress),
        )
        done += images
        sheet = draw_pair_sheet(pairs, pipeline.registry, plan.anomaly.title, origin_of(plan.record), _PANEL_WIDTH)
        write_jpeg(out / plan.file_name, sheet, f"{NOTICE}; real: the source image", _QUALITY, force)
    text = anomaly_page(library, plans, pipeline.registry, pipeline.identity, seed, steps, abilities)
    write_text(page, text)
    return page

"""Exchange names from beginning to end: choose pairs and images, synthesise, judge, write."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from fetalflex.anatomy import Registry
from fetalflex.data import write_png
from fetalflex.evaluation.kept import KeptSyntheses
from fetalflex.evaluation.names.judging import NameResults, judge_exchanges
from fetalflex.evaluation.names.real import real_contrasts
from fetalflex.evaluation.names.report import draw_names_sheet, names_markdown, names_values
from fetalflex.evaluation.names.syntheses import plan_exchanges, synthesise_exchanges
from fetalflex.evaluation.samples import Sample, Selection
from fetalflex.files import write_text
from fetalflex.files.json_files import JsonObject, json_text
from fetalflex.pipeline.pipeline import FetalFlexPipeline
from fetalflex.pipeline.sampling import Sampling
from fetalflex.progress import Show, show_nothing
from fetalflex.provenance import picture_text

REPORT_JSON, REPORT_MARKDOWN, SHEET = "names.json", "names.md", "names.png"


def exchange_names(
    pipeline: FetalFlexPipeline,
    samples: Sequence[Sample],
    kept: KeptSyntheses,
    sampling: Sampling,
    images_per_pair: int = 8,
    all_pairs: bool = False,
    roi: str = "auto",
    seed: int = 0,
    batch_size: int = 4,
    show: Show = show_nothing,
) -> NameResults:
    """Exchange the names of all pairs of structures, on some images of each, and judge what comes out.

    Args:
        pipeline: The model.
        samples: Real images; all of them say how structures differ to the eye.
        kept: Where syntheses lie; it may be that of an evaluation with the same settings.
        sampling: How to sample.
        images_per_pair: The most images of a pair, each of another patient; one takes two syntheses.
        all_pairs: Exchange pairs that do not differ to the eye too; they are reported, not scored.
        roi: Mode of the region to synthesise.
        seed: The image at position i has the seed `seed` + i.
        batch_size: Images that are computed together.
        show: Shows progress.

    Returns:
        What was found; without pairs if no image shows two structures that differ to the eye, beside the outline.
    """
    with show("measuring structures", len(samples)) as tell:
        contrasts = real_contrasts(samples, pipeline.registry, tell)
    only = {pair for pair, contrast in contrasts.items() if all_pairs or contrast.differs}
    exchanges = plan_exchanges(samples, pipeline.registry, images_per_pair, only)
    with show("exchanging names", len(exchanges)) as tell:
        synthesise_exchanges(pipeline, exchanges, kept, sampling, roi, seed, batch_size, tell)
    return judge_exchanges(exchanges, kept, contrasts, pipeline.registry)


def kept_names(
    out: Path, pipeline: FetalFlexPipeline, selection: Selection, sampling: Sampling, roi: str, seed: int
) -> KeptSyntheses:
    """Open the folder of an exchange of names by itself; refused if it holds something else."""
    settings: JsonObject = {
        "format": "fetalflex/names-settings",
        "version": 1,
        "model": pipeline.identity,
        "data_fingerprint": selection.fingerprint,
        "seed": seed,
        "roi": roi,
        "sampling": sampling.record(),
    }
    return KeptSyntheses(out, settings)


def write_names(results: NameResults, kept: KeptSyntheses, registry: Registry, facts: JsonObject) -> Path:
    """Write report and sheet into the folder of the syntheses, and return the report for people.

    Args:
        results: What was found.
        kept: Where the syntheses lie.
        registry: Colours and titles.
        facts: Model, split and the like, as JSON values.
    """
    versions = {"python": platform.python_version(), "fetalflex": version("fetalflex"), "torch": version("torch")}
    values = {"format": "fetalflex/names-report", "version": 1, **facts, "versions": versions, **names_values(results)}
    lines = [f"# Exchanged names: {facts['model']}", "", *(f"- {name}: {value}" for name, value in facts.items()), ""]
    texts = {REPORT_JSON: json_text(values), REPORT_MARKDOWN: "\n".join([*lines, *names_markdown(results)]) + "\n"}
    for name, text in texts.items():
        write_text(kept.root / name, text)
    sheet = draw_names_sheet(results, kept, registry)
    if sheet is not None:
        write_png(kept.root / SHEET, sheet, picture_text("real and synthetic images side by side"), force=True)
    return kept.root / REPORT_MARKDOWN

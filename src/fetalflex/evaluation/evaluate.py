"""Evaluate a model: synthesise a split, measure, judge, audit, and report."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

from fetalflex.checks import one_of
from fetalflex.data import Dataset
from fetalflex.detection import Detector
from fetalflex.evaluation.blur_control import EQUAL_BLUR
from fetalflex.evaluation.kept import KeptSyntheses
from fetalflex.evaluation.layout_fidelity import LayoutFidelity, check_planes, looks, measure_layout_fidelity
from fetalflex.evaluation.measuring import Measuring
from fetalflex.evaluation.metrics.extractors import FeatureExtractor, Lite0Features
from fetalflex.evaluation.metrics.frechet import few_images_warning
from fetalflex.evaluation.metrics.published_metrics import Published
from fetalflex.evaluation.names import NameResults, exchange_names
from fetalflex.evaluation.report.comparison import check_same_images
from fetalflex.evaluation.results import PlaneResult, Results, Side
from fetalflex.evaluation.samples import Selection, select_samples
from fetalflex.evaluation.syntheses import Task, plan_local_edits, plan_tasks, synthesise_missing
from fetalflex.files.json_files import JsonMapping, JsonObject
from fetalflex.pipeline.pipeline import FetalFlexPipeline
from fetalflex.pipeline.sampling import Sampling
from fetalflex.progress import Show, show_nothing

_FEW_HELD_OUT = 100
_ROI_MODES = ("auto", "box", "structures", "full")
"""Without `outline`: some planes have none, and the edits that are tested take it away."""


@dataclass(frozen=True)
class EvaluationSettings:
    """What is evaluated, and how.

    Args:
        split: Split whose images are synthesised.
        planes: Only these planes; all by default.
        limit: Of each plane, only so many images.
        min_quality: Only images rated at least so.
        sampling: How to sample.
        roi: Mode of the region to synthesise, see `draw_roi_mask`; not outline, which not every layout has.
        seed: The image at position i of the data sets has the seed `seed` + i.
        batch_size: Images that are computed together.
        with_edits: Test adherence to edited layouts too, which takes three syntheses for one where there is a test.
        with_audit: Look for near-copies of the training images, all of which are read for that.
        with_local_edits: Measure texture, seam and tone of edits that change a small region too, one of each image that
            holds an inner structure.
        names_on: Exchange the names of each pair of structures that differ to the eye, on the most so many images; 0 is
            off.
        blurs: Sigmas in pixels of Gaussian blurs whose numbers stand beside those of the syntheses as they are.
        blur_to: Local contrast in grey levels of other syntheses, such as SSA's, to which these are blurred too.
        allow_synthetic: Take synthetic images of the data sets as if they were real.
    """

    split: str = "test"
    planes: tuple[str, ...] = ()
    limit: int | None = None
    min_quality: int | None = None
    sampling: Sampling = field(default_factory=lambda: Sampling(steps=50))
    roi: str = "auto"
    seed: int = 0
    batch_size: int = 4
    with_edits: bool = True
    with_audit: bool = True
    with_local_edits: bool = False
    names_on: int = 0
    blurs: tuple[float, ...] = (2.0, 4.0)
    blur_to: float | None = None
    allow_synthetic: bool = False


def evaluate(
    pipeline: FetalFlexPipeline,
    datasets: Sequence[Dataset],
    out: Path,
    settings: EvaluationSettings | None = None,
    extractor: FeatureExtractor | None = None,
    detector: Detector | None = None,
    baseline: JsonMapping | None = None,
    show: Show = show_nothing,
) -> Results:
    """Synthesise every image of a split from its own layout, its background kept, and measure what came out.

    Finished syntheses stay in `out`; with the same settings an interrupted evaluation goes on there. The results
    themselves are not written, see `write_report`.

    Args:
        pipeline: The model.
        datasets: Data sets with the split to evaluate and, for the memorisation audit, the split train.
        out: Folder for syntheses.
        settings: What to evaluate and how.
        extractor: Network for perceptual distance, KID, FID and audit; by default EfficientNet-Lite0.
        detector: What looks for the requested boxes in the syntheses; without it layout fidelity is not measured.
        baseline: Report that is to be compared with; refused before anything is synthesised if it is of other images.
        show: Shows progress.

    Raises:
        FetalFlexError: If the extractor is not installed, settings do not fit the data, `out` holds something else, or
            the baseline is of other images.
    """
    settings = settings or EvaluationSettings()
    one_of(settings.roi, "roi", _ROI_MODES)
    extractor = extractor or Lite0Features.load(pipeline.device)
    published = Published.find(pipeline.device)
    selection = select_samples(
        datasets,
        pipeline.registry,
        settings.split,
        settings.planes,
        settings.limit,
        settings.min_quality,
        settings.allow_synthetic,
    )
    if detector is not None:
        check_planes(detector, selection)
    facts = _facts(pipeline, extractor, selection, settings)
    if baseline is not None:
        check_same_images(baseline, facts)
    kept = KeptSyntheses(out, _identity(pipeline, selection, settings))
    tasks = plan_tasks(selection.evaluated, settings.with_edits)
    local = plan_local_edits(selection.evaluated, pipeline.registry) if settings.with_local_edits else []
    with show("synthesising", len(tasks) + len(local)) as tell:
        synthesise_missing(
            pipeline, [*tasks, *local], kept, settings.sampling, settings.roi, settings.seed, settings.batch_size, tell
        )
    measuring = Measuring(
        pipeline,
        extractor,
        kept,
        selection,
        settings.roi,
        real_is_held_out=settings.split != "train",
        with_audit=settings.with_audit,
        batch_size=settings.batch_size,
        published=published,
    )
    planes = measuring.planes(show)
    blurs = measuring.blurs(settings.blurs, settings.blur_to, show)
    edited = measuring.local_edits(local) if local else None
    adherence = measuring.adherence() if settings.with_edits else {}
    names = _names(pipeline, selection, kept, settings, show) if settings.names_on else None
    fidelity = None if detector is None else _fidelity(detector, selection, tasks, kept, show)
    counts = [len(result.samples) for result in planes.values() if "fid_roi" in result.metrics]
    warning = few_images_warning("FID", min(counts), extractor.width) if counts else None
    notes = (*_notes(selection, settings, planes, blurs), *([warning] if warning else []), *published.missing)
    return Results(facts, kept, planes, adherence, fidelity, blurs, edited, names, notes)


def _names(
    pipeline: FetalFlexPipeline, selection: Selection, kept: KeptSyntheses, settings: EvaluationSettings, show: Show
) -> NameResults:
    return exchange_names(
        pipeline,
        selection.evaluated,
        kept,
        settings.sampling,
        settings.names_on,
        roi=settings.roi,
        seed=settings.seed,
        batch_size=settings.batch_size,
        show=show,
    )


def _fidelity(
    detector: Detector, selection: Selection, tasks: Sequence[Task], kept: KeptSyntheses, show: Show
) -> LayoutFidelity:
    with show("detecting", looks(tasks)) as tell:
        return measure_layout_fidelity(detector, selection, tasks, kept, on_progress=tell)


def _identity(pipeline: FetalFlexPipeline, selection: Selection, settings: EvaluationSettings) -> JsonObject:
    """Return everything that a synthesis depends on but the choice of images."""
    return {
        "format": "fetalflex/evaluation-settings",
        "version": 1,
        "model": pipeline.identity,
        "data_fingerprint": selection.fingerprint,
        "seed": settings.seed,
        "roi": settings.roi,
        "sampling": settings.sampling.record(),
    }


def _facts(
    pipeline: FetalFlexPipeline, extractor: FeatureExtractor, selection: Selection, settings: EvaluationSettings
) -> JsonObject:
    return {
        "model": pipeline.identity,
        "extractor": extractor.name,
        "image_size": pipeline.components.config.image_size,
        "data_fingerprint": selection.fingerprint,
        "split": settings.split,
        "images": len(selection.evaluated),
        "patients": len({sample.patient for sample in selection.evaluated}),
        "training_images": len(selection.training) if settings.with_audit else 0,
        "held_out_images": len(selection.held_out) if settings.with_audit else 0,
        "layout": "null" if _hides_layout(settings) else "given",
        "seed": settings.seed,
        "roi": settings.roi,
        "sampling": settings.sampling.record(),
        "limit_per_plane": settings.limit,
        "min_quality": settings.min_quality,
        "versions": {"python": platform.python_version()}
        | {name: version(name) for name in ("fetalflex", "torch", "diffusers", "numpy")},
    }


def _hides_layout(settings: EvaluationSettings) -> bool:
    """Say whether no synthesis depends on a layout; those of edits do by their own weight too."""
    guidance = settings.sampling.guidance
    return guidance.layout == 0 and (guidance.edit == 0 or not settings.with_edits)


def _notes(
    selection: Selection, settings: EvaluationSettings, planes: dict[str, PlaneResult], blurs: dict[str, Side]
) -> Iterator[str]:
    if settings.blur_to is not None and EQUAL_BLUR not in blurs:
        yield (
            f"No blur gives these syntheses the local contrast {settings.blur_to:.3g}; so smooth or smoother are they "
            "already."
        )
    if synthetic := sum(sample.dataset.mark(sample.record) is not None for sample in selection.evaluated):
        yield (
            f"{synthetic} of the {len(selection.evaluated)} images that syntheses are compared with are synthetic "
            "themselves, so these numbers do not say how near the model comes to real ones."
        )
    if selection.left_out:
        yield (
            f"{selection.left_out} images of the split hold no structure, so no region to synthesise follows from "
            "them; they are left out."
        )
    if settings.split != "train" and selection.shared_patients:
        yield f"{selection.shared_patients} patients of the split are also in the split train: the split leaks."
    for plane, result in planes.items() if settings.with_audit else ():
        if not result.audits:
            yield f"{plane}: no memorisation audit, since it needs images of the split train and held-out ones."
        elif len(held_out := result.audits["features"].held_out_distances) < _FEW_HELD_OUT:
            yield f"{plane}: the audit's threshold rests on {len(held_out)} held-out images, so it is rough."

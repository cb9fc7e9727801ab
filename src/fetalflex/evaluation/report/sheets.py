"""Pictures of an evaluation: real beside synthetic, edits with their verdicts, nearest training images."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fetalflex.anatomy import Layout, Registry, draw_layout_map, draw_overlay, draw_roi_mask
from fetalflex.detection.detector import MIN_SCORE
from fetalflex.evaluation.adherence.tests import ADHERENCE_TESTS, AdherenceTest, AdherenceVerdict
from fetalflex.evaluation.kept import KeptSyntheses
from fetalflex.evaluation.results import PlaneResult, Results
from fetalflex.evaluation.samples import Sample
from fetalflex.evaluation.syntheses import ENLARGED, REMOVED
from fetalflex.figures.table import PictureRow, draw_picture_table
from fetalflex.spreading import spread

Picture = NDArray[np.uint8]

ROWS_PER_PLANE = 3
_ROWS_PER_STRUCTURE = 6
_ANSWERS = {True: "yes", False: "NO", None: "cannot be told"}


def draw_sample_sheet(results: Results, registry: Registry) -> Picture:
    """Return real image, layout, synthesis and difference of some images of each plane, spread over it."""
    rows = []
    for result in results.planes.values():
        for index in spread(range(len(result.samples)), ROWS_PER_PLANE):
            sample = result.samples[index]
            real, synthetic = sample.image(), _synthesis(results.kept, sample)
            difference = np.abs(real.astype(np.int16) - synthetic).astype(np.uint8)
            notes = ("", "", *_metric_notes(result, index))
            pictures = (real, draw_layout_map(sample.layout, registry), synthetic, difference)
            rows.append(PictureRow(pictures, notes, _caption(sample)))
    title = f"Model {results.facts['model']}, layout {results.facts['layout']}"
    return draw_picture_table(title, ("real", "layout", "synthesis", "|synthesis - real|"), rows)


def draw_edit_sheet(results: Results, registry: Registry) -> Picture | None:
    """Return syntheses from source's, enlarged and removed layout with their verdicts; None without any."""
    rows = []
    for structure, result in results.adherence.items():
        test = next(test for test in ADHERENCE_TESTS if test.structure == structure)
        for sample, verdict in spread(list(zip(result.samples, result.verdicts, strict=True)), _ROWS_PER_STRUCTURE):
            rows.append(_edit_row(sample, verdict, test, results.kept, registry))
    columns = ("synthesis, layout as it is", f"{ENLARGED}", f"{REMOVED}", f"{ENLARGED}, without boxes")
    return draw_picture_table(f"Model {results.facts['model']}: adherence to edits", columns, rows) if rows else None


def draw_nearest_sheet(results: Results, registry: Registry) -> Picture | None:
    """Return the synthetic ROIs of each plane that come nearest to a training ROI, beside it; None without audit."""
    rows, roi = [], results.facts["roi"]
    for result in results.planes.values():
        if not result.audits:
            continue
        found = result.audits["features"]
        for index in np.argsort(found.distances, kind="stable")[:ROWS_PER_PLANE]:
            sample, copied = result.samples[index], result.training[int(found.nearest[index])]
            pictures = (
                _region(sample, _synthesis(results.kept, sample), registry, roi),
                _region(copied, copied.image(), registry, roi),
                _region(sample, sample.image(), registry, roi),
            )
            far = "far" if found.is_far[index] else "NEAR"
            notes = (f"distance {found.distances[index]:.3f}, {far}", f"threshold {found.threshold:.3f}", "")
            rows.append(PictureRow(pictures, notes, f"{_caption(sample)}  |  {copied.record.file_name}"))
    columns = ("synthesis", "nearest training image", "real image of the layout")
    return draw_picture_table("Synthetic ROIs nearest to training ROIs", columns, rows) if rows else None


def draw_fidelity_sheet(results: Results, registry: Registry) -> Picture | None:
    """Return what a detector found in real images and in syntheses beside what was asked for; None without one."""
    if results.fidelity is None:
        return None
    rows = []
    for plane in results.planes:
        pairs = [pair for pair in results.fidelity.pairs if pair[0].plane == plane]
        for sample, *judged in spread(pairs, ROWS_PER_PLANE):
            real, synthetic = sample.image(), _synthesis(results.kept, sample)
            layouts = (sample.layout, *(one.found.at_least(MIN_SCORE).layout for one in judged))
            pictures = [
                np.asarray(draw_overlay(image, layout, registry))
                for image, layout in zip((real, real, synthetic), layouts, strict=True)
            ]
            rows.append(PictureRow(tuple(pictures), ("", "", ""), _caption(sample)))
    columns = ("real, requested boxes", "real, found boxes", "synthesis, found boxes")
    return draw_picture_table(f"What {results.fidelity.detector} finds", columns, rows) if rows else None


def _edit_row(
    sample: Sample, verdict: AdherenceVerdict, test: AdherenceTest, kept: KeptSyntheses, registry: Registry
) -> PictureRow:
    layouts = {"": sample.layout, ENLARGED: test.enlarge(sample.layout), REMOVED: sample.layout}
    images = {kind: _synthesis(kept, sample, kind) for kind in layouts}
    overlays = [_overlay(images[kind], layout, test.structure, registry) for kind, layout in layouts.items()]
    answers = (verdict.present, verdict.enlarged, verdict.removed)
    questions = zip(("present", ENLARGED, REMOVED), answers, strict=True)
    notes = [f"{test.structure} {question}: {_ANSWERS[told]}" for question, told in questions]
    named = {name.removeprefix(f"{test.structure}_"): value for name, value in verdict.numbers.items()}
    numbers = ", ".join(f"{name} {value:.2f}" for name, value in named.items())
    return PictureRow((*overlays, images[ENLARGED]), (*notes, ""), f"{_caption(sample)}: {numbers}")


def _overlay(image: Picture, layout: Layout, structure: str, registry: Registry) -> Picture:
    shown = layout.with_structures(layout.find(structure))
    return np.asarray(draw_overlay(image, shown, registry, labels=False))


def _region(sample: Sample, image: Picture, registry: Registry, roi: str) -> Picture:
    return np.where(draw_roi_mask(sample.layout, registry, roi), image, 0).astype(np.uint8)


def _synthesis(kept: KeptSyntheses, sample: Sample, kind: str = "") -> Picture:
    name = f"{sample.name}.{kind}" if kind else sample.name
    return kept.image(name, (sample.layout.height, sample.layout.width))


def _metric_notes(result: PlaneResult, index: int) -> tuple[str, str]:
    """Return what stands below the synthesis and below the difference."""
    psnr, similarity, distance = (
        result.sample_metrics[name][index] for name in ("psnr_roi", "ms_ssim_roi", "perceptual_roi")
    )
    return f"in the ROI: PSNR {psnr:.1f} dB", f"MS-SSIM {similarity:.3f}, perceptual distance {distance:.3f}"


def _caption(sample: Sample) -> str:
    return f"{sample.plane}, {sample.record.file_name}"

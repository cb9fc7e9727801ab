"""Measure what words do from beginning to end: choose images, synthesise, ask the detector, write."""

from __future__ import annotations

import platform
from importlib.metadata import version
from pathlib import Path

from fetalflex.anatomy import Registry
from fetalflex.data import write_png
from fetalflex.detection import Detector
from fetalflex.errors import FetalFlexError
from fetalflex.evaluation.kept import KeptSyntheses
from fetalflex.evaluation.layout_fidelity import check_planes
from fetalflex.evaluation.prompts.cases import plan_cases
from fetalflex.evaluation.prompts.planes import PlaneResults, judge_planes, synthesise_planes
from fetalflex.evaluation.prompts.presence import PresenceResults, judge_cases, synthesise_cases
from fetalflex.evaluation.prompts.real import look_at_real, real_finds
from fetalflex.evaluation.prompts.report import PromptResults, prompts_markdown, prompts_values
from fetalflex.evaluation.prompts.sheet import draw_planes_sheet, draw_presence_sheet
from fetalflex.evaluation.prompts.wording import WORDINGS
from fetalflex.evaluation.samples import Selection
from fetalflex.files import write_text
from fetalflex.files.json_files import JsonObject, json_text
from fetalflex.pipeline.pipeline import FetalFlexPipeline
from fetalflex.pipeline.sampling import Sampling
from fetalflex.progress import Show, show_nothing
from fetalflex.provenance import picture_text

REPORT_JSON, REPORT_MARKDOWN, SHEET, PLANES_SHEET = "prompts.json", "prompts.md", "prompts.png", "planes.png"


def follow_prompts(
    pipeline: FetalFlexPipeline,
    detector: Detector,
    selection: Selection,
    kept: KeptSyntheses,
    sampling: Sampling,
    images_per_structure: int = 8,
    images_per_plane: int = 8,
    roi: str = "auto",
    seed: int = 0,
    batch_size: int = 4,
    show: Show = show_nothing,
) -> PromptResults:
    """Leave structures, and planes, to the prompt alone, and judge what comes out.

    Args:
        pipeline: The model.
        detector: Says what is there.
        selection: Real images; in all of them is measured how well the detector sees.
        kept: Where syntheses lie.
        sampling: How to sample.
        images_per_structure: The most images of a structure in a plane, each of another patient; one takes four
            syntheses, and one more that structures of the same image share.
        images_per_plane: Syntheses under the prompt of each plane; 0 is off.
        roi: Mode of the region to synthesise.
        seed: The image at position i has the seed `seed` + i.
        batch_size: Images that are computed together.
        show: Shows progress.

    Raises:
        FetalFlexError: If the detector knows none of the structures, or finds none but outlines in the real images.
    """
    check_planes(detector, selection)
    with show("detecting structures", len(selection.evaluated)) as tell:
        looks = look_at_real(detector, selection, batch_size, tell)
    cases = plan_cases(looks, pipeline.registry, images_per_structure)
    if not cases:
        raise FetalFlexError(
            f"in none of the {len(looks)} images does the detector find a structure, beside the outline, where it is "
            "annotated; give more images, or another detector"
        )
    with show("leaving structures to the prompt", len(cases)) as tell:
        synthesise_cases(pipeline, cases, kept, sampling, roi, seed, batch_size, tell)
    outcomes = tuple(judge_cases(detector, cases, tuple(WORDINGS), kept, batch_size))
    kinds = sorted({(one.case.sample.plane, one.case.structure) for one in outcomes})
    presence = PresenceResults(outcomes, {kind: real_finds(looks, *kind) for kind in kinds})
    how = (kept, sampling, seed, batch_size, show)
    planes = _planes(pipeline, detector, selection, images_per_plane, *how) if images_per_plane else None
    return PromptResults(presence, planes)


def _planes(
    pipeline: FetalFlexPipeline,
    detector: Detector,
    selection: Selection,
    images: int,
    kept: KeptSyntheses,
    sampling: Sampling,
    seed: int,
    batch_size: int,
    show: Show,
) -> PlaneResults:
    planes = [plane for plane in selection.planes if plane in detector.config.planes]
    with show("leaving planes to the prompt", images * len(planes)) as tell:
        synthesise_planes(pipeline, planes, images, kept, sampling, seed, batch_size, tell)
    side = pipeline.components.config.image_size
    return judge_planes(detector, planes, images, kept, selection.evaluated, side, batch_size)


def kept_prompts(
    out: Path, pipeline: FetalFlexPipeline, selection: Selection, sampling: Sampling, roi: str, seed: int
) -> KeptSyntheses:
    """Open the folder of such an experiment; refused if it holds something else."""
    settings: JsonObject = {
        "format": "fetalflex/prompts-settings",
        "version": 1,
        "model": pipeline.identity,
        "data_fingerprint": selection.fingerprint,
        "seed": seed,
        "roi": roi,
        "sampling": sampling.record(),
    }
    return KeptSyntheses(out, settings)


def write_prompts(results: PromptResults, kept: KeptSyntheses, registry: Registry, facts: JsonObject) -> Path:
    """Write report and sheets into the folder of the syntheses, and return the report for people.

    Args:
        results: What was found.
        kept: Where the syntheses lie.
        registry: Colours and titles.
        facts: Model, detector, split and the like, as JSON values.
    """
    versions = {"python": platform.python_version(), "fetalflex": version("fetalflex"), "torch": version("torch")}
    head = {"format": "fetalflex/prompts-report", "version": 1, **facts, "versions": versions}
    lines = [f"# Prompts followed: {facts['model']}", "", *(f"- {name}: {value}" for name, value in facts.items()), ""]
    write_text(kept.root / REPORT_JSON, json_text({**head, **prompts_values(results)}))
    write_text(kept.root / REPORT_MARKDOWN, "\n".join([*lines, *prompts_markdown(results)]) + "\n")
    sheet = draw_presence_sheet(results.presence, kept, registry)
    write_png(kept.root / SHEET, sheet, picture_text("real and synthetic images side by side"), force=True)
    if results.planes is None:  # that of an earlier run would not belong to this report
        (kept.root / PLANES_SHEET).unlink(missing_ok=True)
    else:
        picture = draw_planes_sheet(results.planes, kept)
        write_png(kept.root / PLANES_SHEET, picture, picture_text("synthetic images side by side"), force=True)
    return kept.root / REPORT_MARKDOWN

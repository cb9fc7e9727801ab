"""The report of an evaluation: JSON for programs, Markdown for people, CSV with a line per image."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from fetalflex.evaluation.adherence.tests import ADHERENCE_TESTS
from fetalflex.evaluation.copies.memorisation import Audit
from fetalflex.evaluation.intervals import Estimate, Sampled, share_estimate
from fetalflex.evaluation.metrics.catalogue import ARROWS, CONTROLLED, METRICS, QUALITY, RULERS, Metric
from fetalflex.evaluation.names import names_markdown, names_summary, names_values
from fetalflex.evaluation.report.fidelity import (
    fidelity_markdown,
    fidelity_of_images,
    fidelity_summary,
    fidelity_values,
)
from fetalflex.evaluation.results import AUDITS, PlaneResult, Results, Side, means_over_planes
from fetalflex.evaluation.tables import percent, shown, table_head, table_row
from fetalflex.files.json_files import JsonObject

FORMAT = "fetalflex/evaluation-report"
VERSION = 1
ALL_PLANES = "mean of planes"

_RULERS_EXPLAINED = (
    "Measured inside the region at the real image's own resolution, in whose pixels frequencies are. Power and local "
    "contrast (standard deviation in 5 x 5 px) are over those of the real region; the step across the rim is from "
    "pixel to pixel, the broad one between averages on either side; grey levels are of 255."
)

_RULES = {test.structure: test.rule for test in ADHERENCE_TESTS}


def report_values(results: Results) -> JsonObject:
    """Return the report as JSON values; a number that is not finite, such as the PSNR of equal images, is None."""
    return {
        "format": FORMAT,
        "version": VERSION,
        **results.facts,
        "notes": list(results.notes),
        "mean_of_planes": _by_metric(_means(results)),
        "planes": {
            plane: {
                "images": len(result.samples),
                "patients": len({sample.patient for sample in result.samples}),
                "metrics": _by_metric({name: one.estimate for name, one in result.metrics.items()}),
            }
            for plane, result in results.planes.items()
        },
        "adherence": {
            structure: {
                "images": len(result.samples),
                "rule": _RULES[structure],
                **{name: share and share.to_dict() for name, share in result.shares().items()},
            }
            for structure, result in results.adherence.items()
        },
        "blurs": {name: _side(side) for name, side in results.blurs.items()},
        "local_edits": results.local_edits and _side(results.local_edits),
        "names": results.names and names_values(results.names),
        "layout_fidelity": results.fidelity and fidelity_values(results.fidelity),
        "memorisation": {
            kind: {
                "vectors": title,
                "planes": {p: _audit(r.audits[kind]) for p, r in results.planes.items() if r.audits},
                "share_far": (share := _share_far(results, kind)) and share.to_dict(),
            }
            for kind, title in AUDITS.items()
        },
    }


def report_markdown(results: Results) -> str:
    """Return the report for people."""
    facts = results.facts
    settings = ", ".join(f"{name} {value}" for name, value in facts["sampling"].items())
    lines = [
        f"# Evaluation of {facts['model']}",
        "",
        f"{facts['images']} images of {facts['patients']} patients, split {facts['split']} of the data with the "
        f"fingerprint {facts['data_fingerprint']}. Every image is synthesised from its own layout, its background kept"
        + ("" if facts["layout"] == "given" else "; **the layout is hidden from the model** (null layout)")
        + f". Seed {facts['seed']}; region {facts['roi']}; {settings}.",
        "",
        f"Images are compared on the model's canvas of {facts['image_size']} px; ROI is the synthesised region alone. "
        f"Perceptual distance, KID and FID: {facts['extractor']}. In brackets 95 % intervals, by drawing patients anew "
        "1000 times (none for fewer than five), of shares by Wilson's formula.",
        "",
    ]
    lines += [f"- {note}" for note in results.notes] + [""] * bool(results.notes)
    lines += ["## Quality", "", *_quality_table(results), "", *_ruler_section(results)]
    if results.adherence:
        lines += ["", "## Obedience to the layout", "", *_adherence_table(results), ""]
        lines += [f"- {structure}: {_RULES[structure]}." for structure in results.adherence]
    if results.names:
        lines += ["", *names_markdown(results.names)]
    if results.fidelity:
        lines += ["", *fidelity_markdown(results.fidelity)]
    if any(result.audits for result in results.planes.values()):
        lines += ["", "## Memorisation", "", *_audit_table(results)]
        lines += [
            "",
            "Far are synthetic ROIs whose nearest training ROI, mirrored or not, is farther than the threshold: the "
            "1st percentile of the same distance of held-out real ROIs, of which 99 % are far. An ROI that is near by "
            "both kinds of vectors deserves a look (nearest.png, samples.csv); blurred ones tend to be near by "
            "features alone.",
        ]
    return "\n".join(lines) + "\n"


def report_csv(results: Results) -> str:
    """Return one line per image: metrics, nearest training image, what judges adherence, and IoUs of its boxes."""
    rows = [row for plane, result in results.planes.items() for row in _sample_rows(results, plane, result)]
    columns = list(dict.fromkeys(column for row in rows for column in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def summary(results: Results) -> str:
    """Return the main numbers in a few lines."""
    means = _means(results)
    main = ("psnr_roi", "ms_ssim_roi", "perceptual_roi", "kid_roi", "texture", "seam_ratio", "tone_error")
    lines = [
        f"{metric.title.replace('**', '')}: {shown(means[metric.name], metric.factor, metric.digits)}"
        for metric in METRICS
        if metric.name in main and metric.name in means
    ]
    for structure, result in results.adherence.items():
        lines += [f"{structure} {name}: {percent(share)}" for name, share in result.shares().items()]
    lines += names_summary(results.names) if results.names else []
    lines += fidelity_summary(results.fidelity) if results.fidelity else []
    if share := _share_far(results, "features"):
        lines.append(f"no near-copies of training images: {percent(share)}")
    return "\n".join(lines)


def _by_metric(estimates: dict[str, Estimate]) -> JsonObject:
    return {metric.name: estimates[metric.name].to_dict() for metric in METRICS if metric.name in estimates}


def _means(results: Results) -> dict[str, Estimate]:
    return means_over_planes([result.metrics for result in results.planes.values()])


def _side(side: Side) -> JsonObject:
    return {
        "title": side.title,
        "mean_of_planes": _by_metric(side.means()),
        "planes": {
            plane: {"metrics": _by_metric({name: one.estimate for name, one in metrics.items()})}
            for plane, metrics in side.planes.items()
        },
    }


def _share_far(results: Results, kind: str) -> Estimate | None:
    """Return the share over all planes together."""
    far = [bool(one) for result in results.planes.values() if result.audits for one in result.audits[kind].is_far]
    return share_estimate(sum(far), len(far)) if far else None


def _audit(found: Audit) -> JsonObject:
    return {
        "threshold": found.threshold,
        "held_out_images": len(found.held_out_distances),
        "median_distance": float(np.median(found.distances)),
        "smallest_distance": float(found.distances.min()),
        "median_distance_of_held_out": float(np.median(found.held_out_distances)),
        "share_far": found.share_far.to_dict(),
    }


def _quality_table(results: Results) -> list[str]:
    """Return how near syntheses come to the real images; below what a blur may improve, what it makes of it."""
    planes = {plane: result.metrics for plane, result in results.planes.items()}
    lines = table_head(["", *(f"{plane} ({len(r.samples)})" for plane, r in results.planes.items()), ALL_PLANES])
    for metric in QUALITY:
        lines += _metric_row(metric, metric.title + ARROWS[metric.better], planes)
        if metric.name in CONTROLLED:
            for side in results.blurs.values():
                lines += _metric_row(metric, f"… {side.title}", side.planes)
    return lines


def _ruler_section(results: Results) -> list[str]:
    """Return texture, seam and tone of whole regions, of blurred ones, and of local edits."""
    lines = ["## Texture, seam and tone", "", _RULERS_EXPLAINED, ""]
    lines += _ruler_table({plane: result.metrics for plane, result in results.planes.items()}, RULERS)
    if results.blurs:
        shown = [metric for metric in RULERS if metric.name in ("texture", "contrast_ratio", "contrast")]
        for side in results.blurs.values():
            lines += ["", f"The syntheses {side.title}:", "", *_ruler_table(side.planes, shown)]
    if results.local_edits:
        table = _ruler_table(results.local_edits.planes, RULERS)
        title = f"{results.local_edits.title}, and only what changes is synthesised."
        lines += ["", "## Texture, seam and tone of local edits", "", title, "", *table]
    return lines


def _ruler_table(planes: Mapping[str, Mapping[str, Sampled]], metrics: Sequence[Metric]) -> list[str]:
    rows = [_metric_row(metric, metric.title + ARROWS[metric.better], planes) for metric in metrics]
    return table_head(["", *planes, ALL_PLANES]) + [line for row in rows for line in row]


def _metric_row(metric: Metric, title: str, planes: Mapping[str, Mapping[str, Sampled]]) -> list[str]:
    """Return the line of a metric, planes and their mean; none if no plane has it."""
    if not any(metric.name in metrics for metrics in planes.values()):
        return []
    estimates = [metrics[metric.name].estimate if metric.name in metrics else None for metrics in planes.values()]
    estimates.append(means_over_planes(list(planes.values())).get(metric.name))
    return [table_row([title, *(shown(estimate, metric.factor, metric.digits) for estimate in estimates)])]


def _adherence_table(results: Results) -> list[str]:
    lines = table_head(["structure", "images", "present", "enlarged", "removed"])
    for structure, result in results.adherence.items():
        lines.append(table_row([structure, str(len(result.samples)), *map(percent, result.shares().values())]))
    return lines


def _audit_table(results: Results) -> list[str]:
    lines = table_head(
        ["plane", "vectors", "held-out images", "threshold", "median, held-out", "median, synthetic", "far ↑"]
    )
    for plane, result in results.planes.items():
        for kind, found in result.audits.items():
            numbers = (found.threshold, np.median(found.held_out_distances), np.median(found.distances))
            cells = [plane, AUDITS[kind], str(len(found.held_out_distances)), *(f"{number:.3f}" for number in numbers)]
            lines.append(table_row([*cells, percent(found.share_far)]))
    return lines


def _sample_rows(results: Results, plane: str, result: PlaneResult) -> Iterable[JsonObject]:
    verdicts = {
        sample.position: (structure, verdict)
        for structure, found in results.adherence.items()
        for sample, verdict in zip(found.samples, found.verdicts, strict=True)
    }
    ious = {} if results.fidelity is None else fidelity_of_images(results.fidelity)
    for index, sample in enumerate(result.samples):
        row: JsonObject = {
            "name": sample.name,
            "plane": plane,
            "file_name": sample.record.file_name,
            "patient": sample.record.patient_key,
            "source": sample.record.source or "",
        }
        row |= {name: _cell(values[index]) for name, values in result.sample_metrics.items()}
        for kind, found in result.audits.items():
            row[f"nearest_{kind}_distance"] = _cell(found.distances[index])
            row[f"nearest_{kind}_is_far"] = int(found.is_far[index])
            row[f"nearest_{kind}_image"] = result.training[int(found.nearest[index])].record.file_name
        if sample.position in verdicts:
            structure, verdict = verdicts[sample.position]
            answers = {name: getattr(verdict, name) for name in ("present", "enlarged", "removed")}
            row |= {f"{structure}_{name}": "" if told is None else int(told) for name, told in answers.items()}
            row |= {name: _cell(number) for name, number in verdict.numbers.items()}
        row |= {name: _cell(number) for name, number in ious.get(sample.position, {}).items()}
        yield row


def _cell(number: float) -> str:
    return "" if math.isnan(number) else f"{number:.6g}"

"""The ablation's table, as Markdown."""

from __future__ import annotations

from fetalflex.evaluation.metrics.catalogue import ARROWS, METRICS, Metric
from fetalflex.evaluation.tables import shown_estimate, table_row
from fetalflex.files.json_files import JsonObject

_SHOWN = ("psnr_roi", "ms_ssim", "ms_ssim_roi", "perceptual_roi", "kid_roi", "texture", "contrast_ratio")
_TRAINING = {
    "validation/adherence": "adherence",
    "validation/adherence_noisy": "adherence, noisier half",
    "validation/adherence_null": "adherence, against no layout",
}


def ablation_table(values: JsonObject) -> str:
    """Return one line per variant: quality as mean over planes, and how much the layout matters.

    Below the first stand its syntheses after a blur: what smoothness alone is worth.

    Args:
        values: What `run_ablation` returns.
    """
    report = values["rows"][0]["report"]
    metrics = [metric for metric in METRICS if metric.name in _SHOWN]
    tests = [(structure, question) for structure in report["adherence"] for question in ("enlarged", "removed")]
    titles = ["", *(metric.title.replace("**", "") + ARROWS[metric.better] for metric in metrics)]
    titles += [title + " ↑" for title in _TRAINING.values()] + [f"{s} {question} ↑" for s, question in tests]
    sampling = ", ".join(f"{name} {value}" for name, value in report["sampling"].items())
    lines = [
        f"Every variant was trained on {values['images']} images from the same denoiser, and measured on "
        f"{report['images']} images of the split {report['split']} (seed {report['seed']}; {sampling}). Means over "
        "planes; in brackets 95 % intervals, by drawing patients anew. Adherence is the rise of the validation loss "
        "when layouts are shuffled within a plane, and when there is none: a wrong layout does harm, so the first is "
        "the larger.",
        "",
        table_row(titles),
        "|" + "---|" * len(titles),
    ]
    for row in values["rows"]:
        quality, training = row["report"]["mean_of_planes"], row["training"]
        cells = [row["title"], *_quality(quality, metrics)]
        cells += [_percent(training.get(name)) for name in _TRAINING]
        cells += [_share(row["report"]["adherence"].get(structure, {}).get(question)) for structure, question in tests]
        lines.append(table_row(cells))
        if row is values["rows"][0]:
            for blur in row["report"].get("blurs", {}).values():
                unknown = ["-"] * (len(_TRAINING) + len(tests))
                lines.append(table_row([f"… {blur['title']}", *_quality(blur["mean_of_planes"], metrics), *unknown]))
    return "\n".join(lines) + "\n"


def _quality(means: JsonObject, metrics: list[Metric]) -> list[str]:
    return [shown_estimate(means.get(metric.name), metric.factor, metric.digits) for metric in metrics]


def _share(estimate: JsonObject | None) -> str:
    return "-" if estimate is None else f"{estimate['value']:.0%} of {estimate['count']}"


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"

"""The page of a report: plain HTML that loads nothing but the chart beside it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape

from fetalflex.evaluation.intervals import Estimate
from fetalflex.study.questions import TRUTH, Questions
from fetalflex.study.report.results import Results
from fetalflex.study.statistics.comparisons import PAIRED

RANDOM_NOTICE = "Random answers: a program has drawn them, to show what a report looks like. Nobody has given them."
RESEARCH_NOTICE = "For research only, not for diagnosis."

_STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, "DejaVu Sans", sans-serif; }
body { max-width: 1300px; margin: 0 auto; padding: 1rem 1.5rem; }
.notice { border-left: .4rem solid #d98200; padding: .4rem .9rem; background: #d982001f; font-weight: 600; }
.random { border-color: #c00020; background: #c000201f; }
img { width: 100%; height: auto; background: #fff; border-radius: .3rem; }
h2 { margin: 2.2rem 0 .4rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; margin: .6rem 0; font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .2rem 1.1rem .2rem 0; border-bottom: 1px solid #8886; white-space: nowrap; }
small, .how { opacity: .8; }
footer { margin-top: 3rem; }
""".strip()

_HOW = (
    "Everything but repeatability rests on the first time that a reader saw an image; where a reader went back, the "
    "last answer counts.",
    "Intervals are 95 %. Those of means, differences and shares over several readers come from drawing readers and "
    "cases with replacement, 2000 times (pigeonhole bootstrap); of one reader alone, from drawing cases; with fewer "
    "than 5 cases there are none. Those of shares of one reader, and of repeatability, are Wilson's. With few readers, "
    "intervals say little of other readers.",
    "Methods are compared case by case, on the differences averaged over readers, by Wilcoxon's signed rank test; "
    "where two methods share fewer than 5 cases, image by image by the test of Mann and Whitney. p values are "
    "two-sided and approximate, and corrected by Holm's method for all tests in the table.",
    "The ordinal model is a proportional odds model (cumulative logit) with method, reader and plane as fixed effects "
    "and standard errors clustered by case; it has no random effects, since statsmodels fits none for ordered ratings. "
    "Odds ratios above 1 mean better ratings than the reference.",
    "ICC(2,1): absolute agreement of single readers drawn at random; ICC(3,1): consistency of these readers; ICC(2,k): "
    "their mean (Shrout and Fleiss). Kappa is Cohen's with quadratic weights, the mean over pairs of readers; alpha is "
    "Krippendorff's, ordinal; for real or synthetic both are nominal.",
    "Repeatability: two ratings of one image by one reader differ by less than the coefficient in 95 % of cases (Bland "
    "and Altman).",
    "Real or synthetic: the balanced share is the mean of the shares of synthetic and of real images that were told; "
    "guessing gives 0.5.",
)


def report_page(
    results: Results, questions: Questions, plane_titles: Mapping[str, str], chart: str, files: Sequence[str]
) -> str:
    """Return the page as HTML.

    Args:
        results: The numbers.
        questions: What was asked.
        plane_titles: Name to title of each plane.
        chart: File name of the radar charts, beside the page.
        files: File names of tables beside the page.
    """
    titles = {one.name: one.title for one in questions.criteria} | {TRUTH: "Real or synthetic"}
    scales = {one.name: one.title for one in questions.criteria}
    planes = results.planes if len(results.planes) > 1 else ()
    lines = [
        "<!doctype html>",
        '<html lang="en">',
        '<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(questions.title)}: report</title>",
        f"<style>\n{_STYLE}\n</style></head>",
        "<body>",
        f"<h1>{escape(questions.title)}: report</h1>",
        *_notices(results),
        "<h2>Readers</h2>",
        _table(
            ("Reader", "Rated", "Corrections"),
            ((one.reader, f"{one.rated} of {one.total}", one.corrections) for one in results.progress),
        ),
        "<h2>Means</h2>",
        f'<img src="{escape(chart)}" alt="Radar charts of the means of each criterion by method">',
        _means(results, scales, "Method", [(method, {"method": method}) for method in results.methods]),
        "<h2>Comparison of methods</h2>",
        _comparisons(results, titles),
        *_models(results, titles),
        "<h2>Agreement between readers</h2>",
        _agreement(results, titles),
        "<h2>Repeatability of each reader</h2>",
        _repeatability(results, titles),
        *_truth(results),
    ]
    for plane in planes:
        lines.append(f"<h2>{escape(plane_titles[plane])}</h2>")
        groups = [(method, {"method": method, "plane": plane}) for method in results.methods]
        lines.append(_means(results, scales, "Method", groups))
    lines.append("<h2>By reader</h2>")
    by_reader = [
        (f"{method}, {one.reader}", {"method": method, "reader": one.reader})
        for method in results.methods
        for one in results.progress
        if one.rated
    ]
    lines += [
        _means(results, scales, "Method and reader", by_reader),
        "<h2>How the numbers are made</h2>",
        '<ul class="how">',
        *(f"<li>{escape(sentence)}</li>" for sentence in _HOW),
        "</ul>",
        "<h2>Files</h2>",
        "<p>" + " · ".join(f'<a href="{escape(name)}">{escape(name)}</a>' for name in files) + "</p>",
        "<footer>",
        *_notices(results)[:1],
        "</footer>",
        "</body>",
        "</html>",
    ]
    return "\n".join(lines) + "\n"


def _notices(results: Results) -> list[str]:
    notices = [f'<p class="notice random">{escape(RANDOM_NOTICE)}</p>'] if results.are_random else []
    notices.append(f'<p class="notice">{escape(RESEARCH_NOTICE)}</p>')
    if results.unfinished:
        missing = ", ".join(f"{one.reader} ({one.rated} of {one.total})" for one in results.unfinished)
        sentence = f"The study is not finished; all numbers rest on what there is: {missing}"
        notices.append(f'<p class="notice">{escape(sentence)}</p>')
    return notices


def _table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in header)
    body = "".join("<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows)
    if not body:
        return "<p>Nothing to show yet.</p>"
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _means(results: Results, scales: Mapping[str, str], what: str, groups: Sequence[tuple[str, dict[str, str]]]) -> str:
    rows = [(name, *(told(results.mean(question, **group)) for question in scales)) for name, group in groups]
    return _table((what, *scales.values()), rows)


def _comparisons(results: Results, titles: Mapping[str, str]) -> str:
    header = ("Criterion", "Methods", "Difference", "Test", "Cases", "p", "p (Holm)")
    rows = (
        (
            titles[one.question],
            f"{one.one} − {one.other}",
            told(one.difference),
            one.test or "too few",
            f"{one.units}{'' if one.test == PAIRED else ' images'}",
            _p(one.p),
            _p(one.p_holm),
        )
        for one in results.comparisons
    )
    return _table(header, rows)


def _models(results: Results, titles: Mapping[str, str]) -> list[str]:
    rows: list[tuple[object, ...]] = []
    for model in results.models:
        if model.problem is not None:
            rows.append((titles[model.question], "", f"not fitted: {model.problem}", "", model.ratings))
        for one in model.odds:
            interval = f"{one.odds_ratio:.2f} ({one.low:.2f} to {one.high:.2f})"
            methods = f"{one.method} against {model.reference}"
            rows.append((titles[model.question], methods, interval, _p(one.p), model.ratings))
    return ["<h2>Ordinal model</h2>", _table(("Criterion", "Methods", "Odds ratio", "p", "Ratings"), rows)]


def _agreement(results: Results, titles: Mapping[str, str]) -> str:
    forms = ("ICC(2,1)", "ICC(3,1)", "ICC(2,k)")
    rows = (
        (
            titles[one.question],
            *(told(one.icc.get(form)) for form in forms),
            one.common_images,
            _number(one.mean_kappa),
            _number(one.alpha),
        )
        for one in results.agreements
    )
    return _table(("Question", *forms, "Common images", "Kappa", "Alpha"), rows)


def _repeatability(results: Results, titles: Mapping[str, str]) -> str:
    header = ("Question", "Reader", "Images", "Equal", "Within one point", "Drift", "Coefficient", "Kappa")
    rows = (
        (
            titles[one.question],
            one.reader or "all",
            one.pairs,
            told(one.equal),
            told(one.within_one),
            f"{one.drift:+.2f}",
            _number(one.coefficient),
            told(one.kappa),
        )
        for one in results.repeatabilities
    )
    return _table(header, rows)


def _truth(results: Results) -> list[str]:
    if not results.discriminations:
        return []
    rows = (
        (
            one.reader or "all",
            told(one.accuracy),
            told(one.synthetic_told),
            told(one.real_told),
            told(one.balanced),
        )
        for one in results.discriminations
    )
    shares = ((method, told(share), share.count) for method, share in results.called_synthetic.items())
    return [
        "<h2>Real or synthetic</h2>",
        _table(("Reader", "Right answers", "Synthetic told", "Real told", "Balanced"), rows),
        _table(("Method", "Called synthetic", "Ratings"), shares),
    ]


def told(estimate: Estimate | None) -> str:
    """Return an estimate with its interval, if it has one."""
    if estimate is None:
        return "–"
    if estimate.low is None or estimate.high is None:
        return f"{estimate.value:.2f}"
    return f"{estimate.value:.2f} ({estimate.low:.2f} to {estimate.high:.2f})"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def _p(value: float | None) -> str:
    if value is None:
        return "–"
    return "< 0.001" if value < 0.001 else f"{value:.3f}"

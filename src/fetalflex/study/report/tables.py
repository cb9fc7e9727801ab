"""Tables for other programs: all answers, the means, and the readings in the format of iMRMC."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Sequence

from fetalflex.study.folder import image_name
from fetalflex.study.questions import SYNTHETIC, TRUTH
from fetalflex.study.ratings import Ratings
from fetalflex.study.report.results import Results


def answers_csv(ratings: Ratings) -> str:
    """Return a row for each answer, with what the image is; `showing` is 2 for an image that comes again."""
    rows = []
    for row in range(len(ratings)):
        image = ratings.images[ratings.image[row]]
        seconds = ratings.seconds[row]
        known = (
            ratings.readers[ratings.reader[row]],
            image_name(int(ratings.image[row])),
            2 if ratings.is_repeat[row] else 1,
            image.method,
            image.plane,
            image.case,
            int(image.synthetic),
        )
        shown = "" if math.isnan(seconds) else f"{seconds:g}"
        for question, answer in zip(ratings.questions.names, ratings.answers[row], strict=True):
            rows.append((*known, question, int(answer), shown, ratings.at[row], int(ratings.are_random)))
    header = (
        *("reader", "image", "showing", "method", "plane", "case", "synthetic", "question", "answer", "seconds", "at"),
        "random",
    )
    return _csv(header, rows)


def means_csv(results: Results) -> str:
    """Return a row for each mean; an empty method, plane or reader means all."""
    header = ("question", "method", "plane", "reader", "mean", "low", "high", "ratings")
    rows = (
        (
            *(one.question, one.method or "", one.plane or "", one.reader or ""),
            *(_number(end) for end in (one.estimate.value, one.estimate.low, one.estimate.high)),
            one.estimate.count,
        )
        for one in results.means
    )
    return _csv(header, rows)


def imrmc_csv(ratings: Ratings) -> str | None:
    """Return the readings of real against synthetic as iMRMC's R package reads them (`doIMRMC`).

    Columns are readerID, caseID, modalityID and score. A case is an image, its truth 1 if it is synthetic; the score of
    a reading is 1 if the reader called it so. Each method whose images are synthetic is a modality, read against the
    real images, whose readings therefore stand under every modality.

    Args:
        ratings: Those of images seen for the first time.

    Returns:
        None if the question was not asked, or there are no real or no synthetic images.
    """
    if not ratings.questions.real_or_synthetic:
        return None
    kinds = {image.method: image.synthetic for image in ratings.images}
    modalities = sorted(method for method, is_synthetic in kinds.items() if is_synthetic)
    rated = sorted({int(image) for image in ratings.image})
    if len({ratings.images[image].synthetic for image in rated}) < 2:
        return None
    rows: list[Sequence[object]] = [
        ("truth", image_name(image).removesuffix(".png"), "truth", int(ratings.images[image].synthetic))
        for image in rated
    ]
    for row, said in enumerate(ratings.of(TRUTH)):
        image = ratings.images[ratings.image[row]]
        case = image_name(int(ratings.image[row])).removesuffix(".png")
        for modality in [image.method] if image.synthetic else modalities:
            rows.append((ratings.readers[ratings.reader[row]], case, modality, int(said == SYNTHETIC)))
    return _csv(("readerID", "caseID", "modalityID", "score"), rows)


def _csv(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([[_harmless(cell) for cell in row] for row in rows])
    return text.getvalue()


def _harmless(cell: object) -> object:
    """Return a cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if isinstance(cell, str) and cell[:1] in ("=", "+", "-", "@") else cell


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"

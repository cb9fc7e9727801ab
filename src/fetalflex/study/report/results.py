"""All numbers of a report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fetalflex.evaluation.intervals import Estimate
from fetalflex.files.json_files import JsonObject
from fetalflex.study.ratings import Progress, Ratings
from fetalflex.study.statistics.agreement import Agreement, agreement
from fetalflex.study.statistics.comparisons import Comparison, compare_methods
from fetalflex.study.statistics.discrimination import Discrimination, called_synthetic, discrimination
from fetalflex.study.statistics.ordinal import OrdinalModel, fit_ordinal
from fetalflex.study.statistics.repeatability import Repeatability, repeatability
from fetalflex.study.statistics.resampling import Draws, Sample, mean_estimate


@dataclass(frozen=True)
class Mean:
    """The mean of a criterion over some ratings; None stands for all methods, planes or readers."""

    question: str
    method: str | None
    plane: str | None
    reader: str | None
    estimate: Estimate

    def to_dict(self) -> JsonObject:
        """Return JSON values."""
        group = {"method": self.method, "plane": self.plane, "reader": self.reader}
        return {"question": self.question, **group, **self.estimate.to_dict()}


@dataclass(frozen=True)
class Results:
    """What came out of a study.

    Args:
        methods: Names; those whose images are real come first.
        planes: Names.
        are_random: Whether the answers were drawn and nobody has given them.
        progress: How far each reader is.
        means: By method; by method and plane; by method and reader; by plane; by reader.
        comparisons: Of all pairs of methods.
        models: One for each criterion.
        agreements: One for each question.
        repeatabilities: For each question that of all readers, and of each; none without repeated images.
        discriminations: Of all readers, and of each; none if that was not asked.
        called_synthetic: Method to the share of ratings that call its images synthetic.
    """

    methods: tuple[str, ...]
    planes: tuple[str, ...]
    are_random: bool
    progress: tuple[Progress, ...]
    means: Sequence[Mean]
    comparisons: Sequence[Comparison]
    models: Sequence[OrdinalModel]
    agreements: Sequence[Agreement]
    repeatabilities: Sequence[Repeatability]
    discriminations: Sequence[Discrimination]
    called_synthetic: Mapping[str, Estimate]

    def mean(
        self, question: str, method: str | None = None, plane: str | None = None, reader: str | None = None
    ) -> Estimate | None:
        """Return a mean; None if nobody has rated such an image."""
        wanted = (question, method, plane, reader)
        for one in self.means:
            if (one.question, one.method, one.plane, one.reader) == wanted:
                return one.estimate
        return None

    @property
    def unfinished(self) -> tuple[Progress, ...]:
        """The readers who have not rated all images yet."""
        return tuple(one for one in self.progress if one.rated < one.total)

    def to_dict(self) -> JsonObject:
        """Return JSON values."""
        return {
            "random_answers": self.are_random,
            "methods": list(self.methods),
            "planes": list(self.planes),
            "readers": [one._asdict() for one in self.progress],
            "means": [one.to_dict() for one in self.means],
            "comparisons": [one.to_dict() for one in self.comparisons],
            "ordinal_models": [one.to_dict() for one in self.models],
            "agreement": [one.to_dict() for one in self.agreements],
            "repeatability": [one.to_dict() for one in self.repeatabilities],
            "real_or_synthetic": [one.to_dict() for one in self.discriminations],
            "called_synthetic": {method: share.to_dict() for method, share in self.called_synthetic.items()},
        }


def analyse(ratings: Ratings) -> Results:
    """Compute all numbers of a report from what there is."""
    first, questions = ratings.first, ratings.questions
    asks_truth = questions.real_or_synthetic and len(first) > 0
    return Results(
        ratings.methods,
        ratings.planes,
        ratings.are_random,
        ratings.progress,
        list(_means(first)),
        compare_methods(first),
        [fit_ordinal(first, criterion.name) for criterion in questions.criteria],
        [agreement(first, question) for question in questions.names],
        [one for question in questions.names for one in repeatability(ratings, question)],
        discrimination(first) if asks_truth else [],
        called_synthetic(first) if asks_truth else {},
    )


def _means(first: Ratings) -> Iterator[Mean]:
    draws = Draws.of(first.reader, first.case)
    groups = list(_groups(first))
    for criterion in first.questions.criteria:
        values = first.of(criterion.name)
        for method, plane, reader, rows in groups:
            sample = Sample(values[rows], first.reader[rows], first.case[rows])
            yield Mean(criterion.name, method, plane, reader, mean_estimate(sample, draws))


def _groups(first: Ratings) -> Iterator[tuple[str | None, str | None, str | None, NDArray[np.bool_]]]:
    """Yield method, plane, reader, and the rows that are theirs, (rows,) bool; not those without any."""
    of_method = [(name, first.method == index) for index, name in enumerate(first.methods)]
    of_plane = [(name, first.plane == index) for index, name in enumerate(first.planes)]
    of_reader = [(name, first.reader == index) for index, name in enumerate(first.readers)]
    found = [
        *((method, None, None, rows) for method, rows in of_method),
        *((method, plane, None, rows & also) for method, rows in of_method for plane, also in of_plane),
        *((method, None, reader, rows & also) for method, rows in of_method for reader, also in of_reader),
        *((None, plane, None, rows) for plane, rows in of_plane),
        *((None, None, reader, rows) for reader, rows in of_reader),
    ]
    yield from (one for one in found if one[3].any())

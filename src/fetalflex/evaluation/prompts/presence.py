"""Is a structure there when the prompt names it, and not when the prompt says it is absent?"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from fetalflex.detection import Detection, Detector
from fetalflex.evaluation.alike import synthesise_alike
from fetalflex.evaluation.intervals import Estimate, patient_draws, patients_share, sampled_mean
from fetalflex.evaluation.kept import KeptSyntheses
from fetalflex.evaluation.prompts.cases import PresenceCase
from fetalflex.evaluation.prompts.finding import detect_all, is_found, score_of, without_mistaken
from fetalflex.evaluation.prompts.real import RealFinds
from fetalflex.pipeline.pipeline import FetalFlexPipeline
from fetalflex.pipeline.sampling import Sampling
from fetalflex.progress import OnProgress, tell_nobody


@dataclass(frozen=True)
class Answer:
    """What the detector finds under the prompt that names a structure, and under the one that negates it."""

    named: Detection
    negated: Detection

    def follows(self, structure: str) -> bool:
        """Say whether both prompts were followed."""
        return is_found(self.named, structure) and not is_found(self.negated, structure)


@dataclass(frozen=True)
class PresenceOutcome:
    """What became of one case.

    Args:
        case: Which image and structure.
        own: What is found in the synthesis from the image's own layout.
        answers: What is found without the structure's box, by wording of the prompts.
    """

    case: PresenceCase
    own: Detection
    answers: Mapping[str, Answer]


@dataclass(frozen=True)
class PresenceRates:
    """Shares of images, with their intervals over patients.

    Args:
        followed: Found when named and not found when negated.
        named: Found when named.
        negated: Not found when negated.
        own: Found with its box, under the prompt made from the layout.
        gain: Mean of the detector's score when named minus that when negated: 0 if words change nothing.
    """

    followed: Estimate
    named: Estimate
    negated: Estimate
    own: Estimate
    gain: Estimate


@dataclass(frozen=True)
class PresenceResults:
    """All outcomes.

    Args:
        outcomes: One per case.
        real: How well the detector sees in real images, by plane and structure.
    """

    outcomes: tuple[PresenceOutcome, ...]
    real: Mapping[tuple[str, str], RealFinds]

    @property
    def kinds(self) -> tuple[tuple[str, str], ...]:
        """Plane and structure of the cases, each once, sorted."""
        return tuple(sorted({(one.case.sample.plane, one.case.structure) for one in self.outcomes}))

    @property
    def planes(self) -> tuple[str, ...]:
        """Planes of the cases, each once, sorted."""
        return tuple(dict.fromkeys(plane for plane, _ in self.kinds))

    def of(self, plane: str | None = None, structure: str | None = None) -> list[PresenceOutcome]:
        """Return the outcomes of a plane, of a structure, or all."""
        return [
            one
            for one in self.outcomes
            if plane in (None, one.case.sample.plane) and structure in (None, one.case.structure)
        ]

    def rates(self, wording: str, plane: str | None = None, structure: str | None = None) -> PresenceRates:
        """Return how often prompts of a wording were followed; there must be a case."""
        outcomes = self.of(plane, structure)
        patients = [one.case.sample.patient for one in outcomes]
        asked = [(one.case.structure, one.answers[wording]) for one in outcomes]
        gains = [score_of(answer.named, name) - score_of(answer.negated, name) for name, answer in asked]
        return PresenceRates(
            patients_share([answer.follows(name) for name, answer in asked], patients),
            patients_share([is_found(answer.named, name) for name, answer in asked], patients),
            patients_share([not is_found(answer.negated, name) for name, answer in asked], patients),
            patients_share([is_found(one.own, one.case.structure) for one in outcomes], patients),
            sampled_mean(np.array(gains), patient_draws(patients)).estimate,
        )


def synthesise_cases(
    pipeline: FetalFlexPipeline,
    cases: Sequence[PresenceCase],
    kept: KeptSyntheses,
    sampling: Sampling,
    roi: str = "auto",
    seed: int = 0,
    batch_size: int = 4,
    on_progress: OnProgress = tell_nobody,
) -> None:
    """Synthesise what is not finished yet; see `synthesise_alike` for what all syntheses of an image share.

    Args:
        pipeline: The model.
        cases: What to make.
        kept: Where finished images lie.
        sampling: How to sample.
        roi: Mode of the region to synthesise.
        seed: The image at position i has the seed `seed` + i.
        batch_size: Images that are computed together.
        on_progress: Told how many cases are done.
    """
    by_sample: dict[int, list[PresenceCase]] = defaultdict(list)
    for case in cases:
        by_sample[case.sample.position].append(case)
    done = 0
    for of_sample in by_sample.values():
        asked = {name: one for case in of_sample for name, one in case.asked(pipeline.registry).items()}
        synthesise_alike(pipeline, of_sample[0].sample, asked, kept, sampling, roi, seed, batch_size)
        done += len(of_sample)
        on_progress(done)


def judge_cases(
    detector: Detector,
    cases: Sequence[PresenceCase],
    wordings: Sequence[str],
    kept: KeptSyntheses,
    batch_size: int = 16,
    on_progress: OnProgress = tell_nobody,
) -> list[PresenceOutcome]:
    """Ask the detector what finished syntheses show; it is told the plane.

    Args:
        detector: The detector.
        cases: What was made.
        wordings: In which wordings of the prompts.
        kept: Where it lies.
        batch_size: Images that are computed together.
        on_progress: Told how many images are done.
    """
    by_name = {
        name: case.sample
        for case in cases
        for name in (case.own, *(of(wording) for wording in wordings for of in (case.named, case.negated)))
    }
    shapes = {name: (sample.layout.height, sample.layout.width) for name, sample in by_name.items()}
    images = [partial(kept.image, name, shape) for name, shape in shapes.items()]
    planes = [sample.plane for sample in by_name.values()]
    found = dict(zip(by_name, detect_all(detector, images, planes, batch_size, on_progress), strict=True))
    outcomes = []
    for case in cases:
        clear = partial(without_mistaken, structure=case.structure, shown=case.shown_layout)
        answers = {w: Answer(clear(found[case.named(w)]), clear(found[case.negated(w)])) for w in wordings}
        outcomes.append(PresenceOutcome(case, found[case.own], answers))
    return outcomes

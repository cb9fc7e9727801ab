"""What an evaluation found, as plain values from which reports and pictures are made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from fetalflex.evaluation.adherence.tests import AdherenceVerdict
from fetalflex.evaluation.copies.memorisation import Audit
from fetalflex.evaluation.intervals import Estimate, Sampled, mean_of, share_estimate
from fetalflex.evaluation.kept import KeptSyntheses
from fetalflex.evaluation.layout_fidelity import LayoutFidelity
from fetalflex.evaluation.metrics.catalogue import METRICS
from fetalflex.evaluation.metrics.two_samples import TwoSamples
from fetalflex.evaluation.names import NameResults
from fetalflex.evaluation.samples import Sample
from fetalflex.files.json_files import JsonObject

AUDITS = {"features": "features of the extractor", "grey": "correlation of grey values"}
"""How near-copies are searched for."""


@dataclass(frozen=True)
class PlaneResult:
    """What was found on one plane.

    Args:
        samples: The evaluated images.
        metrics: By name, see `METRICS`; those that could not be computed are missing.
        sample_metrics: By name, one value per image.
        audits: By the kind of vectors, see `AUDITS`; empty without training or held-out images.
        training: Images among which near-copies were searched.
        told: How well real and synthetic regions are told apart, by the names `auc_features` and `auc_rulers`; empty
            with fewer than five patients.
    """

    samples: tuple[Sample, ...]
    metrics: dict[str, Sampled]
    sample_metrics: dict[str, list[float]]
    audits: dict[str, Audit]
    training: tuple[Sample, ...]
    told: dict[str, TwoSamples] = field(default_factory=dict)


@dataclass(frozen=True)
class Side:
    """What was measured beside the syntheses themselves, such as on blurred ones, or on local edits.

    Args:
        title: For people.
        planes: Metrics by plane, see `METRICS`; only those that tell something here.
    """

    title: str
    planes: dict[str, dict[str, Sampled]]

    def means(self) -> dict[str, Estimate]:
        """Return the mean over planes of each metric that all of them have."""
        return means_over_planes(list(self.planes.values()))


def means_over_planes(planes: Sequence[Mapping[str, Sampled]]) -> dict[str, Estimate]:
    """Return the mean over planes of each metric that all of them have."""
    return {
        metric.name: mean_of([plane[metric.name] for plane in planes]).estimate
        for metric in METRICS
        if planes and all(metric.name in plane for plane in planes)
    }


@dataclass(frozen=True)
class AdherenceResult:
    """How well one structure obeys.

    Args:
        samples: Images with the structure.
        verdicts: One per image.
    """

    samples: tuple[Sample, ...]
    verdicts: tuple[AdherenceVerdict, ...]

    def shares(self) -> dict[str, Estimate | None]:
        """Return the share of images that obey, by question; None where no image could tell."""
        told = {
            name: [bool(getattr(verdict, name)) for verdict in self.verdicts if getattr(verdict, name) is not None]
            for name in ("present", "enlarged", "removed")
        }
        return {name: share_estimate(sum(answers), len(answers)) if answers else None for name, answers in told.items()}


@dataclass(frozen=True)
class Results:
    """Everything that an evaluation found.

    Args:
        facts: What was evaluated and how, as JSON values.
        kept: Where the syntheses lie.
        planes: By plane.
        adherence: By structure.
        fidelity: What a detector finds, if one was given.
        blurs: The same metrics after a blur of the syntheses inside their regions, by the blur's name.
        local_edits: The rulers on edits that change a small region alone, if they were made.
        names: Whether content follows names, if they were exchanged.
        notes: Sentences that the reader should know.
    """

    facts: JsonObject
    kept: KeptSyntheses
    planes: dict[str, PlaneResult]
    adherence: dict[str, AdherenceResult] = field(default_factory=dict)
    fidelity: LayoutFidelity | None = None
    blurs: dict[str, Side] = field(default_factory=dict)
    local_edits: Side | None = None
    names: NameResults | None = None
    notes: tuple[str, ...] = ()

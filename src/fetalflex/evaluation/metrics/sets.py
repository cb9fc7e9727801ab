"""How far the set of synthetic images is from sets of real ones: KID, FID, and whether they can be told apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fetalflex.evaluation.intervals import DRAWS, Array, Sampled, patient_draws
from fetalflex.evaluation.metrics.frechet import frechet_distance
from fetalflex.evaluation.metrics.kid import FeatureSet, kid
from fetalflex.evaluation.metrics.two_samples import PairedNumbers, TwoSamples, tell_apart


@dataclass(frozen=True)
class PairedVectors:
    """Vectors of N real images or regions and of their syntheses, (N, D) each, row i of both from one layout."""

    real: Array
    synthetic: Array


def distances(
    whole: PairedVectors,
    rois: PairedVectors,
    patients: tuple[str, ...],
    draws: Array,
    training: Array | None,
    training_patients: tuple[str, ...],
    training_seed: int,
) -> dict[str, Sampled]:
    """Return KID and FID, by the names of `QUALITY`; none of fewer than two patients.

    Args:
        whole: Of whole images.
        rois: Of their regions.
        patients: Patient of each pair.
        draws: Of `patient_draws`.
        training: Vectors of the regions of training images, (M, D).
        training_patients: Patient of each.
        training_seed: Seed of their draws.
    """
    if len(set(patients)) < 2:
        return {}
    real, synthetic = (FeatureSet(part, patients, draws) for part in (rois.real, rois.synthetic))
    found = {
        "kid": kid(*(FeatureSet(part, patients, draws) for part in (whole.real, whole.synthetic))),
        "kid_roi": kid(real, synthetic),
        "fid_roi": Sampled(frechet_distance(rois.real, rois.synthetic), np.full(DRAWS, np.nan), len(patients)),
    }
    if training is not None and len(set(training_patients)) >= 2:
        trained = FeatureSet(training, training_patients, patient_draws(training_patients, training_seed))
        found |= {"kid_roi_training": kid(synthetic, trained), "real_kid_roi_training": kid(real, trained)}
    return found


def classified(rois: PairedVectors, looks: PairedNumbers, seed: int) -> dict[str, TwoSamples]:
    """Return how well regions are told apart, by the names of `QUALITY` and `RULERS`; nothing of few patients.

    Args:
        rois: Features of a network.
        looks: What the rulers see, see `appearances`.
        seed: Of folds and draws.
    """
    names = tuple(f"feature {number}" for number in range(rois.real.shape[1]))
    features = PairedNumbers(names, rois.real, rois.synthetic, looks.patients)
    found = {"auc_features": tell_apart(features, seed), "auc_rulers": tell_apart(looks, seed)}
    return {name: one for name, one in found.items() if one is not None}

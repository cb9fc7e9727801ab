from __future__ import annotations

import numpy as np
import pytest

from fetalflex.anatomy.anomalies import Variant, default_library
from fetalflex.counterfactuals import CounterfactualPair, synthesise_pairs
from fetalflex.pipeline.pipeline import FetalFlexPipeline
from fetalflex.pipeline.sampling import Sampling
from small_layouts import ABDOMEN


@pytest.fixture(scope="session")
def image() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, (80, 120), dtype=np.uint8)


@pytest.fixture(scope="session")
def variant() -> Variant:
    return default_library().anomaly("dilated_stomach").sample(ABDOMEN, "severe", seed=3)


@pytest.fixture(scope="session")
def pair(pipeline: FetalFlexPipeline, image: np.ndarray, variant: Variant) -> CounterfactualPair:
    return synthesise_pairs(pipeline, image, [variant], seed=7, sampling=Sampling(steps=2))[0]

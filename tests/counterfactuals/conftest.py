from __future__ import annotations

import numpy as np
import pytest

from fetalflex.anatomy import Box, Layout, PlacedStructure
from fetalflex.anatomy.anomalies import Variant, default_library
from fetalflex.counterfactuals import CounterfactualPair, synthesise_pairs
from fetalflex.pipeline.pipeline import FetalFlexPipeline

ABDOMEN = Layout(
    "abdominal_transverse",
    120,
    80,
    (
        PlacedStructure("abdomen", Box(50, 42, 60, 56)),
        PlacedStructure("stomach", Box(40, 44, 14, 10)),
        PlacedStructure("spine", Box(70, 36, 10, 10)),
    ),
)


@pytest.fixture(scope="session")
def image() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, (80, 120), dtype=np.uint8)


@pytest.fixture(scope="session")
def variant() -> Variant:
    return default_library().anomaly("dilated_stomach").sample(ABDOMEN, "severe", seed=3)


@pytest.fixture(scope="session")
def pair(pipeline: FetalFlexPipeline, image: np.ndarray, variant: Variant) -> CounterfactualPair:
    return synthesise_pairs(pipeline, image, [variant], seed=7, steps=2)[0]

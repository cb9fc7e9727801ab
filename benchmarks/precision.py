"""A whole synthesis: the networks in bfloat16, against the same in float32."""

from __future__ import annotations

import numpy as np

from benchmarks.measuring import Comparison
from fetalflex.anatomy import Box, Layout, PlacedStructure, default_registry, prompt_corpus
from fetalflex.compute.precision import Precision
from fetalflex.models.build import build_components
from fetalflex.models.configs import get_preset
from fetalflex.pipeline.pipeline import FetalFlexPipeline
from fetalflex.pipeline.sampling import Sampling
from fetalflex.pipeline.synthesis import Synthesis

STEPS = 5
_LAYOUT = Layout("thalamic_transverse", 256, 256, (PlacedStructure("skull", Box(128, 128, 160, 120)),))
_NEARLY = 3.0


def comparison(preset: str) -> Comparison:
    """Return the comparison for a preset with random weights; speed does not depend on their values."""
    pipeline = FetalFlexPipeline(build_components(get_preset(preset), prompt_corpus(default_registry())))
    image = np.random.default_rng(0).integers(0, 256, (256, 256), dtype=np.uint8)

    def made(precision: Precision) -> Synthesis:
        return pipeline(_LAYOUT, image=image, sampling=Sampling(steps=STEPS, precision=precision))

    def same() -> bool:
        first, second = (made(precision).image.astype(int) for precision in ("bf16", "fp32"))
        return bool(np.abs(first - second).mean() < _NEARLY)

    return Comparison(
        name=f"synthesis of {STEPS} steps, {preset}, one image",
        ours=("fetalflex: --precision bf16", lambda: made("bf16")),
        theirs=("fetalflex: --precision fp32", lambda: made("fp32")),
        unit="image",
        per_call=1,
        same=same,
    )

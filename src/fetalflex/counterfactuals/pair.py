"""Pair: what an image shows normally and what it would show with an anomaly, all else being equal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fetalflex.anatomy import CHANGE_MARGIN, CloseUp, draw_change_mask
from fetalflex.errors import FetalFlexError

if TYPE_CHECKING:
    from fetalflex.anatomy.anomalies import Variant
    from fetalflex.pipeline.pipeline import FetalFlexPipeline
    from fetalflex.pipeline.synthesis import Synthesis


@dataclass(frozen=True)
class CounterfactualPair:
    """Hold a normal and an abnormal synthesis of one image, with the same background and noise.

    Args:
        source: (H, W) uint8 grey, the real image; both equal it outside their ROI.
        variant: The anomaly, and the layouts before and after.
        normal: Synthesis under the layout before.
        abnormal: Synthesis under the layout after.
        may_differ: (H, W) bool; elsewhere both are equal bit for bit.
        margin: Space round what the anomaly changes, as a fraction of the longer image side; None if both may differ
            in the whole ROI.
    """

    source: NDArray[np.uint8]
    variant: Variant
    normal: Synthesis
    abnormal: Synthesis
    may_differ: NDArray[np.bool_]
    margin: float | None

    @property
    def difference(self) -> NDArray[np.int16]:
        """Return abnormal minus normal in grey levels, (H, W), -255 to 255."""
        return self.abnormal.image.astype(np.int16) - self.normal.image.astype(np.int16)

    @property
    def close_up(self) -> CloseUp:
        """Return the part of the image that the model worked on."""
        recorded = self.normal.settings["close_up"]
        return CloseUp(*recorded) if recorded else CloseUp.whole(self.variant.before)

    def measures(self) -> dict[str, Any]:
        """Return how much differs, inside and outside of where it may, as plain values; all outside is 0."""
        difference, inside = np.abs(self.difference), self.may_differ
        kept = ~self.normal.roi_mask
        return {
            "pixels": int(inside.size),
            "roi_pixels": int(self.normal.roi_mask.sum()),
            "may_differ_pixels": int(inside.sum()),
            "inside": _amount(difference[inside]) | {"mean_difference": float(self.difference[inside].mean())},
            "outside": _amount(difference[~inside]),
            "changed_from_source_outside_roi": {
                "normal": int(np.count_nonzero(self.normal.image[kept] != self.source[kept])),
                "abnormal": int(np.count_nonzero(self.abnormal.image[kept] != self.source[kept])),
            },
        }


def _amount(difference: NDArray[np.int16]) -> dict[str, float | int]:
    """Return measures of absolute differences, (N,); all 0 where there are none."""
    return {
        "changed_pixels": int(np.count_nonzero(difference)),
        "mean_absolute_difference": float(difference.mean()) if difference.size else 0.0,
        "largest_absolute_difference": int(difference.max(initial=0)),
    }


def synthesise_pairs(
    pipeline: FetalFlexPipeline,
    image: NDArray[np.uint8],
    variants: Sequence[Variant],
    margin: float | None = CHANGE_MARGIN,
    prompt_words: bool = True,
    seed: int = 0,
    **options: Any,
) -> list[CounterfactualPair]:
    """Synthesise one pair per variant of an image; all share the normal synthesis.

    Example:
        >>> variant = default_library().anomaly("dilated_stomach").sample(layout, "severe", 3)      # doctest: +SKIP
        >>> [pair] = synthesise_pairs(pipeline, image, [variant], seed=3)                           # doctest: +SKIP
        >>> save_pair(pair, "out/dilated")                                                          # doctest: +SKIP

    Args:
        pipeline: The model.
        image: (H, W) uint8 grey.
        variants: Anomalies of the image's layout, at least one.
        margin: Space round what the anomaly changes in which a pair may differ too, as a fraction of the longer image
            side; all else is the source's. None to synthesise the whole region of the layouts, and let the pair differ
            there.
        prompt_words: Add the anomaly's words to the prompt of the abnormal synthesis.
        seed: Seed of the noise.
        options: As for `FetalFlexPipeline.counterfactual`.

    Raises:
        FetalFlexError: If variants, image or options do not fit together.
    """
    if not variants:
        raise FetalFlexError("there are no variants; give at least one, such as anomaly.sample(layout) returns")
    before = variants[0].before
    if any(variant.before != before for variant in variants):
        raise FetalFlexError("the variants start from different layouts; give variants of one image's layout")
    registry = pipeline.registry
    if margin is None:
        regions = [np.ones((before.height, before.width), np.bool_)] * len(variants)
        options.setdefault("roi", "auto")
    else:
        regions = [draw_change_mask(before, variant.after, registry, margin) for variant in variants]
    normal, *abnormal = pipeline.counterfactual(
        image,
        before,
        [variant.after for variant in variants],
        regions,
        prompt=[variant.prompt(registry) if prompt_words else None for variant in variants],
        seed=seed,
        **options,
    )
    parts = zip(variants, abnormal, regions, strict=True)
    return [
        CounterfactualPair(image, variant, normal, synthesis, region & normal.roi_mask, margin)
        for variant, synthesis, region in parts
    ]

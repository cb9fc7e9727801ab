"""Pair: what an image shows normally and what it would show with an anomaly, all else being equal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fetalflex.anatomy import CHANGE_MARGIN, CHANGED, CloseUp, draw_change_mask
from fetalflex.display import notebook_png
from fetalflex.errors import FetalFlexError
from fetalflex.files.json_files import JsonObject
from fetalflex.pipeline.option_names import explain_options
from fetalflex.pipeline.region import ImageLike, Roi
from fetalflex.pipeline.sampling import Sampling

if TYPE_CHECKING:
    from fetalflex.anatomy.anomalies import Variant
    from fetalflex.diffusion.sampling import Callback
    from fetalflex.pipeline.pipeline import FetalFlexPipeline
    from fetalflex.pipeline.synthesis import Synthesis


@dataclass(frozen=True, repr=False, eq=False)
class CounterfactualPair:
    """A normal and an abnormal synthesis of one image, with the same background and noise.

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

    def __repr__(self) -> str:
        variant, seed = self.variant, self.normal.seed
        inside = self.may_differ.mean()
        return f"CounterfactualPair({variant.anomaly}, {variant.severity}, seed {seed}, {inside:.0%} may differ)"

    def _repr_png_(self) -> bytes | None:
        """Return its sheet as notebooks show it; None if the built-in planes do not know its layouts."""
        from fetalflex.anatomy import default_registry
        from fetalflex.counterfactuals.sheet import draw_pair_sheet

        title = self.variant.anomaly.replace("_", " ").capitalize()
        return notebook_png(lambda: draw_pair_sheet([self], default_registry(), title, "the source image"))

    @property
    def difference(self) -> NDArray[np.int16]:
        """Return abnormal minus normal in grey levels, (H, W), -255 to 255."""
        return self.abnormal.image.astype(np.int16) - self.normal.image.astype(np.int16)

    @property
    def close_up(self) -> CloseUp:
        """Return the part of the image that the model worked on."""
        return self.normal.close_up or CloseUp.whole(self.variant.before)

    def measures(self) -> JsonObject:
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


@explain_options
def synthesise_pairs(
    pipeline: FetalFlexPipeline,
    image: ImageLike,
    variants: Sequence[Variant],
    margin: float | None = CHANGE_MARGIN,
    prompt_words: bool = True,
    seed: int = 0,
    *,
    roi: Roi | None = None,
    negative_prompt: str | None = None,
    sampling: Sampling = Sampling(),
    callback: Callback | None = None,
    on_progress: Callable[[float], None] | None = None,
) -> list[CounterfactualPair]:
    """Synthesise one pair per variant of an image; all share the normal synthesis.

    Example:
        >>> variant = default_library().anomaly("dilated_stomach").sample(layout, "severe", 3)      # doctest: +SKIP
        >>> [pair] = synthesise_pairs(pipeline, image, [variant], seed=3)                           # doctest: +SKIP
        >>> save_pair(pair, "out/dilated")                                                          # doctest: +SKIP

    Args:
        pipeline: The model.
        image: (H, W) uint8 grey, or a PIL image.
        variants: Anomalies of the image's layout, at least one.
        margin: Space round what the anomaly changes in which a pair may differ too, as a fraction of the longer image
            side; all else is the source's. None to synthesise the whole region of the layouts, and let the pair differ
            there.
        prompt_words: Add the anomaly's words to the prompt of the abnormal synthesis.
        seed: Seed of the noise.
        roi: Region to synthesise, as for `FetalFlexPipeline.counterfactual`; by default "changed", or "auto" where
            `margin` is None.
        negative_prompt: As for `FetalFlexPipeline.counterfactual`; so are the next arguments.
        sampling: How to sample.
        callback: Called after each sampling step.
        on_progress: Called after each sampling step with how many images are done by now.

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
    else:
        regions = [draw_change_mask(before, variant.after, registry, margin) for variant in variants]
    normal, *abnormal = pipeline.counterfactual(
        image,
        before,
        [variant.after for variant in variants],
        regions,
        prompt=[variant.prompt(registry) if prompt_words else None for variant in variants],
        seed=seed,
        roi=roi if roi is not None else "auto" if margin is None else CHANGED,
        negative_prompt=negative_prompt,
        sampling=sampling,
        callback=callback,
        on_progress=on_progress,
    )
    source = np.asarray(image)
    parts = zip(variants, abnormal, regions, strict=True)
    return [
        CounterfactualPair(source, variant, normal, synthesis, region & normal.roi_mask, margin)
        for variant, synthesis, region in parts
    ]

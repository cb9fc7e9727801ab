"""All calls into the pipeline and the detector: requests of the page in, syntheses out."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fetalflex.anatomy import CHANGE_MARGIN, Canvas, CloseUp, Layout, Registry, draw_change_mask
from fetalflex.detection import Detection
from fetalflex.diffusion.guidance import Guidance
from fetalflex.diffusion.smoothing import Smoothing
from fetalflex.errors import FetalFlexError
from fetalflex.files.json_files import JsonObject
from fetalflex.finishing import Finishing
from fetalflex.pipeline import FetalFlexPipeline, Sampling, Synthesis
from fetalflex.request_notes import layout_notes, prompt_notes
from fetalflex.studio.messages import Settings
from fetalflex.studio.pictures import as_text
from fetalflex.studio.seen import misses

if TYPE_CHECKING:
    from torch import Tensor

    from fetalflex.detection import Detector
    from fetalflex.diffusion.sampling import Step

Image = NDArray[np.uint8]
Mask = NDArray[np.bool_]
Report = Callable[[int, int, JsonObject | None], None]
"""Takes steps done, steps in all, and a preview; may raise to stop."""

_SECONDS_BETWEEN_PREVIEWS = 1.0


class Engine:
    """Compute what the page asks for; to be called from one thread at a time.

    Args:
        pipeline: The model.
        load_detector: Loads the detector when it is first needed.
    """

    def __init__(self, pipeline: FetalFlexPipeline, load_detector: Callable[[], Detector]) -> None:
        self._pipeline = pipeline
        self._load_detector = load_detector
        self._detector: Detector | None = None

    @property
    def registry(self) -> Registry:
        """Planes and structures of the model."""
        return self._pipeline.registry

    @property
    def identity(self) -> str:
        """Name and digest of the model's weights."""
        return self._pipeline.identity

    @property
    def image_size(self) -> int:
        """Side of the model's canvas, pixels."""
        return self._pipeline.components.config.image_size

    def notes(self, model: str, layout: Layout, prompts: Sequence[str]) -> list[str]:
        """Return one sentence for each plane, structure or word that the model has never learnt.

        Args:
            model: The model as the user named it.
            layout: What is to be drawn.
            prompts: As the user typed them.
        """
        typed = [text for text in prompts if text.strip()]
        return [*layout_notes(self._pipeline, model, [layout]), *prompt_notes(self._pipeline, model, typed)]

    def region(self, image: Image, before: Layout, after: Layout, region: str | Mask) -> Mask:
        """Return what an edit would draw anew, (H, W) bool."""
        return self._pipeline.edit_region(image, before, [after], region)

    def generate(
        self,
        image: Image,
        before: Layout,
        after: Layout,
        region: str | Mask,
        seeds: Sequence[int],
        settings: Settings,
        report: Report,
    ) -> Iterator[Synthesis]:
        """Yield a synthesis per seed, as soon as it is there."""
        roi_mask = self.region(image, before, after, region)
        layouts = [after] if before == after else [before, after]
        progress = self._progress(image, layouts, roi_mask, len(seeds), report)
        for seed in seeds:
            yield self._pipeline.edit(
                image,
                before,
                after,
                roi_mask,
                _text(settings.prompt),
                seed,
                negative_prompt=_text(settings.negative_prompt),
                sampling=_sampling(settings),
                callback=progress,
            )

    def refine(
        self, draft: Image, layout: Layout, mask: Mask, seeds: Sequence[int], settings: Settings, report: Report
    ) -> Iterator[Synthesis]:
        """Yield a synthesis per seed that differs from the draft inside the mask alone."""
        progress = self._progress(draft, [layout], mask, len(seeds), report)
        for seed in seeds:
            yield self._pipeline.refine(
                draft,
                layout,
                mask,
                _text(settings.prompt),
                seed,
                negative_prompt=_text(settings.negative_prompt),
                sampling=_sampling(settings),
                callback=progress,
            )

    def pair(
        self, image: Image, before: Layout, after: Layout, seed: int, settings: Settings, report: Report
    ) -> tuple[Synthesis, Synthesis]:
        """Return an image synthesised as it is, and as edited, from the same noise."""
        may_differ = draw_change_mask(before, after, self.registry, CHANGE_MARGIN)
        progress = self._progress(image, [before, after], may_differ, 1, report, shown=-1)
        normal, changed = self._pipeline.counterfactual(
            image,
            before,
            [after],
            [may_differ],
            prompt=[_text(settings.prompt)],
            seed=seed,
            negative_prompt=_text(settings.negative_prompt),
            sampling=_sampling(settings).replace(strength=None),
            callback=progress,
        )
        return normal, changed

    def detect(self, image: Image, plane: str | None) -> Detection:
        """Return plane and boxes that the detector finds."""
        return self._loaded_detector().detect([image], [plane])[0]

    def misses(self, image: Image, before: Layout, after: Layout) -> list[str]:
        """Return what the detector does not see of an edit in a synthesis, one sentence each.

        Nothing is said where there is no detector, or none for this plane.
        """
        try:
            known = self._loaded_detector().config.planes.get(after.plane, ())
            return misses(before, after, self.detect(image, after.plane), known) if known else []
        except FetalFlexError:
            return []

    def _loaded_detector(self) -> Detector:
        if self._detector is None:
            self._detector = self._load_detector()
        return self._detector

    def _progress(
        self,
        image: Image,
        layouts: Sequence[Layout],
        roi_mask: Mask,
        count: int,
        report: Report,
        shown: int = 0,
    ) -> Callable[[Tensor, Step], None]:
        """Return a callback that reports steps of `count` syntheses, and now and then a preview of where it lies.

        Args:
            image: (H, W) uint8, seen round the region.
            layouts: What the close-up shows, as the pipeline chooses it.
            roi_mask: (H, W) bool.
            count: Syntheses that are computed one after the other.
            report: Takes what is to be told.
            shown: Which image of a batch is previewed.
        """
        close_up = CloseUp.around_all(layouts, self.registry, roi_mask)
        canvas = Canvas(close_up.width, close_up.height, self.image_size)
        done, last = 0, time.monotonic()

        def callback(_latents: Tensor, step: Step) -> None:
            nonlocal done, last
            done += 1
            preview = None
            if not step.is_last and time.monotonic() - last > _SECONDS_BETWEEN_PREVIEWS:
                decoded = self._pipeline.preview(step.denoised[shown:][:1])[0]
                kept = close_up.image(image)
                pixels = np.where(close_up.image(roi_mask), canvas.image_from_canvas(decoded), kept)
                preview = {"x": close_up.x, "y": close_up.y, "png": as_text(pixels)}
                last = time.monotonic()
            report(done, count * step.count, preview)

        return callback


def _sampling(settings: Settings) -> Sampling:
    return Sampling(
        sampler=settings.sampler,
        steps=settings.steps,
        guidance=Guidance(settings.guidance_prompt, settings.guidance_layout, settings.guidance_edit),
        smoothing=Smoothing() if settings.ssa else None,
        strength=settings.strength,
        finishing=Finishing(feather=settings.feather),
    )


def _text(typed: str) -> str | None:
    return typed.strip() or None

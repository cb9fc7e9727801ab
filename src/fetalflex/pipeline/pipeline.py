"""The public face: layouts in, synthetic images out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, overload

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fetalflex.anatomy import CHANGED, CloseUp, Layout, Registry, default_registry, draw_edit_mask, model_registry
from fetalflex.checks import whole_number
from fetalflex.compute.precision import Precision
from fetalflex.diffusion.anisotropic import Smoothing
from fetalflex.diffusion.guidance import DEFAULT_GUIDANCE, Guidance
from fetalflex.diffusion.resampling import Resampling
from fetalflex.diffusion.sampling import Callback
from fetalflex.errors import FetalFlexError
from fetalflex.finishing import DEFAULT_FINISHING, Finishing
from fetalflex.finishing.finish import Fit, finish
from fetalflex.finishing.pasting import paste
from fetalflex.models.components import Components, model_identity
from fetalflex.models.latents import decode, grey_from_pixels
from fetalflex.pipeline.canvas_sampling import CanvasSampler
from fetalflex.pipeline.requests import (
    Image,
    Mask,
    Request,
    Roi,
    check_requests,
    edit_region,
    regions_that_may_differ,
    roi_mask_of,
    union_of_masks,
)
from fetalflex.pipeline.sampling import SamplingSettings
from fetalflex.pipeline.synthesis import Synthesis


class FetalFlexPipeline:
    """Synthesise fetal ultrasound images from layouts.

    Example:
        >>> pipeline = FetalFlexPipeline.from_pretrained("weights/mini")  # doctest: +SKIP
        >>> synthesis = pipeline(Layout.load("stomach.layout.json"), image=read_image("abdomen.png"), seed=3)
        >>> synthesis.save("synthetic.png")

    Args:
        components: The model.
        registry: Planes and structures; the built-in ones by default.
        device: Where to compute.
    """

    def __init__(
        self, components: Components, registry: Registry | None = None, device: torch.device | str = "cpu"
    ) -> None:
        self.device = torch.device(device)
        self.components = components.freeze().to(self.device)
        self.registry = registry or default_registry()
        self.canvas_sampler = CanvasSampler(self.components, self.registry, self.device)
        self.identity = model_identity(components)

    @classmethod
    def from_pretrained(
        cls, folder: Path | str, registry: Registry | None = None, device: torch.device | str = "cpu"
    ) -> FetalFlexPipeline:
        """Load a model folder.

        Args:
            folder: The model folder.
            registry: Planes and structures; by default those that the model was trained with.
            device: Where to compute.

        Raises:
            FetalFlexError: If the folder is no model, or damaged.
        """
        return cls(Components.load(folder), registry or model_registry(folder), device)

    def save_pretrained(self, folder: Path | str, half: bool = False) -> None:
        """Write the model folder, as float16 if `half`."""
        self.components.save(folder, half=half)

    # The overloads leave the options to the implementation, which names them all.
    @overload
    def __call__(self, layout: Layout, **options: Any) -> Synthesis: ...
    @overload
    def __call__(self, layout: Sequence[Layout], **options: Any) -> list[Synthesis]: ...

    @torch.no_grad()  # type: ignore[misc]
    def __call__(
        self,
        layout: Layout | Sequence[Layout],
        image: Image | Sequence[Image | None] | None = None,
        roi: Roi | Sequence[Roi] = "auto",
        prompt: str | Sequence[str | None] | None = None,
        seed: int | Sequence[int] = 0,
        *,
        before: Layout | Sequence[Layout | None] | None = None,
        negative_prompt: str | Sequence[str | None] | None = None,
        sampler: str = "ddim",
        steps: int = 20,
        eta: float = 0.0,
        guidance: Guidance = DEFAULT_GUIDANCE,
        smoothing: Smoothing | None = None,
        resampling: Resampling | None = None,
        strength: float = 1.0,
        finishing: Finishing = DEFAULT_FINISHING,
        close_up: bool | CloseUp = True,
        precision: Precision = "fp32",
        batch_size: int = 4,
        callback: Callback | None = None,
        on_progress: Callable[[int], None] | None = None,
    ) -> Synthesis | list[Synthesis]:
        """Synthesise one image per layout.

        Image, ROI, prompts, seed and earlier layout are one value for all layouts or one per layout.

        Args:
            layout: What the image shows; a single layout gives a single result.
            image: (H, W) uint8 grey, the size of the layout: the image whose background is kept. Without one the
                whole image is synthesised.
            roi: Region to synthesise: "auto", "outline", "box", "structures", "full", or a mask (H, W) bool; see
                `draw_roi_mask`. With `before` also "changed", see `draw_change_mask`.
            prompt: Text in place of the global prompt made from the layout.
            seed: One seed per layout; a single number s gives layout i the seed s + i.
            before: Layout before an edit, of which `layout` is the result; a close-up then shows both, and what was
                changed is strengthened as `guidance.edit` says.
            negative_prompt: Text to steer away from, in place of the null prompt; needs a prompt guidance other than 1.
            sampler: "ddim", "dpm++" or "unipc".
            steps: Sampling steps.
            eta: 0 is deterministic, 1 is ancestral sampling; DDIM only.
            guidance: Weights of prompt, layout and edit.
            smoothing: Anisotropic diffusion inside the sampling loop (SSA).
            resampling: Go stretches of the way several times (RePaint).
            strength: Share of the sampling steps that is gone, in (0, 1], starting at the source image noised so far:
                below 1 what lies in the ROI guides what is drawn there; 1 starts at pure noise. Needs an image.
            finishing: How the ROI is fitted into the image; `Finishing.off()` pastes it as it is.
            close_up: Let the model see the image round anatomy and ROI alone, enlarged to its canvas, and put the
                result back; without it, or without an image, it works on the whole picture. A `CloseUp` is used as it
                is, so that several tasks on one image share their frame, and with it their noise.
            precision: "bf16" runs the networks in bfloat16, which is faster where the hardware knows it.
            batch_size: Images that are computed together; the result does not depend on it beyond rounding.
            callback: Called after each sampling step with the latent and a description of the step, of which
                `preview` makes images; an exception that it raises ends the sampling.
            on_progress: Called with the number of images finished so far.

        Raises:
            FetalFlexError: If layouts, images, masks or numbers do not fit together; the message names which.
        """
        layouts = [layout] if isinstance(layout, Layout) else list(layout)
        settings = SamplingSettings(
            sampler,
            steps,
            eta,
            guidance,
            smoothing,
            resampling,
            strength,
            finishing=finishing,
            close_up=close_up,
            precision=precision,
        )
        requests = check_requests(self.registry, layouts, image, roi, prompt, negative_prompt, seed, close_up, before)
        if settings.strength < 1 and any(request.image is None for request in requests):
            raise FetalFlexError("strength below 1 starts at the source image, but there is none; give image")
        results = self._synthesise(requests, settings, batch_size, callback, on_progress)
        return results[0] if isinstance(layout, Layout) else results

    @torch.no_grad()
    def refine(
        self,
        draft: Image,
        layout: Layout,
        mask: NDArray[np.bool_],
        prompt: str | None = None,
        seed: int = 0,
        *,
        negative_prompt: str | None = None,
        strength: float = 0.6,
        sampler: str = "ddim",
        steps: int = 20,
        eta: float = 0.0,
        guidance: Guidance = DEFAULT_GUIDANCE,
        smoothing: Smoothing | None = None,
        resampling: Resampling | None = None,
        finishing: Finishing = DEFAULT_FINISHING,
        close_up: bool | CloseUp = True,
        precision: Precision = "fp32",
        callback: Callback | None = None,
    ) -> Synthesis:
        """Work out organs of a draft once more: the second sampling stage, OSM.

        The draft is noised as far as `strength` says and denoised under prompt and layout inside the masks; outside
        them it stays bit for bit.

        Args:
            draft: (H, W) uint8 grey; from this model or from anywhere else.
            layout: What the result shows, the size of the draft.
            mask: Where the organs are, (H, W) bool, or (N, H, W) for several; all are refined in one pass.
            prompt: As for a call; so are the arguments that are not named here.
            seed: Seed of the noise.
            negative_prompt: Text to steer away from.
            strength: Share of the sampling steps that is gone, in (0, 1]: little keeps the draft's structure, 1 forgets
                it.
            sampler: "ddim", "dpm++" or "unipc".
            steps: Sampling steps from pure noise on, of which `strength` leaves its share.
            eta: 0 is deterministic, 1 is ancestral sampling.
            guidance: Weights of prompt and layout.
            smoothing: Anisotropic diffusion inside the sampling loop (SSA).
            resampling: Go stretches of the way several times (RePaint).
            finishing: How the masks' inside is fitted into the draft.
            close_up: As for a call.
            precision: As for a call.
            callback: Called after each sampling step.

        Raises:
            FetalFlexError: If draft, layout, masks or numbers do not fit together; the message names which.
        """
        settings = SamplingSettings(
            sampler, steps, eta, guidance, smoothing, resampling, strength, finishing, close_up, precision
        )
        roi = union_of_masks(mask, layout)
        requests = check_requests(self.registry, [layout], draft, roi, prompt, negative_prompt, seed, close_up)
        return self._synthesise(requests, settings, 1, callback, None)[0]

    def preview(self, latents: Tensor) -> Image:
        """Return canvas images, (B, S, S) uint8, of latents (B, C, h, w), such as a step's estimate of x_0."""
        with torch.no_grad():
            return grey_from_pixels(decode(self.components.vae, latents))

    def _synthesise(
        self,
        requests: list[Request],
        settings: SamplingSettings,
        batch_size: int,
        callback: Callback | None,
        on_progress: Callable[[int], None] | None,
    ) -> list[Synthesis]:
        batch_size = whole_number(batch_size, "batch_size", 1, 4096)
        if settings.guidance.prompt == 1.0 and any(request.negative_prompt for request in requests):
            raise FetalFlexError(
                "negative_prompt has no effect while the prompt's guidance is 1; set guidance.prompt above 1, such as 3"
            )
        results: list[Synthesis] = []
        for start in range(0, len(requests), batch_size):
            batch = requests[start : start + batch_size]
            parts = [request.part() for request in batch]
            conditions = [self.canvas_sampler.conditions(part) for part in parts]
            pixels = self.canvas_sampler.sample(parts, conditions, settings, callback)
            leading: Fit | None = None
            for request, part, condition, canvas in zip(batch, parts, conditions, pixels, strict=True):
                image = part.canvas(self.components.config.image_size).image_from_canvas(canvas)
                like = None if request.may_differ is None else leading
                synthesis, fit = self._finish(request, part, condition.prompt, image, settings, like)
                leading = leading or fit
                results.append(synthesis)
            if on_progress:
                on_progress(len(results))
        return results

    def _finish(
        self, request: Request, part: Request, prompt: str, image: Image, settings: SamplingSettings, like: Fit | None
    ) -> tuple[Synthesis, Fit]:
        """Return the synthesis of a decoded close-up, and its fit for those that follow it."""
        record, close_up = settings.record(), request.close_up
        if request.before is None:
            record.pop("edit_guidance", None)
        record.pop("finishing")
        fit = Fit()
        if part.image is not None and request.image is not None:
            finished = finish(image, part.image, part.roi_mask, settings.finishing, request.seed, like)
            fit, image = finished.fit, close_up.put_back(finished.image, request.image)
            record["finishing"] = finished.record
        if request.negative_prompt:
            record["negative_prompt"] = request.negative_prompt
        whole = close_up == CloseUp.whole(request.layout)
        record["close_up"] = False if whole else [close_up.x, close_up.y, close_up.width, close_up.height]
        return Synthesis(image, request.layout, request.roi_mask, prompt, request.seed, self.identity, record), fit

    def edit(self, image: Image, before: Layout, after: Layout, roi: Roi = CHANGED, **options: Any) -> Synthesis:
        """Synthesise an image under an edited layout; the ROI covers what was there before and what is there now.

        A close-up shows what both layouts show, however small the ROI is.

        Args:
            image: (H, W) uint8 grey.
            before: What the image shows.
            after: What it is to show.
            roi: "changed" = the structures that differ, before and after, each with a margin (see `draw_change_mask`),
                or the same as "auto" where none does; other modes = the union of both layouts' regions; or a mask,
                which is taken as it is.
            options: As for a call.
        """
        mask = self.edit_region(image, before, [after], roi)
        return self(after, image=image, roi=mask, before=before, **options)

    @torch.no_grad()
    def counterfactual(
        self,
        image: Image,
        before: Layout,
        after: Sequence[Layout],
        may_differ: Sequence[NDArray[np.bool_]],
        roi: Roi = CHANGED,
        prompt: Sequence[str | None] | None = None,
        seed: int = 0,
        *,
        negative_prompt: str | None = None,
        callback: Callback | None = None,
        **options: Any,
    ) -> list[Synthesis]:
        """Synthesise an image under its own layout, and under others that may differ from it in given regions alone.

        All start from the same noise, in the same close-up and with the same background, and are computed as one batch.
        Outside its region, each further synthesis follows the first after every sampling step, and in the end takes
        over its pixels; so it equals it there bit for bit, and outside the ROI all equal the source.

        Args:
            image: (H, W) uint8 grey.
            before: What the image shows.
            after: What the further syntheses are to show.
            may_differ: For each of them where it may differ from the first, (H, W) bool; what lies outside the ROI is
                left out.
            roi: "changed" = the union of `may_differ`, so that all the rest is the source's; or a mode or mask as for
                `edit`; a mode's region covers all layouts.
            prompt: One for each further synthesis, None for that made from its layout.
            seed: Seed of all.
            negative_prompt: Text to steer away from.
            callback: Called after each sampling step.
            options: Sampling settings, as for a call.

        Returns:
            The synthesis under the image's own layout, then one per further layout.

        Raises:
            FetalFlexError: If image, layouts, masks or numbers do not fit together; the message names which.
        """
        if not after:
            raise FetalFlexError("after is empty; give at least one layout to set against the image's own")
        layouts = [before, *after]
        if isinstance(roi, str) and roi == CHANGED:
            whole = np.ones((before.height, before.width), np.bool_)
            roi = np.logical_or.reduce(regions_that_may_differ(may_differ, len(after), whole))
        roi_mask = self.edit_region(image, before, after, roi)
        if options.get("close_up", True) is True:
            options["close_up"] = CloseUp.around_all(layouts, self.registry, roi_mask)
        settings = SamplingSettings(**options)
        prompts = [None, *([None] * len(after) if prompt is None else prompt)]
        seeds = [seed] * len(layouts)
        earlier = [None, *([before] * len(after))]
        requests = check_requests(
            self.registry, layouts, image, roi_mask, prompts, negative_prompt, seeds, settings.close_up, earlier
        )
        regions = regions_that_may_differ(may_differ, len(after), requests[0].roi_mask)
        followers = [replace(it, may_differ=region) for it, region in zip(requests[1:], regions, strict=True)]
        first, *others = self._synthesise([requests[0], *followers], settings, len(requests), callback, None)
        frame = requests[0].close_up
        return [first, *(self._joined(first, *pair, frame) for pair in zip(others, regions, strict=True))]

    def _joined(
        self, first: Synthesis, other: Synthesis, may_differ: NDArray[np.bool_], close_up: CloseUp
    ) -> Synthesis:
        """Return a synthesis with the pixels of the first where it may not differ from it.

        Their latents are blended within one latent at the region's edge, their pixels over half of one.
        """
        blend = round(max(close_up.width, close_up.height) / self.components.config.latent_size / 2)
        image = paste(other.image, first.image, may_differ, blend, kept=first.roi_mask & ~may_differ)
        return replace(other, image=image, settings=other.settings | {"blend": blend})

    def edit_region(self, image: Image, before: Layout, after: Sequence[Layout], roi: Roi = CHANGED) -> Mask:
        """Return the region that a mode gives for edits of an image, (H, W) bool, or the mask as it is, checked.

        Args:
            image: (H, W) uint8 grey.
            before: What the image shows.
            after: What each edit leads to, at least one.
            roi: As for `edit`.
        """
        if isinstance(roi, str):
            masks = [edit_region(self.registry, image, before, layout, roi) for layout in after]
            return np.logical_or.reduce(masks)
        return roi_mask_of(self.registry, before, image, roi)

    def edit_roi(self, before: Layout, after: Layout, mode: str = CHANGED) -> NDArray[np.bool_]:
        """Return the region to synthesise for an edit of any image, (H, W) bool; see `draw_edit_mask`."""
        return draw_edit_mask(before, after, self.registry, mode)


__all__ = ["FetalFlexPipeline", "Finishing", "Guidance", "Resampling", "Smoothing", "Synthesis"]

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

from fetalflex.anatomy import (
    CloseUp,
    Layout,
    Registry,
    default_registry,
    draw_layout_map,
    draw_roi_mask,
    model_registry,
)
from fetalflex.anatomy.checks import whole_number
from fetalflex.anatomy.conditions import Conditions, build_conditions
from fetalflex.conditioning import ConditionedDenoiser, LatentConditions, encode_null_layout
from fetalflex.diffusion.anisotropic import Smoothing, smooth_structures
from fetalflex.diffusion.following import follow_leaders
from fetalflex.diffusion.guidance import DEFAULT_GUIDANCE, Guidance
from fetalflex.diffusion.inpainting import keep_background, mask_to_latents, share_of_latents
from fetalflex.diffusion.noise import sample_generators, sample_noise
from fetalflex.diffusion.resampling import Resampling
from fetalflex.diffusion.sampling import Callback, Transform, compose
from fetalflex.diffusion.schedule import NoiseSchedule
from fetalflex.errors import FetalFlexError
from fetalflex.models.components import Components, model_identity
from fetalflex.models.latents import decode, encode, grey_from_pixels, pixels_from_arrays
from fetalflex.models.text import encode_prompts
from fetalflex.pasting import paste
from fetalflex.precision import Precision, computing_in
from fetalflex.requests import (
    Image,
    Request,
    Roi,
    check_requests,
    check_same_size,
    regions_that_may_differ,
    roi_mask_of,
    union_of_masks,
)
from fetalflex.sampling_settings import SamplingSettings
from fetalflex.synthesis import Synthesis


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
        self.schedule = NoiseSchedule.from_scheduler(components.scheduler)
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
        feather: int = 0,
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
                `draw_roi_mask`.
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
            feather: Width in pixels, inside the ROI, over which synthesis and background are blended.
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
            feather=feather,
            close_up=close_up,
            precision=precision,
        )
        requests = check_requests(self.registry, layouts, image, roi, prompt, negative_prompt, seed, close_up, before)
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
        feather: int = 0,
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
            feather: Width in pixels, inside the masks, over which result and draft are blended.
            close_up: As for a call.
            precision: As for a call.
            callback: Called after each sampling step.

        Raises:
            FetalFlexError: If draft, layout, masks or numbers do not fit together; the message names which.
        """
        settings = SamplingSettings(
            sampler, steps, eta, guidance, smoothing, resampling, strength, feather, close_up, precision
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
            conditions = [self._conditions(part) for part in parts]
            with computing_in(settings.precision, self.device):
                pixels = self._sample(parts, conditions, settings, callback)
            for request, part, condition, canvas in zip(batch, parts, conditions, pixels, strict=True):
                image = part.canvas(self.components.config.image_size).image_from_canvas(canvas)
                results.append(self._finish(request, condition.prompt, image, settings))
            if on_progress:
                on_progress(len(results))
        return results

    def _conditions(self, request: Request) -> Conditions:
        canvas = request.canvas(self.components.config.image_size)
        mask = np.ones((canvas.size, canvas.size), bool)
        if not request.roi_mask.all():
            mask = canvas.mask_to_canvas(request.roi_mask)
        image = None if request.image is None else canvas.image_to_canvas(request.image)
        layout = canvas.layout_to_canvas(request.layout)
        return build_conditions(layout, image, mask, self.registry, request.prompt)

    def _sample(
        self,
        requests: list[Request],
        conditions: list[Conditions],
        settings: SamplingSettings,
        callback: Callback | None,
    ) -> Image:
        config = self.components.config
        generators = sample_generators([request.seed for request in requests])
        latent = self.latent_conditions(conditions, [request.negative_prompt for request in requests])
        if settings.guidance.edit and any(request.before is not None for request in requests):
            latent = replace(latent, layout_before=self._encode(self._earlier_maps(requests, conditions)))
        timesteps = settings.timesteps(self.schedule)
        shape = (config.autoencoder.latent_channels, config.latent_size, config.latent_size)
        x = sample_noise(shape, generators).to(self.device)
        transforms: list[Transform] = []
        if settings.smoothing is not None:
            transforms.append(smooth_structures(settings.smoothing, self.schedule))
        # The background's noise is drawn even if unused, so that an image does not depend on its batch.
        if settings.draws_noise or settings.strength < 1 or not bool(latent.roi_mask.all()):
            known = self._encode([self._known(request) for request in requests])
            transforms.append(keep_background(known, latent.roi_mask, self.schedule, generators))
            if settings.strength < 1:
                x = self.schedule.add_noise(known, x, torch.full((len(x),), timesteps[0]))
        if any(request.may_differ is not None for request in requests):
            transforms.append(self._following(requests))
        denoiser = ConditionedDenoiser(self.components, latent, settings.guidance)
        sample = settings.choose()
        x = sample(denoiser, x, self.schedule, timesteps, generators, compose(*transforms), callback)
        return grey_from_pixels(decode(self.components.vae, x))

    def _following(self, requests: list[Request]) -> Transform:
        config = self.components.config
        canvases = [
            np.ones((config.image_size, config.image_size), bool)
            if request.may_differ is None
            else request.canvas(config.image_size).mask_to_canvas(request.may_differ)
            for request in requests
        ]
        free = share_of_latents(torch.from_numpy(np.stack(canvases))[:, None].to(self.device), config.latent_size)
        return follow_leaders([0] * len(requests), free)

    def latent_conditions(
        self, conditions: Sequence[Conditions], negative_prompts: Sequence[str] = ("",)
    ) -> LatentConditions:
        """Return the conditions of B images, and what stands for no prompt, as the networks take them."""
        model = self.components
        masks = torch.from_numpy(np.stack([c.roi_mask for c in conditions]))[:, None].to(self.device)
        prompts = [*(c.prompt for c in conditions), *negative_prompts]
        text = encode_prompts(model.tokenizer, model.text_encoder, prompts)
        return LatentConditions(
            text=text[: len(conditions)],
            layout=self._encode([c.layout_map for c in conditions]),
            background=self._encode([c.background for c in conditions]),
            roi_mask=mask_to_latents(masks, model.config.latent_size),
            null_text=text[len(conditions) :],
            null_layout=encode_null_layout(model, self.device),
        )

    def _earlier_maps(self, requests: list[Request], conditions: list[Conditions]) -> list[Image]:
        """Return the map of each layout before the edit, that of the layout itself where there was none."""
        size = self.components.config.image_size
        return [
            condition.layout_map
            if request.before is None
            else draw_layout_map(request.canvas(size).layout_to_canvas(request.before), self.registry)
            for request, condition in zip(requests, conditions, strict=True)
        ]

    def _known(self, request: Request) -> Image:
        """Return the whole source image on the canvas: blanking its ROI would darken what lies next to it."""
        canvas = request.canvas(self.components.config.image_size)
        if request.image is None:
            return np.zeros((canvas.size, canvas.size), np.uint8)
        return canvas.image_to_canvas(request.image)

    def _encode(self, arrays: list[Image]) -> Tensor:
        return encode(self.components.vae, pixels_from_arrays(arrays).to(self.device))

    def _finish(self, request: Request, prompt: str, image: Image, settings: SamplingSettings) -> Synthesis:
        record, close_up = settings.record(), request.close_up
        if request.before is None:
            record.pop("edit_guidance", None)
        if request.image is not None:
            image = paste(close_up.put_back(image, request.image), request.image, request.roi_mask, settings.feather)
        if request.negative_prompt:
            record["negative_prompt"] = request.negative_prompt
        whole = close_up == CloseUp.whole(request.layout)
        record["close_up"] = False if whole else [close_up.x, close_up.y, close_up.width, close_up.height]
        return Synthesis(image, request.layout, request.roi_mask, prompt, request.seed, self.identity, record)

    def edit(self, image: Image, before: Layout, after: Layout, roi: Roi = "auto", **options: Any) -> Synthesis:
        """Synthesise an image under an edited layout; the ROI covers what was there before and what is there now.

        A close-up shows what both layouts show.

        Args:
            image: (H, W) uint8 grey.
            before: What the image shows.
            after: What it is to show.
            roi: Mode as for a call, or a mask, which is taken as it is.
            options: As for a call.
        """
        mask = self._edit_mask(image, before, [after], roi)
        return self(after, image=image, roi=mask, before=before, **options)

    @torch.no_grad()
    def counterfactual(
        self,
        image: Image,
        before: Layout,
        after: Sequence[Layout],
        may_differ: Sequence[NDArray[np.bool_]],
        roi: Roi = "auto",
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
            roi: Mode or mask, as for a call; a mode's region covers all layouts.
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
        roi_mask = self._edit_mask(image, before, after, roi)
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

    def _edit_mask(self, image: Image, before: Layout, after: Sequence[Layout], roi: Roi) -> NDArray[np.bool_]:
        """Return the region that a mode gives for all layouts, or the mask as it is, checked."""
        if isinstance(roi, str):
            roi = np.logical_or.reduce([self.edit_roi(before, layout, roi) for layout in after])
        return roi_mask_of(self.registry, before, image, roi)

    def edit_roi(self, before: Layout, after: Layout, mode: str = "auto") -> NDArray[np.bool_]:
        """Return the union of both layouts' ROI masks; a layout that has become empty adds nothing."""
        check_same_size(before, after)
        layouts = [layout for layout in (before, after) if layout.structures or mode == "full"]
        if not layouts:
            raise FetalFlexError("neither layout holds a structure, so no ROI can be drawn; use roi='full'")
        masks = [draw_roi_mask(layout, self.registry, mode) for layout in layouts]
        return np.logical_or.reduce(masks)


__all__ = ["FetalFlexPipeline", "Guidance", "Resampling", "Smoothing", "Synthesis"]

"""The public face: layouts in, synthetic images out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Self, overload

import torch
from torch import Tensor

from fetalflex.anatomy import CHANGED, CloseUp, Layout, Registry, default_registry, draw_edit_mask, model_registry
from fetalflex.checks import shown
from fetalflex.compute.device import choose_device
from fetalflex.diffusion.sampling import Callback
from fetalflex.errors import FetalFlexError
from fetalflex.models.components import Components, model_identity
from fetalflex.models.latents import decode, grey_from_pixels
from fetalflex.models.locate import find_model
from fetalflex.pipeline.canvas_sampling import CanvasSampler
from fetalflex.pipeline.option_names import explain_options
from fetalflex.pipeline.region import (
    Image,
    ImageLike,
    Mask,
    MaskLike,
    Roi,
    counterfactual_region,
    region_of_edits,
    regions_that_may_differ,
    union_of_masks,
)
from fetalflex.pipeline.requests import Request, check_requests
from fetalflex.pipeline.sampling import REFINEMENT_STRENGTH, Sampling
from fetalflex.pipeline.synthesis import Synthesis
from fetalflex.pipeline.synthesising import Synthesiser
from fetalflex.progress import OnProgress


class FetalFlexPipeline:
    """Synthesise fetal ultrasound images from layouts.

    Example:
        >>> pipe = FetalFlexPipeline.from_pretrained("mini")                             # doctest: +SKIP
        >>> synthesis = pipe.edit(image, before, after, seed=3, sampling=Sampling(steps=30))  # doctest: +SKIP
        >>> synthesis.save("synthetic.png")                                              # doctest: +SKIP

    Args:
        components: The model.
        registry: Planes and structures; the built-in ones by default.
        device: Where to compute.
    """

    def __init__(
        self, components: Components, registry: Registry | None = None, device: torch.device | str = "cpu"
    ) -> None:
        self.components = components.freeze()
        self.registry = registry or default_registry()
        self.identity = model_identity(components)
        self.to(device)

    @classmethod
    @explain_options
    def from_pretrained(
        cls, model: Path | str, registry: Registry | None = None, device: torch.device | str = "cpu"
    ) -> Self:
        """Load a model.

        Args:
            model: The name of a released model, such as `mini`, or a model folder.
            registry: Planes and structures; by default those that the model was trained with.
            device: Where to compute.

        Raises:
            FetalFlexError: If there is no such model, or it is damaged.
        """
        folder = find_model(model)
        return cls(Components.load(folder), registry or model_registry(folder), device)

    def save_pretrained(self, folder: Path | str, half: bool = False) -> None:
        """Write the model folder, as float16 if `half`."""
        self.components.save(folder, half=half)

    def to(self, device: torch.device | str) -> Self:
        """Move the model to a device, such as "cuda" or "cpu", or "auto" for a GPU if there is one; returns itself.

        Raises:
            FetalFlexError: If torch cannot compute there.
        """
        self.device = choose_device(device) if isinstance(device, str) else device
        self.components = self.components.to(self.device)
        self.canvas_sampler = CanvasSampler(self.components, self.registry, self.device)
        self._synthesise = Synthesiser(self.canvas_sampler, self.identity)
        return self

    def __repr__(self) -> str:
        size = self.components.config.image_size
        return f"FetalFlexPipeline({self.identity}, canvas of {size} x {size} px, on {self.device})"

    @explain_options
    def __call__(
        self,
        layout: Layout,
        image: ImageLike | None = None,
        roi: Roi = "auto",
        prompt: str | None = None,
        seed: int = 0,
        *,
        before: Layout | None = None,
        negative_prompt: str | None = None,
        sampling: Sampling = Sampling(),
        callback: Callback | None = None,
        on_progress: OnProgress | None = None,
    ) -> Synthesis:
        """Synthesise an image of a layout; `batch` does so for several.

        Args:
            layout: As for `Request`; so are the next arguments.
            image: The image whose background is kept; without one the whole image is synthesised.
            roi: Region to synthesise: a mode or a mask.
            prompt: Text in place of the prompt made from the layout.
            seed: Seed of the noise.
            before: Layout before an edit, of which `layout` is the result.
            negative_prompt: Text to steer away from.
            sampling: How to sample.
            callback: As for `batch`; so is `on_progress`.
            on_progress: Called after each sampling step with the share that is done, up to 1.

        Raises:
            FetalFlexError: If layout, image, mask or numbers do not fit together; the message names which.
        """
        request = Request(layout, image, roi, prompt, seed, before, negative_prompt)
        return self.batch([request], sampling, callback=callback, on_progress=on_progress)[0]

    @explain_options
    def batch(
        self,
        requests: Sequence[Request],
        sampling: Sampling = Sampling(),
        *,
        batch_size: int = 4,
        callback: Callback | None = None,
        on_progress: OnProgress | None = None,
    ) -> list[Synthesis]:
        """Synthesise one image per request.

        Args:
            requests: What is asked for.
            sampling: How to sample all of them.
            batch_size: Images that are computed together; the result does not depend on it beyond rounding.
            callback: Called after each sampling step with the latent and a description of the step, of which
                `preview` makes images; an exception that it raises ends the sampling.
            on_progress: Called after each sampling step with how many images are done by now, fractions included.

        Raises:
            FetalFlexError: If the parts of a request do not fit together; the message names request and part.
        """
        if isinstance(requests, Request):
            raise FetalFlexError("batch takes several requests; put the one in a list")
        _check_sampling(sampling)
        checked = check_requests(self.registry, requests, sampling.close_up)
        return self._synthesise(checked, sampling, batch_size, callback, on_progress)

    @overload
    def edit(
        self,
        image: ImageLike,
        before: Layout,
        after: Layout,
        roi: Roi = ...,
        prompt: str | None = ...,
        seed: int = ...,
        *,
        negative_prompt: str | None = ...,
        sampling: Sampling = ...,
        batch_size: int = ...,
        callback: Callback | None = ...,
        on_progress: OnProgress | None = ...,
    ) -> Synthesis: ...
    @overload
    def edit(
        self,
        image: ImageLike,
        before: Layout,
        after: Sequence[Layout],
        roi: Roi = ...,
        prompt: str | None = ...,
        seed: int = ...,
        *,
        negative_prompt: str | None = ...,
        sampling: Sampling = ...,
        batch_size: int = ...,
        callback: Callback | None = ...,
        on_progress: OnProgress | None = ...,
    ) -> list[Synthesis]: ...

    @explain_options
    def edit(
        self,
        image: ImageLike,
        before: Layout,
        after: Layout | Sequence[Layout],
        roi: Roi = CHANGED,
        prompt: str | None = None,
        seed: int = 0,
        *,
        negative_prompt: str | None = None,
        sampling: Sampling = Sampling(),
        batch_size: int = 4,
        callback: Callback | None = None,
        on_progress: OnProgress | None = None,
    ) -> Synthesis | list[Synthesis]:
        """Synthesise an image under an edited layout, or under each of several.

        The ROI covers what was there before and what is there now. A close-up shows what both layouts show, however
        small the ROI is.

        Args:
            image: As for `Request.edit`; so are the next arguments.
            before: What the image shows.
            after: What it is to show: one layout, which gives one synthesis, or several, which give a list.
            roi: Region to synthesise: "changed", another mode, or a mask.
            prompt: Text in place of the prompt made from the layout.
            seed: Seed of the noise; several layouts share it, so that what differs comes from the edits.
            negative_prompt: Text to steer away from.
            sampling: How to sample.
            batch_size: As for `batch`; so are the next arguments.
            callback: Called after each sampling step.
            on_progress: Called after each sampling step with how many images are done by now.

        Raises:
            FetalFlexError: If image, layouts, mask or numbers do not fit together; the message names which.
        """
        layouts = [after] if isinstance(after, Layout) else list(after)
        requests = [Request.edit(image, before, one, roi, prompt, seed, negative_prompt) for one in layouts]
        made = self.batch(requests, sampling, batch_size=batch_size, callback=callback, on_progress=on_progress)
        return made[0] if isinstance(after, Layout) else made

    @explain_options
    def refine(
        self,
        draft: ImageLike,
        layout: Layout,
        mask: MaskLike | list[Mask] | tuple[Mask, ...],
        prompt: str | None = None,
        seed: int = 0,
        *,
        negative_prompt: str | None = None,
        sampling: Sampling = Sampling(),
        callback: Callback | None = None,
        on_progress: OnProgress | None = None,
    ) -> Synthesis:
        """Re-synthesise organs of a draft image: the second sampling stage (OSM).

        The draft is noised to the level that `sampling.strength` says, 0.6 if it says none, and denoised under prompt
        and layout inside the masks; outside them it stays bit for bit.

        Args:
            draft: (H, W) uint8 grey, or a PIL image; from this model or from anywhere else.
            layout: What the result shows, the size of the draft.
            mask: Where the organs are, (H, W) bool, or (N, H, W) for several; all are refined in one pass.
            prompt: As for a call; so are the next arguments.
            seed: Seed of the noise.
            negative_prompt: Text to steer away from.
            sampling: How to sample.
            callback: Called after each sampling step.
            on_progress: Called after each sampling step with the share that is done, up to 1.

        Raises:
            FetalFlexError: If draft, layout, masks or numbers do not fit together; the message names which.
        """
        _check_sampling(sampling)
        if sampling.strength is None:
            sampling = sampling.replace(strength=REFINEMENT_STRENGTH)
        request = Request(layout, draft, union_of_masks(mask, layout), prompt, seed, None, negative_prompt)
        return self.batch([request], sampling, callback=callback, on_progress=on_progress)[0]

    @explain_options
    def counterfactual(
        self,
        image: ImageLike,
        before: Layout,
        after: Sequence[Layout],
        may_differ: Mask | Sequence[Mask],
        roi: Roi = CHANGED,
        prompt: Sequence[str | None] | None = None,
        seed: int = 0,
        *,
        negative_prompt: str | None = None,
        sampling: Sampling = Sampling(),
        callback: Callback | None = None,
        on_progress: OnProgress | None = None,
    ) -> list[Synthesis]:
        """Synthesise an image under its own layout, and under others that may differ from it in given regions alone.

        All start from the same noise, in the same close-up and with the same background, and are computed as one batch.
        Outside its region, each further synthesis follows the first after every sampling step, and in the end takes
        over its pixels; so it equals it there bit for bit, and outside the ROI all equal the source.

        Args:
            image: (H, W) uint8 grey, or a PIL image.
            before: What the image shows.
            after: What the further syntheses are to show.
            may_differ: For each of them where it may differ from the first, (H, W) bool; what lies outside the ROI is
                left out.
            roi: "changed" = the union of `may_differ`, so that all the rest is the source's; or a mode or mask as for
                `edit`; a mode's region covers all layouts.
            prompt: One for each further synthesis, None for that made from its layout.
            seed: Seed of all.
            negative_prompt: Text to steer away from.
            sampling: How to sample.
            callback: Called after each sampling step.
            on_progress: Called after each sampling step with how many images are done by now.

        Returns:
            The synthesis under the image's own layout, then one per further layout.

        Raises:
            FetalFlexError: If image, layouts, masks or numbers do not fit together; the message names which.
        """
        _check_sampling(sampling)
        if not after:
            raise FetalFlexError("after is empty; give at least one layout to set against the image's own")
        prompts = [None] * len(after) if prompt is None else list(prompt)
        if len(prompts) != len(after):
            raise FetalFlexError(f"prompt has {len(prompts)} values for {len(after)} layouts; give one per layout")
        roi_mask = counterfactual_region(self.registry, image, before, after, may_differ, roi)
        close_up = sampling.close_up
        if close_up is True:
            close_up = CloseUp.around_all([before, *after], self.registry, roi_mask)
        own = Request(before, image, roi_mask, None, seed, None, negative_prompt)
        others = [
            Request(layout, image, roi_mask, text, seed, before, negative_prompt)
            for layout, text in zip(after, prompts, strict=True)
        ]
        requests = check_requests(self.registry, [own, *others], close_up)
        regions = regions_that_may_differ(may_differ, len(after), requests[0].roi_mask)
        followers = [replace(it, may_differ=region) for it, region in zip(requests[1:], regions, strict=True)]
        first, *made = self._synthesise([requests[0], *followers], sampling, len(requests), callback, on_progress)
        frame = requests[0].close_up
        following = self._synthesise.following
        return [first, *(following(first, *pair, frame) for pair in zip(made, regions, strict=True))]

    def edit_region(
        self, image: ImageLike, before: Layout, after: Layout | Sequence[Layout], roi: Roi = CHANGED
    ) -> Mask:
        """Return the region that a mode gives for edits of an image, (H, W) bool, or the mask as it is, checked.

        Args:
            image: (H, W) uint8 grey, or a PIL image.
            before: What the image shows.
            after: What the edit leads to, or several such layouts, whose regions are joined.
            roi: As for `edit`.
        """
        layouts = [after] if isinstance(after, Layout) else after
        return region_of_edits(self.registry, image, before, layouts, roi)

    def edit_roi(self, before: Layout, after: Layout, mode: str = CHANGED) -> Mask:
        """Return the region to synthesise for an edit of any image, (H, W) bool; see `draw_edit_mask`."""
        return draw_edit_mask(before, after, self.registry, mode)

    def preview(self, latents: Tensor) -> Image:
        """Return canvas images, (B, S, S) uint8, of latents (B, C, h, w), such as a step's estimate of x_0."""
        with torch.no_grad():
            return grey_from_pixels(decode(self.components.vae, latents))


def _check_sampling(sampling: object) -> None:
    if not isinstance(sampling, Sampling):
        raise FetalFlexError(f"sampling is {shown(sampling)}; give a Sampling, such as Sampling(steps=30)")

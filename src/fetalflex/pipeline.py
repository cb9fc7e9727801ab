"""The public face: layouts in, synthetic images out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from numbers import Integral
from pathlib import Path
from typing import Any, overload

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

from fetalflex.anatomy import Canvas, Layout, Registry, default_registry, draw_roi_mask, model_registry
from fetalflex.anatomy.checks import finite_number, shown, whole_number
from fetalflex.anatomy.conditions import Conditions, build_conditions
from fetalflex.anatomy.layout import MAX_IMAGE_SIDE
from fetalflex.conditioning import ConditionedDenoiser, LatentConditions, encode_null_layout
from fetalflex.diffusion.ddim import sample_ddim
from fetalflex.diffusion.guidance import Guidance
from fetalflex.diffusion.inpainting import keep_background, mask_to_latents
from fetalflex.diffusion.noise import sample_generators, sample_noise
from fetalflex.diffusion.sampling import Callback
from fetalflex.diffusion.schedule import NoiseSchedule
from fetalflex.errors import FetalFlexError
from fetalflex.models.components import Components, model_identity
from fetalflex.models.latents import decode, encode, grey_from_pixels, pixels_from_arrays
from fetalflex.models.text import encode_prompts
from fetalflex.synthesis import Synthesis

Image = NDArray[np.uint8]
Roi = str | NDArray[np.bool_]


@dataclass(frozen=True)
class _Request:
    """One image to make, checked."""

    layout: Layout
    image: Image | None
    roi_mask: NDArray[np.bool_]
    prompt: str | None
    seed: int

    @property
    def canvas_args(self) -> tuple[int, int]:
        return self.layout.width, self.layout.height


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
        steps: int = 20,
        eta: float = 0.0,
        guidance: Guidance = Guidance(),  # noqa: B008 - immutable
        feather: int = 0,
        batch_size: int = 4,
        callback: Callback | None = None,
        on_progress: Callable[[int], None] | None = None,
    ) -> Synthesis | list[Synthesis]:
        """Synthesise one image per layout.

        Every argument that may be a sequence is one value for all layouts or one per layout.

        Args:
            layout: What the image shows; a single layout gives a single result.
            image: (H, W) uint8 grey, the size of the layout: the image whose background is kept. Without one the
                whole image is synthesised.
            roi: Region to synthesise: "auto", "outline", "structures", "full", or a mask (H, W) bool.
            prompt: Text in place of the global prompt made from the layout.
            seed: One seed per layout; a single number s gives layout i the seed s + i.
            steps: Sampling steps.
            eta: 0 is deterministic DDIM, 1 is ancestral sampling.
            guidance: Weights of prompt and layout.
            feather: Width in pixels, inside the ROI, over which synthesis and background are blended.
            batch_size: Images that are computed together; the result does not depend on it beyond rounding.
            callback: Called after each sampling step with the latent and a description of the step.
            on_progress: Called with the number of images finished so far.

        Raises:
            FetalFlexError: If layouts, images, masks or numbers do not fit together; the message names which.
        """
        single = isinstance(layout, Layout)
        layouts = [layout] if isinstance(layout, Layout) else list(layout)
        requests = self._requests(layouts, image, roi, prompt, seed)
        eta = finite_number(eta, "eta")
        if not 0.0 <= eta <= 1.0:
            raise FetalFlexError(f"eta is {eta}; choose a number from 0 (deterministic) to 1 (ancestral)")
        feather = whole_number(feather, "feather", 0, MAX_IMAGE_SIDE)
        batch_size = whole_number(batch_size, "batch_size", 1, 4096)
        timesteps = self.schedule.timesteps(whole_number(steps, "steps", 1, self.schedule.train_timesteps))
        settings = {"sampler": "ddim", "steps": steps, "eta": eta, "feather": feather}
        settings |= {"prompt_guidance": guidance.prompt, "layout_guidance": guidance.layout}
        results: list[Synthesis] = []
        for start in range(0, len(requests), batch_size):
            part = requests[start : start + batch_size]
            conditions = [self._conditions(request) for request in part]
            pixels = self._sample(part, conditions, timesteps, eta, guidance, callback)
            for request, condition, canvas in zip(part, conditions, pixels, strict=True):
                results.append(self._finish(request, condition, canvas, feather, settings))
            if on_progress:
                on_progress(len(results))
        return results[0] if single else results

    def _requests(self, layouts: list[Layout], image: Any, roi: Any, prompt: Any, seed: Any) -> list[_Request]:
        count = len(layouts)
        images = _per_layout(image, count, "image", np.ndarray)
        rois = _per_layout(roi, count, "roi", (str, np.ndarray))
        prompts = _per_layout(prompt, count, "prompt", str)
        seeds = _per_layout(seed, count, "seed", Integral)
        if isinstance(seed, Integral):
            seeds = [int(seed) + i for i in range(count)]
        return [self._request(*values) for values in zip(layouts, images, rois, prompts, seeds, strict=True)]

    def _request(self, layout: Layout, image: Image | None, roi: Roi, prompt: str | None, seed: int) -> _Request:
        layout.validate(self.registry)
        shape = (layout.height, layout.width)
        if image is not None and (image.dtype != np.uint8 or image.shape != shape):
            raise FetalFlexError(
                f"image is {image.dtype} {image.shape}, the layout is for uint8 {shape} (height, width); "
                "give the grey image that the layout describes"
            )
        seed = whole_number(seed, "seed", 0, 2**63 - 1)
        if image is None:
            mask = np.ones(shape, bool)
        elif isinstance(roi, str):
            mask = draw_roi_mask(layout, self.registry, roi)
        else:
            mask = roi
        if not isinstance(mask, np.ndarray) or mask.dtype != np.bool_ or mask.shape != shape:
            came = f"{mask.dtype} {mask.shape}" if isinstance(mask, np.ndarray) else shown(mask)
            raise FetalFlexError(f"roi is {came}; give a mode or a bool mask of shape {shape}")
        if not mask.any():
            raise FetalFlexError("roi is empty, there is nothing to synthesise; mark a region or use roi='full'")
        return _Request(layout, image, mask, prompt, seed)

    def _conditions(self, request: _Request) -> Conditions:
        canvas = Canvas(*request.canvas_args, self.components.config.image_size)
        mask = np.ones((canvas.size, canvas.size), bool)
        if not request.roi_mask.all():
            mask = canvas.mask_to_canvas(request.roi_mask)
        image = None if request.image is None else canvas.image_to_canvas(request.image)
        layout = canvas.layout_to_canvas(request.layout)
        return build_conditions(layout, image, mask, self.registry, request.prompt)

    def _sample(
        self,
        requests: list[_Request],
        conditions: list[Conditions],
        timesteps: list[int],
        eta: float,
        guidance: Guidance,
        callback: Callback | None,
    ) -> Image:
        config = self.components.config
        generators = sample_generators([request.seed for request in requests])
        latent = self.latent_conditions(conditions)
        shape = (config.autoencoder.latent_channels, config.latent_size, config.latent_size)
        x = sample_noise(shape, generators).to(self.device)
        transform = None
        # With η > 0 the background's noise is drawn even if unused, so that an image does not depend on its batch.
        if eta > 0 or not bool(latent.roi_mask.all()):
            known = self._encode([self._known(request) for request in requests])
            transform = keep_background(known, latent.roi_mask, self.schedule, generators)
        denoiser = ConditionedDenoiser(self.components, latent, guidance)
        x = sample_ddim(denoiser, x, self.schedule, timesteps, generators, transform, callback, eta=eta)
        return grey_from_pixels(decode(self.components.vae, x))

    def latent_conditions(self, conditions: Sequence[Conditions]) -> LatentConditions:
        """Return the conditions of B images as the networks take them."""
        model = self.components
        masks = torch.from_numpy(np.stack([c.roi_mask for c in conditions]))[:, None].to(self.device)
        text = encode_prompts(model.tokenizer, model.text_encoder, [*(c.prompt for c in conditions), ""])
        return LatentConditions(
            text=text[:-1],
            layout=self._encode([c.layout_map for c in conditions]),
            background=self._encode([c.background for c in conditions]),
            roi_mask=mask_to_latents(masks, model.config.latent_size),
            null_text=text[-1:],
            null_layout=encode_null_layout(model, self.device),
        )

    def _known(self, request: _Request) -> Image:
        """Return the whole source image on the canvas: blanking its ROI would darken what lies next to it."""
        canvas = Canvas(*request.canvas_args, self.components.config.image_size)
        if request.image is None:
            return np.zeros((canvas.size, canvas.size), np.uint8)
        return canvas.image_to_canvas(request.image)

    def _encode(self, arrays: list[Image]) -> Tensor:
        return encode(self.components.vae, pixels_from_arrays(arrays).to(self.device))

    def _finish(
        self, request: _Request, conditions: Conditions, canvas_image: Image, feather: int, settings: dict[str, Any]
    ) -> Synthesis:
        canvas = Canvas(*request.canvas_args, self.components.config.image_size)
        image = canvas.image_from_canvas(canvas_image)
        if request.image is not None:
            image = _paste(image, request.image, request.roi_mask, feather)
        return Synthesis(
            image, request.layout, request.roi_mask, conditions.prompt, request.seed, self.identity, settings
        )

    def edit(self, image: Image, before: Layout, after: Layout, roi: str = "auto", **options: Any) -> Synthesis:
        """Synthesise an image under an edited layout; the ROI covers what was there before and what is there now.

        Args:
            image: (H, W) uint8 grey.
            before: What the image shows.
            after: What it is to show.
            roi: As for a call.
            options: As for a call.
        """
        return self(after, image=image, roi=self.edit_roi(before, after, roi), **options)

    def edit_roi(self, before: Layout, after: Layout, mode: str = "auto") -> NDArray[np.bool_]:
        """Return the union of both layouts' ROI masks; a layout that has become empty adds nothing."""
        layouts = [layout for layout in (before, after) if layout.structures or mode == "full"]
        if not layouts:
            raise FetalFlexError("neither layout holds a structure, so no ROI can be drawn; use roi='full'")
        masks = [draw_roi_mask(layout, self.registry, mode) for layout in layouts]
        return np.logical_or.reduce(masks)


def _paste(synthetic: Image, source: Image, roi_mask: NDArray[np.bool_], feather: int) -> Image:
    """Return the source with its ROI replaced; outside the ROI it stays bit for bit."""
    if feather == 0 or roi_mask.all():
        return np.where(roi_mask, synthetic, source)
    depth = ndimage.distance_transform_edt(roi_mask)
    weight = np.clip(depth / (feather + 1), 0, 1)
    blended = np.rint(weight * synthetic + (1 - weight) * source).astype(np.uint8)
    return np.where(roi_mask, blended, source)


def _per_layout(value: Any, count: int, name: str, kinds: type | tuple[type, ...]) -> list[Any]:
    """Return one value per layout from a single value or a sequence."""
    if value is None or isinstance(value, kinds):
        return [value] * count
    if not isinstance(value, Iterable) or isinstance(value, str):
        raise FetalFlexError(f"{name} must not be {shown(value)} ({type(value).__name__})")
    values = list(value)
    if len(values) != count:
        raise FetalFlexError(f"{name} has {len(values)} values for {count} layouts; give one, or one per layout")
    for item in values:
        if item is not None and not isinstance(item, kinds):
            raise FetalFlexError(f"{name} must not hold {shown(item)} ({type(item).__name__})")
    return values


__all__ = ["FetalFlexPipeline", "Guidance", "Synthesis"]

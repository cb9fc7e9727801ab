"""From checked requests to syntheses: computed in batches on the canvas, finished, and put back into their images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from fetalflex.anatomy import CloseUp
from fetalflex.checks import whole_number
from fetalflex.diffusion.sampling import Callback, Step
from fetalflex.errors import FetalFlexError
from fetalflex.finishing.finish import Fit, finish
from fetalflex.finishing.own_tone import own_tone
from fetalflex.finishing.pasting import paste
from fetalflex.pipeline.canvas_sampling import CanvasSampler
from fetalflex.pipeline.region import Image, Mask
from fetalflex.pipeline.requests import CheckedRequest
from fetalflex.pipeline.sampling import Sampling
from fetalflex.pipeline.synthesis import Synthesis
from fetalflex.progress import OnProgress


@dataclass(frozen=True)
class Synthesiser:
    """What makes syntheses of requests.

    Args:
        canvas_sampler: Computes the close-ups.
        identity: Of the model, for the record.
    """

    canvas_sampler: CanvasSampler
    identity: str

    @torch.no_grad()
    def __call__(
        self,
        requests: Sequence[CheckedRequest],
        sampling: Sampling,
        batch_size: int,
        callback: Callback | None,
        on_progress: OnProgress | None,
    ) -> list[Synthesis]:
        """Return one synthesis per request; the arguments are those of `FetalFlexPipeline.batch`.

        A request with `may_differ` takes over the fit of the first of its batch.

        Raises:
            FetalFlexError: If requests and sampling do not go together.
        """
        batch_size = whole_number(batch_size, "batch_size", 1, 4096)
        _check_together(requests, sampling)
        results: list[Synthesis] = []
        for start in range(0, len(requests), batch_size):
            batch = requests[start : start + batch_size]
            parts = [request.part() for request in batch]
            conditions = [self.canvas_sampler.conditions(part) for part in parts]
            after_step = _reporting(callback, on_progress, start, len(batch))
            pixels = self.canvas_sampler.sample(parts, conditions, sampling, after_step)
            leading: Fit | None = None
            for request, part, condition, canvas in zip(batch, parts, conditions, pixels, strict=True):
                image = part.canvas(self.canvas_sampler.components.config.image_size).image_from_canvas(canvas)
                like = None if request.may_differ is None else leading
                synthesis, fit = self._finish(request, part, condition.prompt, image, sampling, like)
                leading = leading or fit
                results.append(synthesis)
        return results

    def _finish(
        self,
        request: CheckedRequest,
        part: CheckedRequest,
        prompt: str,
        image: Image,
        sampling: Sampling,
        like: Fit | None,
    ) -> tuple[Synthesis, Fit]:
        """Return the synthesis of a decoded close-up, and its fit for those that follow it."""
        record, close_up = sampling.record(), request.close_up
        if request.before is None:
            record.pop("edit_guidance", None)
        record.pop("finishing")
        fit = Fit()
        if part.image is not None and request.image is not None:
            own = None if part.before is None else own_tone(part.image, part.roi_mask, part.before, part.layout)
            finished = finish(image, part.image, part.roi_mask, sampling.finishing, request.seed, like, own)
            fit, image = finished.fit, close_up.put_back(finished.image, request.image)
            record["finishing"] = finished.record
        if request.negative_prompt:
            record["negative_prompt"] = request.negative_prompt
        whole = close_up == CloseUp.whole(request.layout)
        record["close_up"] = False if whole else [close_up.x, close_up.y, close_up.width, close_up.height]
        synthesis = Synthesis(
            image,
            request.layout,
            request.roi_mask,
            prompt,
            request.seed,
            self.identity,
            record,
            sampling=sampling,
            close_up=None if whole else close_up,
        )
        return synthesis, fit

    def following(self, first: Synthesis, other: Synthesis, may_differ: Mask, frame: CloseUp) -> Synthesis:
        """Return a synthesis with the pixels of the first where it may not differ from it.

        Their latents are blended within one latent at the region's edge, their pixels over half of one.

        Args:
            first: What is followed.
            other: What follows it, made in the same batch.
            may_differ: (H, W) bool.
            frame: The close-up of both.
        """
        blend = round(max(frame.width, frame.height) / self.canvas_sampler.components.config.latent_size / 2)
        image = paste(other.image, first.image, may_differ, blend, kept=first.roi_mask & ~may_differ)
        return replace(other, image=image, settings=other.settings | {"blend": blend})


def _check_together(requests: Sequence[CheckedRequest], sampling: Sampling) -> None:
    if sampling.guidance.prompt == 1.0 and any(request.negative_prompt for request in requests):
        raise FetalFlexError(
            "negative_prompt has no effect while the prompt's guidance is 1; set guidance.prompt above 1, such as 3"
        )
    if sampling.starts_at_source and any(request.image is None for request in requests):
        raise FetalFlexError("strength below 1 starts at the source image, but there is none; give image")


def _reporting(callback: Callback | None, on_progress: OnProgress | None, done: int, batch: int) -> Callback | None:
    """Return what is called after a step of a batch: the user's callback, then what takes how many images are done."""
    if on_progress is None:
        return callback
    tell = on_progress

    def after_step(x: Tensor, step: Step) -> None:
        if callback is not None:
            callback(x, step)
        tell(done + batch * (step.index + 1) / step.count)

    return after_step

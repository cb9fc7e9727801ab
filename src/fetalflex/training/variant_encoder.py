"""From variants of images to the tensors that a cache keeps."""

from __future__ import annotations

import numpy as np
import torch
from diffusers import AutoencoderKL
from numpy.typing import NDArray
from torch import Tensor

from fetalflex.compute.precision import Precision, computing_in
from fetalflex.models.latents import encode, encode_at_once, pixels_from_bytes
from fetalflex.models.parts import encoder_values
from fetalflex.training.variants import Variants

_CHUNK = 16
_CHUNK_ON_GPU = 128
_LIVE_MAPS = 16  # feature maps of the finest resolution that are in a GPU's memory at a time, generously counted
_LARGEST_INDEX = 2**30  # values of a feature map that every kernel can count


class VariantEncoder:
    """Encode variants with an autoencoder, on its device.

    Args:
        vae: The autoencoder.
        palette: Colours of the layout maps, see `layout_palette`.
        size: Side of the canvas.
        device: Where it is.
        precision: In which it computes.
    """

    def __init__(
        self, vae: AutoencoderKL, palette: NDArray[np.uint8], size: int, device: torch.device, precision: Precision
    ) -> None:
        self._vae = vae
        self._palette = torch.from_numpy(palette).to(device)
        self._values = encoder_values(vae.config.block_out_channels, size**2)
        self._device = device
        self._precision = precision

    def encode(self, kind: str, variants: Variants) -> dict[str, Tensor]:
        """Return the tensors of one of a shard's files; latents are on the device, what needs no encoding is not.

        Args:
            kind: `image`, `conditions` or `structures`.
            variants: N of them, with conditions unless images alone are encoded.
        """
        if kind == "image":
            return {"image": self._latents(variants.image)}
        conditions = variants.conditions
        assert conditions is not None
        if kind == "structures":
            return {"structure_mask": torch.from_numpy(conditions.structure_mask)}
        maps = self._latents(conditions.numbers, self._palette)
        shares = torch.from_numpy(conditions.shares)
        return {
            "layout": torch.cat([maps, shares.to(maps.device)], dim=1) if shares.shape[1] else maps,
            "background": self._latents(conditions.background),
            "roi_mask": torch.from_numpy(conditions.roi_mask),
        }

    @torch.no_grad()
    def _latents(self, pictures: NDArray[np.uint8] | NDArray[np.uint16], palette: Tensor | None = None) -> Tensor:
        """Return the latents, (N, C, h, w) float16, of grey pictures (N, S, S), or of numbers of colours."""
        chunk, parts = self._chunk(), []
        for start in range(0, len(pictures), chunk):
            part = self._moved(torch.from_numpy(pictures[start : start + chunk]))
            pixels = pixels_from_bytes(part if palette is None else palette[part.long()])
            with computing_in(self._precision, self._device):
                latents = (encode_at_once if self._device.type == "cuda" else encode)(self._vae, pixels)
            parts.append(latents.half().contiguous())
        return torch.cat(parts)

    def _moved(self, part: Tensor) -> Tensor:
        """Return pictures on the device; a GPU fetches them itself while this thread goes on."""
        if self._device.type != "cuda":
            return part.to(self._device)
        return part.pin_memory().to(self._device, non_blocking=True)

    def _chunk(self) -> int:
        """Return how many pictures to encode at a time: on a GPU as many as keep it busy and fit its free memory."""
        if self._device.type != "cuda":
            return _CHUNK
        free, _ = torch.cuda.mem_get_info(self._device)
        free += torch.cuda.memory_reserved(self._device) - torch.cuda.memory_allocated(self._device)
        fitting = min(free // (4 * _LIVE_MAPS * self._values), _LARGEST_INDEX // self._values)
        return max(1, min(_CHUNK_ON_GPU, fitting))

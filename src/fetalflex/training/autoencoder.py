"""Stage 1: the autoencoder that turns images and layout maps into latents and back."""

from __future__ import annotations

import numpy as np
import torch
from diffusers import AutoencoderKL
from numpy.typing import NDArray
from torch import Tensor, nn

from fetalflex.anatomy import Registry, draw_layout_map
from fetalflex.errors import FetalFlexError
from fetalflex.models.components import Components
from fetalflex.models.latents import decode, encode, grey_from_pixels, pixels_from_arrays, rgb_from_pixels
from fetalflex.spreading import spread_positions
from fetalflex.training.colour_recovery import colour_recovery
from fetalflex.training.config import AutoencoderStage
from fetalflex.training.images import ImageBank
from fetalflex.training.losses import ssim
from fetalflex.training.stage import Stage, Validation

_VALIDATION_IMAGES = 64
_SHOWN_IMAGES = 8
_STATISTICS_IMAGES = 512
_CHUNK = 8


class AutoencoderTraining(Stage[Components]):
    """Train the VAE on crops of images and layout maps: L1, L2, 1 - SSIM and KL.

    Args:
        components: The model; only its VAE is trained.
        device: Where to compute.
        training: Images to train on.
        validation: Images to measure on.
        registry: Draws layout maps.
        settings: Weights and crop sizes.
    """

    def __init__(
        self,
        components: Components,
        device: torch.device,
        training: ImageBank,
        validation: ImageBank,
        registry: Registry,
        settings: AutoencoderStage,
    ) -> None:
        super().__init__(components, device)
        self.vae = components.vae.to(memory_format=torch.channels_last)
        self.training = training
        self.validation = validation
        self.registry = registry
        self.settings = settings
        self._check_crops()
        self._with_layout = [i for i, layout in enumerate(training.layouts) if layout.structures]

    @property
    def sample_count(self) -> int:
        """Number of training images."""
        return len(self.training)

    def networks(self) -> nn.ModuleDict:
        """Return the VAE, or what of it makes images of latents."""
        if self.settings.decoder_only:
            return nn.ModuleDict({"decoder": self.vae.decoder, "post_quant_conv": self.vae.post_quant_conv})
        return nn.ModuleDict({"vae": self.vae})

    def batch_size(self, configured: int, done: float) -> int:
        """Return as many crops as have together the pixels of `configured` crops of the first phase's size."""
        return max(1, round(configured * (self._crop(0) / self._crop(done)) ** 2))

    def loss(
        self, indices: NDArray[np.int64], generator: torch.Generator, done: float
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the reconstruction loss; see `Stage.loss`."""
        size = self._crop(done)
        pixels = self.training.crops(indices, size, generator).to(self.device)
        maps = self._layout_crops(len(indices), size, generator)
        target = torch.cat([pixels[: len(indices) - len(maps)], maps.to(self.device)])
        target = target.contiguous(memory_format=torch.channels_last)
        posterior = self.vae.encode(target).latent_dist
        noise = torch.randn(posterior.mean.shape, generator=generator).to(self.device)
        reconstruction = self.vae.decode(posterior.mean + posterior.std * noise).sample.float()
        error = reconstruction - target
        l1, mse = error.abs().mean(), error.square().mean()
        similarity = ssim(reconstruction.mean(1, keepdim=True), target.mean(1, keepdim=True), data_range=2.0).mean()
        kl = 0.5 * (posterior.mean**2 + posterior.var - 1.0 - posterior.logvar).float().mean()
        loss = l1 + self.settings.mse_weight * mse + self.settings.ssim_weight * (1 - similarity)
        return loss + self.settings.kl_weight * kl, {"l1": l1, "mse": mse, "ssim": similarity, "kl": kl}

    def validate(self) -> Validation:
        """Measure the reconstruction of whole validation images, and of layout maps.

        Returns:
            `loss`, the mean squared error of grey values in [0, 1]; PSNR (dB); SSIM; `layout_colours`, see
            `colour_recovery`, if the images have layouts; and a sheet of originals over reconstructions.
        """
        chosen = spread_positions(len(self.validation), _VALIDATION_IMAGES)
        errors: list[float] = []
        similarity, pairs = [], []
        for start in range(0, len(chosen), _CHUNK):
            images = self.validation.images[chosen[start : start + _CHUNK]].numpy()
            reconstructed = self._reconstruct(images)
            difference = (reconstructed.astype(np.float64) - images) / 255
            errors += np.maximum((difference**2).mean(axis=(1, 2)), 1e-14).tolist()
            x, y = (torch.from_numpy(batch)[:, None].double() for batch in (images, reconstructed))
            similarity += ssim(x, y, data_range=255.0).tolist()
            pairs += list(zip(images, reconstructed, strict=True))
        shown = pairs[:: max(1, len(pairs) // _SHOWN_IMAGES)][:_SHOWN_IMAGES]
        sheet = np.concatenate([np.concatenate(pair) for pair in shown], axis=1)
        numbers = {"loss": np.mean(errors), "psnr": -10 * np.mean(np.log10(errors)), "ssim": np.mean(similarity)}
        if (recovered := self._colour_recovery(chosen)) is not None:
            numbers["layout_colours"] = recovered
        return Validation({name: float(value) for name, value in numbers.items()}, sheet)

    def _colour_recovery(self, chosen: NDArray[np.int64]) -> float | None:
        layouts = [layout for i in chosen if (layout := self.validation.layouts[i]).structures]
        if not layouts:
            return None
        maps = [draw_layout_map(layout, self.registry) for layout in layouts]
        pixels = pixels_from_arrays(maps).to(self.device)
        return colour_recovery(np.stack(maps), rgb_from_pixels(decode(self.vae, encode(self.vae, pixels))))

    def finish(self) -> None:
        """Give the latents of training images zero mean and unit variance in every channel, if they were trained."""
        if self.settings.decoder_only:
            return
        chosen = spread_positions(len(self.training), _STATISTICS_IMAGES)
        latents = torch.cat(
            [
                encode(self.vae, pixels_from_arrays(list(self.training.images[part].numpy())).to(self.device))
                for part in np.array_split(chosen, max(1, len(chosen) // _CHUNK))
            ]
        )
        # The layers make latents that are not scaled yet; what the denoiser sees is to have unit variance.
        mean, std = latents.mean(dim=(0, 2, 3)), latents.std(dim=(0, 2, 3))
        normalise_latents(self.vae, mean / self.vae.config.scaling_factor, std)

    def _check_crops(self) -> None:
        step, largest = self.components.config.autoencoder.downsampling, self.training.size
        for phase in self.settings.crops:
            if phase.size > largest or phase.size % step:
                raise FetalFlexError(
                    f"autoencoder.crops: size {phase.size} does not fit the model; choose a multiple of {step} "
                    f"up to its image size of {largest} pixels"
                )

    def _crop(self, done: float) -> int:
        return next(phase.size for phase in self.settings.crops if done <= phase.until or phase.until == 1.0)

    def _layout_crops(self, batch: int, size: int, generator: torch.Generator) -> Tensor:
        count = int(torch.rand(batch, generator=generator).lt(self.settings.layout_share).sum())
        if not count or not self._with_layout:
            return torch.empty(0, 3, size, size)
        chosen = torch.randint(0, len(self._with_layout), (count,), generator=generator).tolist()
        places = torch.randint(0, self.training.size - size + 1, (count, 2), generator=generator).tolist()
        maps = [draw_layout_map(self.training.layouts[self._with_layout[i]], self.registry) for i in chosen]
        crops = [m[top : top + size, left : left + size] for m, (top, left) in zip(maps, places, strict=True)]
        return pixels_from_arrays(crops)

    def _reconstruct(self, images: NDArray[np.uint8]) -> NDArray[np.uint8]:
        pixels = pixels_from_arrays(list(images)).to(self.device)
        return grey_from_pixels(decode(self.vae, encode(self.vae, pixels)))


@torch.no_grad()
def normalise_latents(vae: AutoencoderKL, mean: Tensor, std: Tensor) -> None:
    """Fold z' = (z - mean) / std into the layers next to the latent, in place; reconstructions stay the same.

    With unit variance in every channel, the forward noising (equation 1) destroys all channels at the same rate.

    Args:
        vae: An autoencoder with `quant_conv` and `post_quant_conv`.
        mean: Mean of each latent channel, (C,).
        std: Standard deviation of each latent channel, (C,).
    """
    channels = len(mean)
    quant, post = vae.quant_conv, vae.post_quant_conv
    quant.bias[:channels] = (quant.bias[:channels] - mean) / std
    quant.weight[:channels] /= std[:, None, None, None]
    quant.bias[channels:] -= 2 * std.log()
    post.bias += post.weight[:, :, 0, 0] @ mean
    post.weight *= std[None, :, None, None]

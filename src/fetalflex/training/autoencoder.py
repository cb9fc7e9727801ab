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
from fetalflex.rulers.texture import band_powers, patches_in
from fetalflex.spreading import spread, spread_positions
from fetalflex.training.colour_recovery import colour_recovery
from fetalflex.training.config import AutoencoderStage
from fetalflex.training.discriminator import PatchDiscriminator, balancing_weight, deception_loss, discriminator_loss
from fetalflex.training.equivariance import Move, high_frequency_share
from fetalflex.training.images import ImageBank
from fetalflex.training.losses import ssim
from fetalflex.training.noise_draws import noise_for
from fetalflex.training.stage import Stage, Validation

_VALIDATION_IMAGES = 64
_SHOWN_IMAGES = 8
_STATISTICS_IMAGES = 512
_CHUNK = 8
_MOST_MAPS = 1024  # layout maps that are drawn once and kept
_LEARNING_ALONE = 0.05  # share of the run that the discriminator learns before it counts
_DISCRIMINATOR_CHANNELS = 32
_DISCRIMINATOR_SHARE = 0.01  # AdamW does not mind the size of a loss, but a large one would use up the gradient's clip
_TEXTURE_BANDS = ((1 / 6, 1 / 4), (1 / 4, 3 / 8))  # wavelengths of 4 to 6 and of 2.7 to 4 pixels
_TEXTURE_WEIGHT = (
    1e-3  # of the squared log ratio of power beside the squared error of grey values, which is of this size
)


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
        self.training.images = self.training.images.to(device)
        self._maps = self._draw_maps() if settings.layout_share else None
        self.discriminator: PatchDiscriminator | None = None
        if settings.adversarial_weight:
            channels = components.config.autoencoder.latent_channels
            self.discriminator = PatchDiscriminator(_DISCRIMINATOR_CHANNELS, channels).to(device)

    @property
    def sample_count(self) -> int:
        """Number of training images."""
        return len(self.training)

    def networks(self) -> nn.ModuleDict:
        """Return the VAE, or what of it makes images of latents, and the discriminator if there is one."""
        if self.settings.decoder_only:
            networks = nn.ModuleDict({"decoder": self.vae.decoder, "post_quant_conv": self.vae.post_quant_conv})
        else:
            networks = nn.ModuleDict({"vae": self.vae})
        if self.discriminator is not None:
            networks["discriminator"] = self.discriminator
        return networks

    def batch_size(self, configured: int, done: float) -> int:
        """Return as many crops as have together the pixels of `configured` crops of the first phase's size."""
        return max(1, round(configured * (self._crop(0) / self._crop(done)) ** 2))

    def learning_rates(self) -> dict[str, float]:
        """Return the discriminator's: it learns as fast as what it judges."""
        return {"discriminator": 1.0}

    def loss(
        self, indices: NDArray[np.int64], generator: torch.Generator, done: float
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the reconstruction loss; see `Stage.loss`."""
        size = self._crop(done)
        maps = self._layout_crops(len(indices), size, generator)
        count = len(indices) - len(maps)  # of images, which come first
        crops = self.training.crops(indices[:count], size, generator).to(self.device)
        target = torch.cat([crops.expand(-1, 3, -1, -1), maps.to(self.device)]).float().div_(127.5).sub_(1.0)
        target = target.contiguous(memory_format=torch.channels_last)
        posterior = self.vae.encode(target).latent_dist
        latents = posterior.mean + posterior.std * noise_for(posterior.mean, generator)
        reconstruction = self.vae.decode(self._disturbed(latents, generator)).sample.float()
        loss, terms = self._reconstruction_error(reconstruction, target)
        kl = 0.5 * (posterior.mean**2 + posterior.var - 1.0 - posterior.logvar).float().mean()
        loss, terms = loss + self.settings.kl_weight * kl, terms | {"kl": kl}
        if self.settings.equivariance_weight:
            moved = self._moved_error(latents, target, generator)
            loss, terms = loss + self.settings.equivariance_weight * moved, terms | {"equivariance": moved}
        if self.discriminator is not None and count and done >= self.settings.adversarial_from - _LEARNING_ALONE:
            real, made = (grey_of(pixels[:count]) for pixels in (target, reconstruction))
            terms["loss"] = loss  # what the run is watched by: hinge losses stay near one however good the images are
            learning = discriminator_loss(self.discriminator, real, made, latents[:count])
            terms["discriminator"] = learning
            if done >= self.settings.adversarial_from:
                adversarial = deception_loss(self.discriminator, made, latents[:count])
                balance = balancing_weight(loss, adversarial, self.vae.decoder.conv_out.weight)
                loss, terms["adversarial"] = (
                    loss + self.settings.adversarial_weight * balance * adversarial,
                    adversarial,
                )
            loss = loss + _DISCRIMINATOR_SHARE * learning
        return loss, terms

    def _reconstruction_error(self, reconstruction: Tensor, target: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        error = reconstruction - target
        l1, mse = error.abs().mean(), error.square().mean()
        similarity = ssim(grey_of(reconstruction), grey_of(target), data_range=2.0).mean()
        loss = l1 + self.settings.mse_weight * mse + self.settings.ssim_weight * (1 - similarity)
        return loss, {"l1": l1, "mse": mse, "ssim": similarity}

    def _disturbed(self, latents: Tensor, generator: torch.Generator) -> Tensor:
        """Return latents with noise of up to a share of their own standard deviation."""
        if not self.settings.latent_noise:
            return latents
        strength = self.settings.latent_noise * torch.rand(len(latents), 1, 1, 1, generator=generator)
        spread = latents.detach().float().std(dim=(0, 2, 3), keepdim=True)
        return latents + strength.to(self.device) * spread * noise_for(latents, generator)

    def _moved_error(self, latents: Tensor, target: Tensor, generator: torch.Generator) -> Tensor:
        """Return how far what is decoded of moved latents is from moved images; half of a batch tells enough."""
        move = Move.draw(min(latents.shape[-2:]), generator)
        half = slice(0, (len(latents) + 1) // 2)
        with torch.autocast(self.device.type, enabled=False):
            moved, expected = move.apply(latents[half]), move.apply(target[half])
        error = self.vae.decode(moved).sample.float() - expected
        return error.abs().mean() + self.settings.mse_weight * error.square().mean()

    def validate(self) -> Validation:
        """Measure the reconstruction of whole validation images, and of layout maps.

        Returns:
            `loss`, the mean squared error of grey values in [0, 1], with an adversary also the squared log ratio of
            power, times 0.001, which it is there for; PSNR (dB); SSIM; `power_4_to_6_px` and `power_3_to_4_px`, the
            power at these wavelengths relative to the images'; `high_frequency_share` of latents;
            `layout_colours`, see `colour_recovery`, if the images have layouts; and a sheet of originals over
            reconstructions.
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
        ratios = _power_ratios(pairs)
        shown = pairs[:: max(1, len(pairs) // _SHOWN_IMAGES)][:_SHOWN_IMAGES]
        sheet = np.concatenate([np.concatenate(pair) for pair in shown], axis=1)
        numbers = {"loss": np.mean(errors), "psnr": -10 * np.mean(np.log10(errors)), "ssim": np.mean(similarity)}
        numbers |= dict(zip(("power_4_to_6_px", "power_3_to_4_px"), ratios, strict=True))
        if self.discriminator is not None:
            numbers["loss"] += _TEXTURE_WEIGHT * float(np.mean(np.log(np.maximum(ratios, 1e-6)) ** 2))
        numbers["high_frequency_share"] = high_frequency_share(self._encoded(self.validation.images[chosen]))
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
                self._encoded(self.training.images[part])
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

    def _draw_maps(self) -> Tensor | None:
        """Draw the layout maps of up to 1,024 training images, (N, 3, S, S) uint8 on the device."""
        layouts = spread([layout for layout in self.training.layouts if layout.structures], _MOST_MAPS)
        if not layouts:
            return None
        maps = np.stack([draw_layout_map(layout, self.registry) for layout in layouts])
        return torch.from_numpy(maps).permute(0, 3, 1, 2).contiguous().to(self.device)

    def _layout_crops(self, batch: int, size: int, generator: torch.Generator) -> Tensor:
        """Return crops of layout maps for their share of a batch, (N, 3, size, size) uint8."""
        count = int(torch.rand(batch, generator=generator).lt(self.settings.layout_share).sum())
        if not count or self._maps is None:
            return torch.empty((0, 3, size, size), dtype=torch.uint8)
        chosen = torch.randint(0, len(self._maps), (count,), generator=generator).tolist()
        places = torch.randint(0, self.training.size - size + 1, (count, 2), generator=generator).tolist()
        return torch.stack(
            [
                self._maps[i, :, top : top + size, left : left + size]
                for i, (top, left) in zip(chosen, places, strict=True)
            ]
        )

    def _reconstruct(self, images: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return grey_from_pixels(decode(self.vae, self._encoded(torch.from_numpy(images))))

    def _encoded(self, images: Tensor) -> Tensor:
        """Return the latents of grey images (B, H, W) uint8."""
        pixels = images.to(self.device)[:, None].expand(-1, 3, -1, -1).float().div(127.5).sub(1.0)
        return encode(self.vae, pixels)


def grey_of(pixels: Tensor) -> Tensor:
    """Return the grey values (B, 1, H, W) of images (B, 3, H, W)."""
    return pixels.mean(dim=1, keepdim=True)


def _power_ratios(pairs: list[tuple[NDArray[np.uint8], NDArray[np.uint8]]]) -> NDArray[np.float64]:
    """Return the power of reconstructions over that of their images, (bands,), summed over all images."""
    patches = patches_in(np.ones(pairs[0][0].shape, np.bool_))
    powers = [np.sum([band_powers(one[n], patches, _TEXTURE_BANDS) for one in pairs], axis=0) for n in (0, 1)]
    ratios: NDArray[np.float64] = powers[1] / np.maximum(powers[0], 1e-12)
    return ratios


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

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from training_helpers import changed_parts, same_weights, take_steps, weights

from fetalflex.anatomy import default_registry
from fetalflex.errors import FetalFlexError
from fetalflex.models.components import Components
from fetalflex.models.latents import decode, encode, pixels_from_arrays
from fetalflex.training.autoencoder import AutoencoderTraining, normalise_latents
from fetalflex.training.config import AutoencoderStage, CropPhase, DataConfig
from fetalflex.training.images import ImageBank, select_samples
from fetalflex.training.order import generator_at

REGISTRY = default_registry()
CROPS = (CropPhase(until=0.5, size=32), CropPhase(until=1.0, size=64))


@pytest.fixture(scope="module")
def banks(phantom_folder: Path) -> tuple[ImageBank, ImageBank]:
    config = DataConfig(paths=(phantom_folder,))
    train, val = (ImageBank(select_samples(config, split, REGISTRY), 64) for split in ("train", "val"))
    return train, val


def stage(components: Components, banks: tuple[ImageBank, ImageBank], **changes: Any) -> AutoencoderTraining:
    settings = AutoencoderStage.model_validate({"crops": CROPS} | changes)
    return AutoencoderTraining(components, torch.device("cpu"), *banks, REGISTRY, settings)


def test_the_loss_falls_and_images_come_back_better(
    random_model: Components, banks: tuple[ImageBank, ImageBank]
) -> None:
    made = stage(random_model, banks)
    with torch.no_grad():
        before = made.validate()
    losses = take_steps(made, 40)
    with torch.no_grad():
        after = made.validate()
    assert np.mean(losses[-10:]) < 0.75 * np.mean(losses[:3])
    assert after.numbers["psnr"] > before.numbers["psnr"] + 3
    assert after.numbers["ssim"] > before.numbers["ssim"]
    assert after.sheet is not None
    assert after.sheet.shape[0] == 2 * 64
    assert after.sheet.dtype == np.uint8


def test_the_loss_is_the_sum_of_its_terms(random_model: Components, banks: tuple[ImageBank, ImageBank]) -> None:
    made = stage(random_model, banks, mse_weight=3.0, ssim_weight=0.25, kl_weight=0.5)
    loss, terms = made.loss(np.arange(4), generator_at(0, "test", 0), 0.0)
    expected = terms["l1"] + 3 * terms["mse"] + 0.25 * (1 - terms["ssim"]) + 0.5 * terms["kl"]
    assert loss.item() == pytest.approx(expected.item())
    assert terms["kl"] > 0
    assert terms["l1"] ** 2 < terms["mse"] < terms["l1"] * 2


def test_the_loss_depends_on_the_generator_alone(random_model: Components, banks: tuple[ImageBank, ImageBank]) -> None:
    made = stage(random_model, banks, layout_share=0.5)
    first, second, other = (made.loss(np.arange(4), generator_at(0, "test", n), 0.0)[0].item() for n in (0, 0, 1))
    assert first == second != other


def test_smaller_crops_come_in_larger_batches(random_model: Components, banks: tuple[ImageBank, ImageBank]) -> None:
    made = stage(random_model, banks)
    assert made.batch_size(16, 0.0) == made.batch_size(16, 0.5) == 16
    assert made.batch_size(16, 0.51) == made.batch_size(16, 0.99) == 4
    assert made.batch_size(1, 0.99) == 1


def test_layout_maps_take_their_share_of_a_batch(random_model: Components, banks: tuple[ImageBank, ImageBank]) -> None:
    grey, coloured = 0, 0
    made = stage(random_model, banks, layout_share=0.3)

    def count(_: torch.nn.Module, args: tuple[torch.Tensor, ...]) -> None:
        nonlocal grey, coloured
        is_grey = (args[0] == args[0][:, :1]).all(dim=1).flatten(1).all(dim=1)
        grey, coloured = grey + int(is_grey.sum()), coloured + int((~is_grey).sum())

    random_model.vae.encoder.register_forward_pre_hook(count)
    with torch.no_grad():
        for step in range(12):
            made.loss(np.arange(16), generator_at(0, "test", step), 0.9)
    assert grey + coloured == 12 * 16
    assert coloured / (12 * 16) == pytest.approx(0.3, abs=0.1)


def test_only_the_autoencoder_is_trained(random_model: Components, banks: tuple[ImageBank, ImageBank]) -> None:
    before = copy.deepcopy(random_model)
    take_steps(stage(random_model, banks), 2)
    assert changed_parts(before, random_model) == {"vae"}


def test_the_decoder_can_be_trained_alone(random_model: Components, banks: tuple[ImageBank, ImageBank]) -> None:
    made = stage(random_model, banks, decoder_only=True)
    before = {name: weights(part) for name, part in random_model.vae.named_children()}
    losses = take_steps(made, 12)
    made.finish()
    assert np.mean(losses[-3:]) < np.mean(losses[:3])
    changed = {
        name for name, part in random_model.vae.named_children() if not same_weights(before[name], weights(part))
    }
    assert changed == {"decoder", "post_quant_conv"}


@pytest.mark.parametrize("size", [128, 30])
def test_crops_that_do_not_fit_the_model_are_refused_at_once(
    random_model: Components, banks: tuple[ImageBank, ImageBank], size: int
) -> None:
    message = rf"autoencoder\.crops: size {size} does not fit the model; choose a multiple of 4 up to .* 64 pixels"
    with pytest.raises(FetalFlexError, match=message):
        stage(random_model, banks, crops=[{"until": 1, "size": size}])


@torch.no_grad()
def test_normalising_gives_unit_variance_and_leaves_reconstructions(
    random_model: Components, banks: tuple[ImageBank, ImageBank]
) -> None:
    vae = random_model.vae
    pixels = pixels_from_arrays(list(banks[0].images.numpy()))
    latents, images = encode(vae, pixels), decode(vae, encode(vae, pixels))
    spread = vae.encode(pixels).latent_dist.std
    mean, std = latents.mean((0, 2, 3)), latents.std((0, 2, 3))
    normalise_latents(vae, mean, std)
    after = encode(vae, pixels)
    torch.testing.assert_close(after.mean((0, 2, 3)), torch.zeros(4), rtol=0, atol=1e-4)
    torch.testing.assert_close(after.std((0, 2, 3)), torch.ones(4), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(decode(vae, after), images, rtol=1e-3, atol=1e-3)
    scaled = spread / std[:, None, None]
    torch.testing.assert_close(vae.encode(pixels).latent_dist.std, scaled, rtol=1e-3, atol=1e-4)


@torch.no_grad()
@pytest.mark.parametrize("scaling_factor", [1.0, 0.18215])
def test_finishing_normalises_with_the_training_images(
    random_model: Components, banks: tuple[ImageBank, ImageBank], scaling_factor: float
) -> None:
    random_model.vae.register_to_config(scaling_factor=scaling_factor)
    stage(random_model, banks).finish()
    latents = encode(random_model.vae, pixels_from_arrays(list(banks[0].images.numpy())))
    torch.testing.assert_close(latents.std((0, 2, 3)), torch.ones(4), rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(latents.mean((0, 2, 3)), torch.zeros(4), rtol=0, atol=1e-3)


def test_moved_latents_have_to_decode_to_moved_images(
    random_model: Components, banks: tuple[ImageBank, ImageBank]
) -> None:
    made = stage(random_model, banks, equivariance_weight=2.0, kl_weight=0.0, ssim_weight=0.0)
    loss, terms = made.loss(np.arange(4), generator_at(0, "test", 0), 0.0)
    assert loss.item() == pytest.approx((terms["l1"] + 2 * terms["equivariance"]).item())
    before = terms["equivariance"].item()
    take_steps(made, 40)
    assert made.loss(np.arange(4), generator_at(0, "test", 0), 0.0)[1]["equivariance"].item() < 0.9 * before


def test_noise_on_latents_reaches_the_decoder_alone(
    random_model: Components, banks: tuple[ImageBank, ImageBank]
) -> None:
    seen: list[torch.Tensor] = []
    random_model.vae.post_quant_conv.register_forward_pre_hook(lambda _, args: seen.append(args[0].detach()))
    for noise in (0.0, 0.5):
        with torch.no_grad():
            made = stage(random_model, banks, latent_noise=noise, layout_share=0.0)
            made.loss(np.arange(4), generator_at(0, "test", 0), 0.0)
    clean, noisy = seen
    spread = clean.std(dim=(0, 2, 3), keepdim=True)
    strength = ((noisy - clean) / spread).std(dim=(1, 2, 3))
    assert (strength < 0.55).all()
    assert strength.max() > 0.05
    assert len(set(strength.tolist())) == 4


def test_an_adversary_learns_first_and_then_pulls_at_the_decoder(
    random_model: Components, banks: tuple[ImageBank, ImageBank]
) -> None:
    made = stage(random_model, banks, adversarial_weight=0.5, adversarial_from=0.5, layout_share=0.0)
    made.networks().requires_grad_(True)
    alone, learning, pulling = (
        made.loss(np.arange(4), generator_at(0, "test", 0), done)[1] for done in (0.4, 0.46, 0.5)
    )
    assert {"discriminator", "adversarial"}.isdisjoint(alone)
    assert "adversarial" not in learning
    assert {"discriminator", "adversarial"} <= set(pulling)
    assert learning["loss"].item() < learning["discriminator"].item()  # what the run is watched by holds no hinge loss
    before = weights(made.networks()["discriminator"])
    take_steps(made, 4)
    assert not same_weights(before, weights(made.networks()["discriminator"]))


@torch.no_grad()
def test_a_validation_tells_of_texture_and_of_the_latents_finest_resolution(
    random_model: Components, banks: tuple[ImageBank, ImageBank]
) -> None:
    plain = stage(random_model, banks).validate().numbers
    judged = stage(random_model, banks, adversarial_weight=1.0).validate().numbers
    ratios = np.array([plain["power_4_to_6_px"], plain["power_3_to_4_px"]])
    assert (ratios < 0.5).all()  # random weights draw no texture
    assert judged["loss"] == pytest.approx(plain["loss"] + 1e-3 * np.mean(np.log(np.maximum(ratios, 1e-6)) ** 2))
    assert np.isnan(plain["high_frequency_share"])  # latents of these small images have no such frequency

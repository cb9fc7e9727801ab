"""The paper's size: how the control stage saves memory, and one full-size step."""

from __future__ import annotations

import resource
from pathlib import Path

import numpy as np
import pytest
import torch

from fetalflex.anatomy import Box, Layout, PlacedStructure, default_registry, prompt_corpus
from fetalflex.diffusion.guidance import Guidance
from fetalflex.models.build import build_components
from fetalflex.models.components import Components, weights_digest
from fetalflex.models.configs import get_preset
from fetalflex.pipeline.conditioning import ConditionedDenoiser, LatentConditions
from fetalflex.training.checkpoints import RunProgress
from fetalflex.training.config import ControlStage, DataConfig, RunConfig
from fetalflex.training.control import ControlTraining
from fetalflex.training.latent_cache import Latents
from fetalflex.training.trainer import Trainer

LIMIT = 24 * 10**9


def noise_latents(components: Components, count: int) -> Latents:
    """Return latents of noise, with the left half to be synthesised."""
    config = components.config
    shape = (count, config.autoencoder.latent_channels, config.latent_size, config.latent_size)
    image, layout, background = torch.randn(3, *shape, generator=torch.Generator().manual_seed(0)).half()
    roi_mask = torch.zeros(count, 1, *shape[2:], dtype=torch.uint8)
    roi_mask[..., : shape[3] // 2] = 1
    return Latents(image, ["fetal heart"] * count, layout, background, roi_mask, torch.zeros_like(roi_mask))


def control_training(components: Components, count: int, **settings: bool) -> ControlTraining:
    size = components.config.image_size
    layout = Layout("abdominal_transverse", size, size, (PlacedStructure("stomach", Box(size / 2, size / 2, 20, 20)),))
    latents, device = noise_latents(components, count), torch.device("cpu")
    stage = ControlStage(**settings)
    return ControlTraining(components, device, latents, latents, [layout] * count, default_registry(), stage)


def one_image_at_a_time(folder: Path, stage: ControlTraining) -> RunConfig:
    return RunConfig(
        stage="control",
        output=folder,
        init=folder,
        data=DataConfig(paths=(folder,)),
        images=10,
        batch_size=1,
        warmup_images=0,
        control=stage.settings,
    )


@pytest.mark.parametrize("ssim_space", ["latent", "pixel"])
def test_gradient_checkpointing_changes_no_gradient(random_model: Components, ssim_space: str) -> None:
    gradients = []
    for checkpointing in (False, True):
        stage = control_training(random_model, 2, gradient_checkpointing=checkpointing, ssim_space=ssim_space)
        assert stage.branch.unet.is_gradient_checkpointing == checkpointing
        weights = list(stage.networks().requires_grad_(True).parameters())
        loss, _ = stage.loss(np.arange(2), torch.Generator().manual_seed(1), 0.0)
        gradients.append(torch.autograd.grad(loss, weights))
    for plain, recomputed in zip(*gradients, strict=True):
        torch.testing.assert_close(plain, recomputed)


def test_the_optimiser_keeps_no_state_for_what_is_frozen(random_model: Components, tmp_path: Path) -> None:
    stage = control_training(random_model, 2)
    trainer = Trainer(stage, one_image_at_a_time(tmp_path, stage))
    trainer.steps.take(RunProgress(), 0.0)
    kept = {id(weight) for weight in trainer.steps.optimizer.state}
    assert kept == {id(weight) for weight in stage.networks().parameters()}
    frozen = [random_model.unet, random_model.vae, random_model.text_encoder]
    assert not kept & {id(weight) for network in frozen for weight in network.parameters()}
    assert all(weight.grad is None for network in frozen for weight in network.parameters())


@pytest.mark.slow
def test_a_full_size_model_denoises_and_takes_a_training_step(tmp_path: Path) -> None:
    """512 x 512 pixels with random weights, on the CPU, in less than 24 GB."""
    components = build_components(get_preset("sd15"), prompt_corpus(default_registry())).freeze()
    counts = components.parameter_count()
    assert (counts["unet"], counts["vae"]) == (859_520_964, 83_653_863)
    assert counts["text_encoder"] == 108_891_648

    stage = control_training(components, 1, gradient_checkpointing=True)
    latents = noise_latents(components, 1)
    assert latents.layout is not None
    assert latents.background is not None
    assert latents.roi_mask is not None
    text, layout = torch.zeros(1, 77, 768), latents.layout.float()
    conditions = LatentConditions(text, layout, latents.background.float(), latents.roi_mask.float(), text, layout)
    with torch.no_grad():
        noise = ConditionedDenoiser(components, conditions, Guidance.off())(latents.image.float(), 500)
    assert noise.shape == (1, 4, 64, 64)
    assert torch.isfinite(noise).all()

    before = {name: weights_digest(getattr(components, name)) for name in ("unet", "controlnet")}
    numbers = Trainer(stage, one_image_at_a_time(tmp_path, stage)).steps.take(RunProgress(), 0.0)
    assert torch.isfinite(numbers["loss"])
    assert numbers["gradient_norm"] > 0
    assert weights_digest(components.unet) == before["unet"]
    assert weights_digest(components.controlnet) != before["controlnet"]
    peak = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"peak memory: {peak / 1e9:.1f} GB")
    assert peak < LIMIT

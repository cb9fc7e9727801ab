from __future__ import annotations

import pytest
import torch
from torch import Tensor

from fetalflex.anatomy import Registry, default_registry, prompt_corpus
from fetalflex.models.build import build_components, build_scheduler, has_learnt, initialise_from_denoiser
from fetalflex.models.components import Components, model_identity
from fetalflex.models.configs import NoiseConfig, get_preset
from fetalflex.pipeline.conditioning import predict


def built(preset: str, seed: int = 0) -> Components:
    return build_components(get_preset(preset), prompt_corpus(default_registry()), seed)


@pytest.fixture(scope="module")
def tiny() -> Components:
    return built("tiny").freeze()


def inputs(components: Components, batch: int = 2) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return random x_t, time steps, prompt embeddings and ControlNet condition."""
    config = components.config
    channels, side = config.autoencoder.latent_channels, config.latent_size
    generator = torch.Generator().manual_seed(0)
    return (
        torch.randn(batch, channels, side, side, generator=generator),
        torch.tensor([1, 700][:batch]),
        torch.randn(batch, config.text.max_tokens, config.text.hidden_size, generator=generator),
        torch.randn(batch, 2 * channels, side, side, generator=generator),
    )


@pytest.mark.parametrize("preset", ["mini", "tiny"])
@torch.no_grad()
def test_the_parts_of_a_preset_fit_together(preset: str) -> None:
    components = built(preset).freeze()
    config = components.config
    x, timesteps, text, condition = inputs(components, batch=1)
    noise = predict(components.unet, components.controlnet, x, timesteps, text, condition)
    assert noise.shape == x.shape
    size = config.image_size
    latents = components.vae.encode(torch.zeros(1, 3, size, size)).latent_dist.mode()
    assert latents.shape == x.shape
    assert components.vae.decode(latents).sample.shape == (1, 3, size, size)


def test_mini_stays_small_enough_for_a_laptop() -> None:
    assert sum(built("mini").parameter_count().values()) <= 30e6


def test_weights_are_repeatable_by_seed_and_leave_the_global_random_state() -> None:
    torch.manual_seed(5)
    state = torch.get_rng_state()
    first, second, other = built("tiny", 3), built("tiny", 3), built("tiny", 4)
    assert torch.equal(torch.get_rng_state(), state)
    assert model_identity(first) == model_identity(second) != model_identity(other)


@torch.no_grad()
def test_a_new_control_branch_changes_nothing(tiny: Components) -> None:
    x, timesteps, text, condition = inputs(tiny)
    with_control = predict(tiny.unet, tiny.controlnet, x, timesteps, text, condition)
    assert torch.equal(with_control, tiny.unet(x, timesteps, text).sample)


@torch.no_grad()
def test_the_condition_starts_without_influence_on_the_control_branch(tiny: Components) -> None:
    condition = inputs(tiny)[3]
    assert not tiny.controlnet.controlnet_cond_embedding(condition).any()


def test_a_control_branch_has_learnt_once_an_output_is_not_zero() -> None:
    controlnet = built("tiny").controlnet
    assert not has_learnt(controlnet)
    with torch.no_grad():
        controlnet.controlnet_down_blocks[1].bias[0] = 1e-9
    assert has_learnt(controlnet)


def test_the_control_branch_starts_as_the_denoisers_encoder(tiny: Components) -> None:
    for part in ("conv_in", "time_embedding", "down_blocks", "mid_block"):
        own, theirs = getattr(tiny.controlnet, part).state_dict(), getattr(tiny.unet, part).state_dict()
        assert own.keys() == theirs.keys()
        assert all(torch.equal(own[name], theirs[name]) for name in own)


def test_initialising_from_the_denoiser_copies_and_does_not_share() -> None:
    components = built("tiny")
    with torch.no_grad():
        components.unet.conv_in.weight.add_(1)
    initialise_from_denoiser(components.controlnet, components.unet)
    assert torch.equal(components.controlnet.conv_in.weight, components.unet.conv_in.weight)
    assert components.controlnet.conv_in.weight.data_ptr() != components.unet.conv_in.weight.data_ptr()


def test_the_autoencoder_has_no_attention_so_that_training_on_crops_carries_over(tiny: Components) -> None:
    assert tiny.vae.encoder.mid_block.attentions[0] is None
    assert tiny.vae.decoder.mid_block.attentions[0] is None


@pytest.mark.parametrize("schedule", ["linear", "scaled_linear"])
def test_the_noise_schedule_is_the_configured_one(schedule: str) -> None:
    scheduler = build_scheduler(NoiseConfig(beta_start=0.00085, beta_end=0.012, beta_schedule=schedule))
    assert float(scheduler.betas[0]) == pytest.approx(0.00085)
    assert float(scheduler.betas[-1]) == pytest.approx(0.012)
    middle = {"linear": (0.00085 + 0.012) / 2, "scaled_linear": ((0.00085**0.5 + 0.012**0.5) / 2) ** 2}
    assert float(scheduler.betas[499:501].mean()) == pytest.approx(middle[schedule], rel=1e-3)
    assert float(scheduler.final_alpha_cumprod) == 1


def test_a_registry_of_ones_own_gives_its_own_vocabulary() -> None:
    registry: Registry = default_registry()
    components = build_components(get_preset("tiny"), ["fetal ultrasound, zebra plane"], 0)
    assert "zebra" in components.tokenizer.tokenize("zebra")
    assert len(components.tokenizer) < len(built("tiny").tokenizer)
    assert registry is default_registry()

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from training_helpers import cached_latents, changed_parts, take_steps

from fetalflex.models.components import Components
from fetalflex.models.text import encode_prompts
from fetalflex.training.config import DenoiserStage
from fetalflex.training.denoiser import DenoiserTraining, validation_noise
from fetalflex.training.latent_cache import Latents
from fetalflex.training.order import generator_at


@pytest.fixture(scope="module")
def latents(
    phantom_folder: Path, tmp_path_factory: pytest.TempPathFactory, shared_model: Components
) -> tuple[Latents, Latents]:
    cache, components = tmp_path_factory.mktemp("cache"), copy.deepcopy(shared_model)
    train, val = (cached_latents(phantom_folder, cache, components, split, False) for split in ("train", "val"))
    # Two prompts, so that text can matter.
    train.prompts = [["fetal heart", "fetal spine"][i % 2] for i in range(len(train))]
    return train, val


def stage(components: Components, latents: tuple[Latents, Latents], **changes: Any) -> DenoiserTraining:
    return DenoiserTraining(components, torch.device("cpu"), *latents, DenoiserStage(**changes))


def test_the_loss_falls(random_model: Components, latents: tuple[Latents, Latents]) -> None:
    made = stage(random_model, latents)
    with torch.no_grad():
        before = made.validate()
    take_steps(made, 30)
    with torch.no_grad():
        after = made.validate()
    assert after.numbers["loss"] < 0.9 * before.numbers["loss"]
    assert after.sheet is not None
    assert after.sheet.dtype == np.uint8
    assert after.sheet.shape[0] == 64


@torch.no_grad()
def test_a_validation_in_parts_measures_the_same(
    random_model: Components, latents: tuple[Latents, Latents], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fetalflex.training.denoiser._SHOWN_STEPS", 1)
    made = stage(random_model, latents)
    whole = made.validate().numbers
    monkeypatch.setattr("fetalflex.models.parts.LARGEST_FEATURE_MAP", 5 * (16 + 32) * 16**2)
    assert made.validate().numbers == pytest.approx(whole, rel=1e-4)


def test_only_u_net_and_text_encoder_are_trained(random_model: Components, latents: tuple[Latents, Latents]) -> None:
    before = copy.deepcopy(random_model)
    take_steps(stage(random_model, latents), 2)
    assert changed_parts(before, random_model) == {"unet", "text_encoder"}


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
def test_the_loss_is_the_squared_error_of_the_prediction(
    random_model: Components, latents: tuple[Latents, Latents], prediction: str
) -> None:
    random_model.scheduler.register_to_config(prediction_type=prediction)
    made = stage(random_model, latents, prompt_dropout=0)
    indices = np.array([3, 8])
    with torch.no_grad():
        found, _ = made.loss(indices, generator_at(0, "test", 0), 0.0)
        generator = generator_at(0, "test", 0)
        clean = latents[0].image[indices].float()
        noise = torch.randn(clean.shape, generator=generator)
        timesteps = torch.randint(0, 1000, (2,), generator=generator)
        noisy = random_model.scheduler.add_noise(clean, noise, timesteps)
        prompts = [latents[0].prompts[i] for i in indices]
        text = encode_prompts(random_model.tokenizer, random_model.text_encoder, prompts)
        target = noise if prediction == "epsilon" else random_model.scheduler.get_velocity(clean, noise, timesteps)
        expected = F.mse_loss(random_model.unet(noisy, timesteps, text).sample, target)
    assert found.item() == pytest.approx(expected.item(), rel=1e-4)


@pytest.mark.parametrize(("dropout", "share"), [(0.0, 0.0), (0.3, 0.3), (0.999, 1.0)])
def test_prompts_are_dropped_with_their_probability(
    random_model: Components, latents: tuple[Latents, Latents], dropout: float, share: float
) -> None:
    made = stage(random_model, latents, prompt_dropout=dropout)
    null = len(random_model.tokenizer("")["input_ids"])
    lengths: list[int] = []

    def watch(_: torch.nn.Module, __: Any, options: dict[str, Any]) -> None:
        lengths.extend(options["attention_mask"].sum(1).tolist())

    random_model.text_encoder.register_forward_pre_hook(watch, with_kwargs=True)
    with torch.no_grad():
        for step in range(12):
            made.loss(np.arange(32), generator_at(0, "test", step), 0.0)
    assert np.mean([length == null for length in lengths]) == pytest.approx(share, abs=0.06)


def test_validation_is_the_same_each_time(random_model: Components, latents: tuple[Latents, Latents]) -> None:
    made = stage(random_model, latents)
    with torch.no_grad():
        first = made.validate()
        made.loss(np.arange(4), generator_at(0, "test", 0), 0.0)
        second = made.validate()
    assert first.numbers == second.numbers
    assert np.array_equal(first.sheet, second.sheet)


@pytest.mark.parametrize("count", [1, 2, 12, 32, 64])
def test_validation_noise_is_fixed_and_its_levels_are_spread_evenly(
    random_model: Components, latents: tuple[Latents, Latents], count: int
) -> None:
    made = stage(random_model, latents)
    clean = torch.zeros(count, 4, 16, 16)
    noise, timesteps = validation_noise(clean, made.schedule)
    again, _ = validation_noise(clean, made.schedule)
    assert torch.equal(noise, again)
    assert noise.shape == clean.shape
    expected = [int((i + 0.5) / count * 1000) for i in range(count)]
    assert sorted(timesteps.tolist()) == pytest.approx(expected, abs=1)

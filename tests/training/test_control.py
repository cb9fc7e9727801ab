from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from training_helpers import cached_latents, changed_parts, same_weights, take_steps, weights

from fetalflex.anatomy import default_registry, prompt_corpus
from fetalflex.models.build import build_components, has_learnt, renew_control, show_names
from fetalflex.models.components import Components
from fetalflex.models.configs import ControlConfig, get_preset
from fetalflex.training.config import ControlStage
from fetalflex.training.control import ControlTraining
from fetalflex.training.latent_cache import Latents
from fetalflex.training.order import generator_at
from phantoms import random_layout


@pytest.fixture(scope="module")
def latents(
    phantom_folder: Path, tmp_path_factory: pytest.TempPathFactory, shared_model: Components
) -> tuple[Latents, Latents]:
    cache, components = tmp_path_factory.mktemp("cache"), copy.deepcopy(shared_model)
    train, val = (cached_latents(phantom_folder, cache, components, split, True) for split in ("train", "val"))
    return train, val


@pytest.fixture
def new_model() -> Components:
    """A model whose control branch has not been trained."""
    return build_components(get_preset("tiny"), prompt_corpus(default_registry()), seed=1)


def stage(components: Components, latents: tuple[Latents, Latents], **changes: Any) -> ControlTraining:
    layouts = [random_layout(np.random.default_rng(i), 64, 64) for i in range(len(latents[1]))]
    settings = ControlStage(**changes)
    return ControlTraining(components, torch.device("cpu"), *latents, layouts, default_registry(), settings)


def loss_of(made: ControlTraining, step: int = 0) -> float:
    with torch.no_grad():
        return made.loss(np.arange(8), generator_at(0, "test", step), 0.0)[0].item()


def test_the_loss_falls(new_model: Components, latents: tuple[Latents, Latents]) -> None:
    made = stage(new_model, latents)
    with torch.no_grad():
        before = made.validate()
    take_steps(made, 24)
    with torch.no_grad():
        after = made.validate()
    assert after.numbers["loss"] < 0.9 * before.numbers["loss"]


def test_only_the_control_branch_is_trained(new_model: Components, latents: tuple[Latents, Latents]) -> None:
    made = stage(new_model, latents)
    before = copy.deepcopy(new_model)
    take_steps(made, 3)
    assert changed_parts(before, new_model) == {"controlnet", "prealignment"}


def test_the_denoiser_learns_too_if_it_is_given_a_rate(
    random_model: Components, latents: tuple[Latents, Latents]
) -> None:
    made = stage(random_model, latents, unet_rate=0.1)
    before = copy.deepcopy(random_model)
    take_steps(made, 3)
    assert changed_parts(before, random_model) == {"controlnet", "prealignment", "unet"}


def test_the_text_encoder_learns_too_if_it_is_given_a_rate(
    random_model: Components, latents: tuple[Latents, Latents]
) -> None:
    frozen, learning = (stage(copy.deepcopy(random_model), latents, text_rate=rate) for rate in (0.0, 0.5))
    assert loss_of(frozen) == pytest.approx(loss_of(learning), rel=1e-5)
    before = copy.deepcopy(random_model)
    take_steps(learning, 3)
    assert changed_parts(before, learning.components) == {"controlnet", "prealignment", "text_encoder"}
    with torch.no_grad():
        numbers = learning.validate().numbers
        fresh = stage(copy.deepcopy(learning.components), latents).validate().numbers
    assert numbers["loss_null"] == pytest.approx(fresh["loss_null"], rel=1e-5)
    assert numbers["loss"] == pytest.approx(fresh["loss"], rel=1e-5)


def test_the_gradient_reaches_every_weight_of_the_control_branch(
    random_model: Components, latents: tuple[Latents, Latents]
) -> None:
    made = stage(random_model, latents)
    networks = made.networks().requires_grad_(True)
    made.loss(np.arange(8), generator_at(0, "test", 0), 0.0)[0].backward()
    without = [name for name, weight in networks.named_parameters() if weight.grad is None or not weight.grad.any()]
    assert without == []
    assert all(weight.grad is None for weight in random_model.unet.parameters())


def test_an_untrained_control_branch_does_not_react_to_layouts(
    new_model: Components, latents: tuple[Latents, Latents]
) -> None:
    with torch.no_grad():
        numbers = stage(new_model, latents).validate().numbers
    assert numbers["loss"] == numbers["loss_shuffled"] == numbers["loss_null"]
    assert numbers["adherence"] == numbers["adherence_null"] == 0


def test_validation_measures_how_the_model_reacts_to_layouts(
    random_model: Components, latents: tuple[Latents, Latents]
) -> None:
    made = stage(random_model, latents)
    with torch.no_grad():
        result = made.validate()
    numbers = result.numbers
    assert len({numbers["loss"], numbers["loss_shuffled"], numbers["loss_null"]}) == 3
    assert numbers["adherence"] == pytest.approx(numbers["loss_shuffled"] / numbers["loss"] - 1)
    assert numbers["adherence_null"] == pytest.approx(numbers["loss_null"] / numbers["loss"] - 1)
    assert result.sheet is not None
    assert result.sheet.shape == (5 * 64, 8 * 64)
    rows = np.split(result.sheet, 5)
    assert not np.array_equal(rows[1], rows[3]), "the edited layout is another"
    assert not np.array_equal(rows[2], rows[4]), "and so is its synthesis"
    levels = [numbers[f"loss_noise_{level}"] for level in range(4)]
    assert min(levels) <= numbers["loss"] <= max(levels)
    assert {"train_loss", *(f"train_loss_noise_{level}" for level in range(4))} <= numbers.keys()
    assert numbers["adherence_noisy"] != 0
    assert numbers["nearest_synthetic"] > 0
    assert numbers["nearest_real"] > 0
    assert numbers["tone"] > 0
    assert numbers["seam"] > 0
    assert numbers["texture_contrast"] > 0


def test_a_validation_in_parts_measures_the_same(
    random_model: Components, latents: tuple[Latents, Latents], monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    random_model.unet.register_forward_pre_hook(lambda _, args: sizes.append(len(args[0])))
    monkeypatch.setattr("fetalflex.training.control_validation._SHOWN_STEPS", 3)
    monkeypatch.setattr("fetalflex.training.control_validation._VALIDATION_SAMPLES", 12)
    made = stage(random_model, latents)
    with torch.no_grad():
        whole = made.validate()
        assert max(sizes) == 12
        sizes.clear()
        monkeypatch.setattr("fetalflex.models.parts.LARGEST_FEATURE_MAP", 5 * (16 + 32) * 16**2)
        parted = made.validate()
    assert max(sizes) == 5
    assert parted.numbers == pytest.approx(whole.numbers, rel=1e-3, nan_ok=True)
    assert whole.sheet is not None
    assert parted.sheet is not None
    assert np.abs(parted.sheet.astype(int) - whole.sheet.astype(int)).max() <= 1


def test_syntheses_that_are_training_images_are_warned_of(
    random_model: Components, latents: tuple[Latents, Latents]
) -> None:
    made = stage(random_model, latents)
    with torch.no_grad():
        numbers = made.validate().numbers
        syntheses, _ = made.validation.syntheses()
    assert not any("memorises images" in concern for concern in made.concerns(numbers, 1.0))
    learnt = copy.copy(latents[0])
    learnt.image = torch.cat([syntheses.half(), learnt.image[len(syntheses) :]])
    made = stage(random_model, (learnt, latents[1]))
    with torch.no_grad():
        numbers = made.validate().numbers
    assert numbers["nearest_synthetic"] < 0.1 * numbers["nearest_real"]
    assert any("memorises images" in concern for concern in made.concerns(numbers, 0.0))


def test_a_layout_that_is_ignored_is_warned_of_once_the_run_has_gone_on(
    new_model: Components, latents: tuple[Latents, Latents]
) -> None:
    made = stage(new_model, latents, adherence_from=0.5)
    with torch.no_grad():
        numbers = made.validate().numbers
    assert not any("ignores its layout" in concern for concern in made.concerns(numbers, 0.4))
    assert any("ignores its layout" in concern for concern in made.concerns(numbers, 0.5))


def gradient_of_the_prediction(model: Components, latents: tuple[Latents, Latents], **changes: Any) -> torch.Tensor:
    """Return the gradient of the loss with respect to what the denoiser predicts, (B, C, h, w)."""
    made = stage(model, latents, ssim_weight=0, **changes)
    gradients: list[torch.Tensor] = []

    def watch(_: torch.nn.Module, __: Any, output: tuple[torch.Tensor, ...]) -> None:
        output[0].register_hook(gradients.append)

    made.networks().requires_grad_(True)
    hook = model.unet.register_forward_hook(watch)
    made.loss(np.arange(8), generator_at(0, "test", 0), 0.0)[0].backward()
    hook.remove()
    return gradients[0]


def test_what_is_outside_the_roi_does_not_count(random_model: Components, latents: tuple[Latents, Latents]) -> None:
    masks = latents[0].roi_mask[:8].bool()
    reached = gradient_of_the_prediction(random_model, latents).abs().sum(1, keepdim=True) > 0
    assert torch.equal(reached, masks)
    assert not masks.all()


def test_structures_count_with_their_weight(random_model: Components, latents: tuple[Latents, Latents]) -> None:
    plain, weighted = (
        gradient_of_the_prediction(random_model, latents, structure_weight=weight) for weight in (1.0, 6.0)
    )
    roi, inner = latents[0].roi_mask[:8].bool(), latents[0].structure_mask[:8].bool()
    ratio = (weighted.abs().sum(1, keepdim=True) / plain.abs().sum(1, keepdim=True)).double()
    elsewhere = ratio[roi & ~inner].median()
    torch.testing.assert_close(ratio[roi & ~inner], elsewhere.expand(int((roi & ~inner).sum())), rtol=1e-3, atol=0)
    torch.testing.assert_close(ratio[roi & inner], 6 * elsewhere.expand(int((roi & inner).sum())), rtol=1e-3, atol=0)


def exchanged(latents: Latents, field: str) -> Latents:
    """Return the latents with one field exchanged between samples."""
    value = getattr(latents, field)
    changed = copy.copy(latents)
    setattr(changed, field, value[::-1] if isinstance(value, list) else value.flip(0))
    return changed


@pytest.mark.parametrize(("field", "option"), [("layout", "layout_dropout"), ("prompts", "prompt_dropout")])
def test_what_is_dropped_has_no_influence(
    random_model: Components, latents: tuple[Latents, Latents], field: str, option: str
) -> None:
    train, val = latents
    train = copy.copy(train)
    train.prompts = [["fetal heart", "fetal spine"][i % 2] for i in range(len(train))]
    for dropout, matters in ((0.0, True), (0.9999, False)):
        own = loss_of(stage(copy.deepcopy(random_model), (train, val), **{option: dropout}))
        other = loss_of(stage(copy.deepcopy(random_model), (exchanged(train, field), val), **{option: dropout}))
        assert (own != other) == matters


def test_layout_and_prompt_are_dropped_independently_with_their_probabilities(
    random_model: Components, latents: tuple[Latents, Latents]
) -> None:
    made = stage(random_model, latents, layout_dropout=0.3, prompt_dropout=0.6)
    null_layout, null_text = made.branch.null_layout, made.branch.null_text
    layouts, texts = [], []

    def watch_layout(_: torch.nn.Module, args: tuple[torch.Tensor, ...]) -> None:
        layouts.append((args[0] == null_layout).flatten(1).all(1))

    def watch_text(_: torch.nn.Module, args: tuple[torch.Tensor, ...]) -> None:
        texts.append((args[2] == null_text).flatten(1).all(1))

    random_model.prealignment.register_forward_pre_hook(watch_layout)
    random_model.unet.register_forward_pre_hook(watch_text)
    with torch.no_grad():
        for step in range(10):
            made.loss(np.arange(36), generator_at(0, "test", step), 0.0)
    no_layout, no_text = torch.cat(layouts).float(), torch.cat(texts).float()
    assert no_layout.mean().item() == pytest.approx(0.3, abs=0.08)
    assert no_text.mean().item() == pytest.approx(0.6, abs=0.08)
    assert (no_layout * no_text).mean().item() == pytest.approx(0.18, abs=0.07)


def test_a_new_control_branch_starts_from_the_denoiser_as_it_is_now(
    new_model: Components, latents: tuple[Latents, Latents]
) -> None:
    with torch.no_grad():
        new_model.unet.conv_in.weight.add_(1)
    stage(new_model, latents)
    assert torch.equal(new_model.controlnet.conv_in.weight, new_model.unet.conv_in.weight)


def test_a_control_branch_that_has_learnt_goes_on_from_there(
    random_model: Components, latents: tuple[Latents, Latents]
) -> None:
    with torch.no_grad():
        random_model.controlnet.conv_in.weight.add_(1)
    before = weights(random_model.controlnet)
    stage(random_model, latents)
    assert same_weights(weights(random_model.controlnet), before)


def test_a_control_branch_can_start_anew(random_model: Components, latents: tuple[Latents, Latents]) -> None:
    show_names(random_model, {"thalami": (9, 9, 200)}, ("thalami",))
    renew_control(random_model)
    assert random_model.config.control == ControlConfig(embedding_channels=8, alignment_channels=8)
    made = stage(random_model, latents)
    renewed = copy.deepcopy(random_model)
    renew_control(renewed)
    again = stage(renewed, latents)
    assert not has_learnt(made.branch.controlnet)
    assert same_weights(weights(made.branch.controlnet.down_blocks), weights(random_model.unet.down_blocks))
    assert same_weights(weights(made.networks()), weights(again.networks()))


def test_without_pre_alignment_layout_and_background_stand_side_by_side(
    random_model: Components, latents: tuple[Latents, Latents]
) -> None:
    made = stage(random_model, latents, prealignment=False)
    before = copy.deepcopy(random_model)
    take_steps(made, 2)
    assert changed_parts(before, random_model) == {"controlnet"}
    layout, background, mask = torch.randn(1, 4, 16, 16), torch.randn(1, 4, 16, 16), torch.ones(1, 1, 16, 16)
    mask[..., :8] = 0
    condition = random_model.prealignment(layout, background, mask)
    assert torch.equal(condition[:, 4:], layout)
    assert torch.equal(condition[:, :4, :, :8], background[..., :8])
    assert (condition[:, :4, :, 8:] == 4).all()
    stage(random_model, latents)
    assert random_model.prealignment.config.modulates


@pytest.mark.parametrize("space", ["latent", "pixel"])
def test_equation_10_adds_structure_to_the_squared_error(
    random_model: Components, latents: tuple[Latents, Latents], space: str
) -> None:
    made = stage(random_model, latents, ssim_weight=0.7, ssim_space=space)
    networks = made.networks().requires_grad_(True)
    loss, parts = made.loss(np.arange(4), generator_at(0, "test", 0), 0.0)
    assert loss.item() == pytest.approx(parts["error"].item() + 0.7 * parts["structure_error"].item(), rel=1e-5)
    assert parts["structure_error"].item() > 0
    parts["structure_error"].backward()
    assert all(weight.grad is not None and torch.isfinite(weight.grad).all() for weight in networks.parameters())


def test_without_its_weight_the_structure_is_left_out(
    random_model: Components, latents: tuple[Latents, Latents]
) -> None:
    made = stage(random_model, latents, ssim_weight=0.0)
    loss, parts = made.loss(np.arange(4), generator_at(0, "test", 0), 0.0)
    with_structure = stage(random_model, latents).loss(np.arange(4), generator_at(0, "test", 0), 0.0)[1]
    assert parts == {}
    assert loss.item() == pytest.approx(with_structure["error"].item(), rel=1e-6)

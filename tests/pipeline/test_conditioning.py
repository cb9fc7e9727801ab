from __future__ import annotations

import copy
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from fetalflex.anatomy import Box, Layout, PlacedStructure, default_registry, draw_layout_map
from fetalflex.diffusion.guidance import Guidance
from fetalflex.models.build import show_names
from fetalflex.models.components import Components
from fetalflex.models.latents import encode, pixels_from_arrays
from fetalflex.pipeline.conditioning import (
    ConditionedDenoiser,
    LatentConditions,
    encode_layouts,
    encode_null_layout,
    predict,
)

BATCH = 3
X = torch.randn(BATCH, 4, 16, 16, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def conditions() -> LatentConditions:
    generator = torch.Generator().manual_seed(1)
    layout, background = torch.randn(2, BATCH, 4, 16, 16, generator=generator)
    text = torch.randn(BATCH + 1, 48, 32, generator=generator)
    mask = torch.zeros(BATCH, 1, 16, 16)
    mask[..., 4:12] = 1
    null_layout = torch.randn(1, 4, 16, 16, generator=generator)
    return LatentConditions(text[:-1], layout, background, mask, text[-1:], null_layout)


@pytest.fixture(params=["epsilon", "v_prediction"])
def model(request: pytest.FixtureRequest, random_model: Components) -> Components:
    """A model of either kind of prediction."""
    random_model.scheduler.register_to_config(prediction_type=request.param)
    return random_model


def plain(
    model: Components,
    given: LatentConditions,
    timestep: int,
    prompt: bool = True,
    layout: bool = True,
    before: bool = False,
) -> Tensor:
    """Return ε(p, l) as diffusers would: the condition embedded anew, null values or the earlier layout where asked."""
    text = given.text if prompt else given.null_text.expand_as(given.text)
    latents = given.layout if layout else given.null_layout.expand_as(given.layout)
    latents = given.layout_before if before else latents
    condition = model.prealignment(latents, given.background, given.roi_mask)
    down, middle = model.controlnet(X, timestep, text, condition, return_dict=False)
    predicted = model.unet(
        X, timestep, text, down_block_additional_residuals=down, mid_block_additional_residual=middle
    ).sample
    if model.scheduler.config.prediction_type == "epsilon":
        return predicted
    alpha = model.scheduler.alphas_cumprod[timestep]
    return alpha.sqrt() * predicted + (1 - alpha).sqrt() * X


@pytest.mark.parametrize("timestep", [0, 500, 999])
@torch.no_grad()
def test_embedding_the_condition_once_changes_nothing(
    model: Components, conditions: LatentConditions, timestep: int
) -> None:
    found = ConditionedDenoiser(model, conditions, Guidance.off())(X, timestep)
    torch.testing.assert_close(found, plain(model, conditions, timestep), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(("prompt", "layout"), [(2.0, 1.0), (1.0, 3.0), (4.0, 2.5), (0.0, 0.0), (3.0, 3.0)])
@torch.no_grad()
def test_guidance_follows_its_formula(
    model: Components, conditions: LatentConditions, prompt: float, layout: float
) -> None:
    none = plain(model, conditions, 300, prompt=False, layout=False)
    text = plain(model, conditions, 300, layout=False)
    both = plain(model, conditions, 300)
    found = ConditionedDenoiser(model, conditions, Guidance(prompt, layout))(X, 300)
    expected = none + prompt * (text - none) + layout * (both - text)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


@pytest.fixture
def edited(conditions: LatentConditions) -> LatentConditions:
    """Conditions of which the first sample was not edited."""
    earlier = torch.randn(conditions.layout.shape, generator=torch.Generator().manual_seed(2))
    earlier[0] = conditions.layout[0]
    return replace(conditions, layout_before=earlier)


@torch.no_grad()
def test_an_edit_pulls_away_from_the_layout_before_it(model: Components, edited: LatentConditions) -> None:
    text, both = plain(model, edited, 300, layout=False), plain(model, edited, 300)
    before = plain(model, edited, 300, before=True)
    found = ConditionedDenoiser(model, edited, Guidance(1, 2.5, 3))(X, 300)
    expected = text + 2.5 * (both - text) + 3 * (both - before)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
    unguided = ConditionedDenoiser(model, edited, Guidance(1, 2.5, 0))(X, 300)
    torch.testing.assert_close(found[0], unguided[0], rtol=1e-4, atol=1e-4)
    assert (found[1:] - unguided[1:]).abs().amax(dim=(1, 2, 3)).min() > 0.01


@torch.no_grad()
def test_without_an_edit_its_guidance_costs_nothing(random_model: Components, conditions: LatentConditions) -> None:
    denoiser = ConditionedDenoiser(random_model, conditions, Guidance(1, 1, 3))
    assert len(denoiser.terms) == 1
    assert torch.equal(denoiser(X, 300), ConditionedDenoiser(random_model, conditions, Guidance.off())(X, 300))


def test_a_part_of_edited_conditions_keeps_its_earlier_layouts(edited: LatentConditions) -> None:
    assert torch.equal(edited.part(slice(1, 3)).layout_before, edited.layout_before[1:3])


@pytest.mark.parametrize(("guidance", "terms"), [((1, 1), 1), ((1, 2), 2), ((2, 2), 2), ((2, 3), 3)])
@torch.no_grad()
def test_each_step_runs_the_networks_once_on_the_terms_that_count(
    random_model: Components, conditions: LatentConditions, guidance: tuple[float, float], terms: int
) -> None:
    batches: list[int] = []
    embeddings: list[int] = []
    random_model.unet.register_forward_pre_hook(lambda _, args: batches.append(len(args[0])))
    for part in (random_model.prealignment, random_model.controlnet.controlnet_cond_embedding):
        part.register_forward_hook(lambda *_: embeddings.append(1))
    denoiser = ConditionedDenoiser(random_model, conditions, Guidance(*guidance))
    at_once = len(embeddings)
    for timestep in (999, 500, 0):
        denoiser(X, timestep)
    assert batches == [terms * BATCH] * 3
    assert len(embeddings) == at_once == 2 * terms


@torch.no_grad()
def test_the_model_itself_is_left_as_it_was(random_model: Components, conditions: LatentConditions) -> None:
    before = plain(random_model, conditions, 500)
    modules = {name: id(module) for name, module in random_model.controlnet.named_modules()}
    ConditionedDenoiser(random_model, conditions, Guidance.off())(X, 500)
    assert {name: id(module) for name, module in random_model.controlnet.named_modules()} == modules
    assert torch.equal(plain(random_model, conditions, 500), before)


@pytest.mark.parametrize("field", ["text", "layout", "background", "roi_mask"])
@torch.no_grad()
def test_every_condition_matters(random_model: Components, conditions: LatentConditions, field: str) -> None:
    changed = replace(conditions, **{field: getattr(conditions, field).flip(-1) * 0.5})
    first, second = (ConditionedDenoiser(random_model, c, Guidance.off())(X, 500) for c in (conditions, changed))
    assert not torch.allclose(first, second, atol=1e-5)


@torch.no_grad()
def test_null_values_do_not_matter_without_guidance(random_model: Components, conditions: LatentConditions) -> None:
    changed = replace(conditions, null_text=conditions.null_text * 2, null_layout=conditions.null_layout * 2)
    first, second = (ConditionedDenoiser(random_model, c, Guidance.off())(X, 500) for c in (conditions, changed))
    assert torch.equal(first, second)


@torch.no_grad()
def test_time_steps_may_differ_between_samples(random_model: Components, conditions: LatentConditions) -> None:
    condition = random_model.prealignment(conditions.layout, conditions.background, conditions.roi_mask)
    times = torch.tensor([10, 500, 900])
    parts = random_model.unet, random_model.controlnet
    together = predict(*parts, X, times, conditions.text, condition)
    for i in range(BATCH):
        one = slice(i, i + 1)
        alone = predict(*parts, X[one], times[i], conditions.text[one], condition[one])
        torch.testing.assert_close(together[one], alone, rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_the_null_layout_is_the_latent_of_a_black_map(random_model: Components) -> None:
    null = encode_null_layout(random_model, torch.device("cpu"))
    assert torch.equal(null, encode(random_model.vae, torch.full((1, 3, 64, 64), -1.0)))


LAYOUT = Layout(
    "thalamic_transverse",
    64,
    64,
    (PlacedStructure("skull", Box(32, 32, 40, 30, 10)), PlacedStructure("thalami", Box(30, 32, 16, 12))),
)


@torch.no_grad()
def test_an_encoded_layout_is_the_latents_of_its_map_and_a_share_per_label(random_model: Components) -> None:
    registry, device = default_registry(), torch.device("cpu")
    show_names(random_model, {"thalami": (10, 200, 30)}, ("thalami", "midline_falx"))
    encoded = encode_layouts(random_model, [LAYOUT], registry, device)
    picture = draw_layout_map(LAYOUT, registry, colours={"thalami": (10, 200, 30)})
    assert torch.equal(encoded[:, :4], encode(random_model.vae, pixels_from_arrays([picture])))
    # The box of 16 x 12 pixels from (22, 26) covers some positions of 4 x 4 pixels wholly, some to a half.
    assert encoded[0, 4].sum().item() == pytest.approx(16 * 12 / 16)
    assert encoded[0, 4, 7, 6].item() == 1
    assert encoded[0, 4, 6, 6].item() == pytest.approx(0.5)
    assert not encoded[0, 5].any()
    null = encode_null_layout(random_model, device)
    assert null.shape == encoded.shape
    assert not null[:, 4:].any()


@torch.no_grad()
def test_labels_that_were_added_change_nothing_until_they_are_trained(
    random_model: Components, conditions: LatentConditions
) -> None:
    before = ConditionedDenoiser(random_model, conditions, Guidance(1, 2))(X, 500)
    show_names(random_model, {}, ("skull", "thalami"))
    labels = torch.rand(BATCH, 2, 16, 16, generator=torch.Generator().manual_seed(3))
    given = replace(
        conditions,
        layout=torch.cat([conditions.layout, labels], dim=1),
        null_layout=torch.cat([conditions.null_layout, torch.zeros(1, 2, 16, 16)], dim=1),
    )
    after = ConditionedDenoiser(random_model, given, Guidance(1, 2))(X, 500)
    torch.testing.assert_close(after, before, rtol=1e-5, atol=1e-5)
    random_model.controlnet.controlnet_cond_embedding.conv_in.weight[:, -2:] += 0.1
    assert not torch.allclose(ConditionedDenoiser(random_model, given, Guidance(1, 2))(X, 500), after, atol=1e-4)


@torch.no_grad()
def test_copies_of_a_model_give_copies_of_its_denoiser(random_model: Components, conditions: LatentConditions) -> None:
    other = copy.deepcopy(random_model)
    with torch.no_grad():
        other.controlnet.controlnet_mid_block.weight.add_(0.5)
    first, second = (ConditionedDenoiser(m, conditions, Guidance.off())(X, 500) for m in (random_model, other))
    assert not torch.allclose(first, second)


@pytest.mark.parametrize("per_sample", [False, True])
@torch.no_grad()
def test_parts_of_the_conditions_predict_as_the_whole(
    random_model: Components, conditions: LatentConditions, per_sample: bool
) -> None:
    if per_sample:  # as with negative prompts
        conditions = replace(conditions, null_text=conditions.text.flip(0))
    guidance = Guidance(prompt=2.0, layout=3.0)
    whole = ConditionedDenoiser(random_model, conditions, guidance)(X, 400)
    parts = [slice(0, 2), slice(2, 3)]
    found = [ConditionedDenoiser(random_model, conditions.part(part), guidance)(X[part], 400) for part in parts]
    torch.testing.assert_close(torch.cat(found), whole, rtol=1e-4, atol=1e-5)

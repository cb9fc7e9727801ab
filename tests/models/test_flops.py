from __future__ import annotations

import pytest
import torch

from fetalflex.anatomy import default_registry, prompt_corpus
from fetalflex.models.build import build_components
from fetalflex.models.components import Components
from fetalflex.models.configs import get_preset
from fetalflex.models.flops import ModelCost, _count, measure_cost

GIGA = 10**9


def build(name: str) -> Components:
    return build_components(get_preset(name), prompt_corpus(default_registry()))


@pytest.fixture(scope="module")
def tiny() -> Components:
    return build("tiny")


@pytest.fixture(scope="module")
def tiny_cost(tiny: Components) -> ModelCost:
    return measure_cost(tiny)


def test_a_multiply_add_counts_as_two() -> None:
    layer = torch.nn.Conv2d(3, 5, kernel_size=3, padding=1, bias=False)
    assert _count(lambda: layer(torch.zeros(1, 3, 10, 8))) == 2 * 5 * 3 * 9 * 80
    assert _count(lambda: torch.zeros(4, 6) @ torch.zeros(6, 7)) == 2 * 4 * 6 * 7


def test_attention_is_counted() -> None:
    q = torch.zeros(1, 2, 16, 8)
    attend = torch.nn.functional.scaled_dot_product_attention
    assert _count(lambda: attend(q, q, q)) == 2 * (2 * 16 * 16 * 8) * 2


def test_parts_add_up_to_the_whole_model(tiny: Components, tiny_cost: ModelCost) -> None:
    assert tiny_cost.parameters == sum(tiny.parameter_count().values())
    assert sum(part.parameters for part in tiny_cost.parts.values()) == tiny_cost.parameters
    assert all(part.parameters > 0 and part.flops > 0 for part in tiny_cost.parts.values())
    assert tiny_cost.step_flops == tiny_cost.unet.flops + tiny_cost.controlnet.flops


def test_the_condition_is_the_alignment_and_the_projection(tiny: Components, tiny_cost: ModelCost) -> None:
    kernels = [
        module.weight.numel() * tiny.config.latent_size**2
        for part in (tiny.prealignment, tiny.controlnet.controlnet_cond_embedding)
        for module in part.modules()
        if isinstance(module, torch.nn.Conv2d)
    ]
    assert tiny_cost.condition.flops == 2 * sum(kernels)


def test_mini_keeps_its_budget() -> None:
    cost = measure_cost(build("mini"))
    assert cost.step_flops <= 8 * GIGA
    assert cost.vae_decoder.flops <= 20 * GIGA
    assert cost.parameters <= 30_000_000

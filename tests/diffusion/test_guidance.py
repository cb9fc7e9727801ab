from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from fetalflex.diffusion.guidance import Guidance
from fetalflex.errors import FetalFlexError

WEIGHTS = st.floats(0, 30, allow_nan=False)


def prediction(with_prompt: bool, with_layout: bool) -> Tensor:
    """Return ε(p, l), made up, in double precision."""
    generator = torch.Generator().manual_seed(2 * with_prompt + with_layout)
    return torch.randn(2, 4, generator=generator, dtype=torch.float64)


def combined(guidance: Guidance) -> Tensor:
    return guidance.combine([prediction(*term) for term in guidance.terms()])


@given(WEIGHTS, WEIGHTS)
def test_guidance_follows_its_formula(prompt: float, layout: float) -> None:
    none, text, both = prediction(False, False), prediction(True, False), prediction(True, True)
    expected = none + prompt * (text - none) + layout * (both - text)
    torch.testing.assert_close(combined(Guidance(prompt, layout)), expected, rtol=1e-9, atol=1e-9)


def test_without_guidance_one_prediction_is_enough_and_left_bit_for_bit() -> None:
    assert Guidance().terms() == {(True, True): 1.0}
    assert torch.equal(combined(Guidance()), prediction(True, True))


@pytest.mark.parametrize(
    ("prompt", "layout", "terms"),
    [
        (1, 3, [(True, False), (True, True)]),
        (3, 3, [(False, False), (True, True)]),
        (3, 1, [(False, False), (True, False), (True, True)]),
        (1, 0, [(True, False)]),
        (0, 0, [(False, False)]),
    ],
)
def test_only_predictions_with_weight_are_asked_for(prompt: float, layout: float, terms: list[tuple]) -> None:
    assert list(Guidance(prompt, layout).terms()) == terms


@given(WEIGHTS, WEIGHTS)
def test_weights_sum_to_one(prompt: float, layout: float) -> None:
    assert sum(Guidance(prompt, layout).terms().values()) == pytest.approx(1)


@pytest.mark.parametrize("name", ["prompt", "layout"])
@pytest.mark.parametrize("value", [-0.1, 30.1, float("nan"), float("inf")])
def test_weights_out_of_range_are_refused(name: str, value: float) -> None:
    with pytest.raises(FetalFlexError, match=f"guidance.{name} is {value}; choose a number from 0 to 30"):
        Guidance(**{name: value})


def test_there_must_be_one_prediction_per_term() -> None:
    with pytest.raises(ValueError, match="zip"):
        Guidance(2, 3).combine([prediction(True, True)])

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from fetalflex.diffusion.guidance import Guidance, Term
from fetalflex.errors import FetalFlexError

WEIGHTS = st.floats(0, 30, allow_nan=False)


def prediction(with_prompt: bool, layout: str) -> Tensor:
    """Return ε(p, l), made up, in double precision."""
    generator = torch.Generator().manual_seed(3 * with_prompt + ["null", "given", "before"].index(layout))
    return torch.randn(2, 4, generator=generator, dtype=torch.float64)


def combined(guidance: Guidance) -> Tensor:
    return guidance.combine([prediction(*term) for term in guidance.terms()])


@given(WEIGHTS, WEIGHTS, WEIGHTS)
def test_guidance_follows_its_formula(prompt: float, layout: float, edit: float) -> None:
    none, text = prediction(False, "null"), prediction(True, "null")
    both, before = prediction(True, "given"), prediction(True, "before")
    expected = none + prompt * (text - none) + layout * (both - text) + edit * (both - before)
    torch.testing.assert_close(combined(Guidance(prompt, layout, edit)), expected, rtol=1e-9, atol=1e-9)


def test_without_guidance_one_prediction_is_enough_and_left_bit_for_bit() -> None:
    assert Guidance.off().terms() == {Term(True, "given"): 1.0}
    assert torch.equal(combined(Guidance.off()), prediction(True, "given"))


def test_without_an_edit_the_rest_is_left_as_it_is() -> None:
    assert Guidance(2, 3, 4).without_edit() == Guidance(2, 3, 0)


@pytest.mark.parametrize(
    ("weights", "terms"),
    [
        ((1, 3, 0), [(True, "null"), (True, "given")]),
        ((3, 3, 0), [(False, "null"), (True, "given")]),
        ((3, 1, 0), [(False, "null"), (True, "null"), (True, "given")]),
        ((1, 0, 0), [(True, "null")]),
        ((0, 0, 0), [(False, "null")]),
        ((1, 1, 2), [(True, "given"), (True, "before")]),
        ((1, 0, 2), [(True, "null"), (True, "given"), (True, "before")]),
    ],
)
def test_only_predictions_with_weight_are_asked_for(weights: tuple[float, ...], terms: list[tuple]) -> None:
    assert list(Guidance(*weights).terms()) == terms


@given(WEIGHTS, WEIGHTS, WEIGHTS)
def test_weights_sum_to_one(prompt: float, layout: float, edit: float) -> None:
    assert sum(Guidance(prompt, layout, edit).terms().values()) == pytest.approx(1)


@pytest.mark.parametrize(("name", "off"), [("prompt", 1), ("layout", 1), ("edit", 0)])
@pytest.mark.parametrize("value", [-0.1, 30.1, float("nan"), float("inf")])
def test_weights_out_of_range_are_refused(name: str, off: int, value: float) -> None:
    with pytest.raises(FetalFlexError, match=f"guidance.{name} is {value}; choose a number from 0 to 30, {off} is off"):
        Guidance(**{name: value})


def test_there_must_be_one_prediction_per_term() -> None:
    with pytest.raises(ValueError, match="zip"):
        Guidance(2, 3, 0).combine([prediction(True, "given")])

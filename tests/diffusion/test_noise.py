from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fetalflex.diffusion.noise import noise_like, sample_generators, sample_noise


def test_a_samples_noise_does_not_depend_on_its_batch() -> None:
    together = sample_generators([3, 4, 5])
    alone = sample_generators([4])
    for _ in range(3):
        assert torch.equal(sample_noise((2, 4, 4), together)[1], sample_noise((2, 4, 4), alone)[0])


def test_seeds_give_different_noise_that_is_standard_normal() -> None:
    first, second = sample_noise((4, 64, 64), sample_generators([0, 1]))
    assert not torch.equal(first, second)
    assert abs(float((first * second).mean())) < 0.03
    for noise in (first, second):
        assert abs(float(noise.mean())) < 0.03
        assert abs(float(noise.std()) - 1) < 0.03


def test_the_global_random_state_is_neither_used_nor_changed() -> None:
    torch.manual_seed(0)
    first = sample_noise((3,), sample_generators([9]))
    state = torch.get_rng_state()
    torch.manual_seed(1)
    assert torch.equal(sample_noise((3,), sample_generators([9])), first)
    torch.manual_seed(0)
    sample_noise((3,), sample_generators([9]))
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.float64])
def test_noise_takes_shape_and_dtype_of_its_reference(dtype: torch.dtype) -> None:
    noise = noise_like(torch.zeros(2, 3, 5, dtype=dtype), sample_generators([0, 1]))
    assert noise.shape == (2, 3, 5)
    assert noise.dtype == dtype


@pytest.mark.parametrize("count", [1, 3])
def test_there_must_be_one_generator_per_sample(count: int) -> None:
    with pytest.raises(ValueError, match="generator"):
        noise_like(torch.zeros(2, 3), sample_generators(range(count)))


@pytest.mark.parametrize("seed", [0, 5, 2**32 - 1])
def test_short_seeds_give_what_torch_gives(seed: int) -> None:
    [noise] = sample_noise((50,), sample_generators([seed]))
    assert torch.equal(noise, torch.randn(50, generator=torch.Generator().manual_seed(seed)))


def test_the_words_of_a_generator_lie_where_they_are_written() -> None:
    state = torch.Generator().manual_seed(7).get_state()[24 : 24 + 8 * 624].view(torch.int64)
    assert state.tolist() == np.random.RandomState(7).get_state()[1].tolist()  # the same algorithm, from the same seed


@given(st.lists(st.integers(0, 2**63 - 1), min_size=2, max_size=6, unique=True), st.integers(0, 62))
def test_different_seeds_give_different_noise(seeds: list[int], bit: int) -> None:
    near = seeds[0] ^ (1 << bit)
    seeds = [*seeds, near] if near not in seeds else seeds
    noise = sample_noise((64,), sample_generators(seeds))
    for i, first in enumerate(noise):
        for second in noise[:i]:
            assert not torch.allclose(first, second, atol=0.05)


@pytest.mark.parametrize("seed", [2**32, 4294967301, 2**48 - 1, 2**63 - 1])
def test_noise_of_long_seeds_is_standard_normal_and_repeatable(seed: int) -> None:
    first, second = (sample_noise((100_000,), sample_generators([seed]))[0] for _ in range(2))
    assert torch.equal(first, second)
    assert abs(float(first.mean())) < 0.02
    assert abs(float(first.std()) - 1) < 0.02
    assert abs(float((first[1:] * first[:-1]).mean())) < 0.02

from __future__ import annotations

import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fetalflex.anatomy import Box, Layout, PlacedStructure, default_registry, global_prompt, prompt_corpus
from fetalflex.errors import FetalFlexError
from fetalflex.models.build import build_components
from fetalflex.models.components import Components
from fetalflex.models.configs import get_preset
from fetalflex.models.text import build_tokenizer, encode_prompts, tokenize

REGISTRY = default_registry()


@pytest.fixture(scope="module")
def tiny() -> Components:
    return build_components(get_preset("tiny"), prompt_corpus(REGISTRY)).freeze()


@pytest.mark.parametrize("preset", ["mini", "tiny"])
def test_every_word_of_the_prompts_is_known(preset: str) -> None:
    tokenizer = build_tokenizer(prompt_corpus(REGISTRY), get_preset(preset).text)
    assert len(tokenizer) <= get_preset(preset).text.vocabulary_size
    for text in prompt_corpus(REGISTRY):
        assert "[UNK]" not in itertools.chain.from_iterable(tokenizer.tokenize(word) for word in text.split())


@pytest.mark.parametrize("preset", ["mini", "tiny"])
@pytest.mark.parametrize("plane", [plane.name for plane in REGISTRY.planes])
def test_the_prompt_of_a_plane_with_all_its_structures_is_short_enough(preset: str, plane: str) -> None:
    config = get_preset(preset).text
    tokenizer = build_tokenizer(prompt_corpus(REGISTRY), config)
    structures = tuple(PlacedStructure(name, Box(50, 50, 9, 9)) for name in REGISTRY.plane(plane).structures)
    ids, _ = tokenize(tokenizer, [global_prompt(Layout(plane, 100, 100, structures), REGISTRY)])
    assert ids.shape == (1, config.max_tokens)


@given(st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=1, max_size=60))
def test_an_unseen_word_falls_apart_into_pieces_that_spell_it(word: str) -> None:
    pieces = _TOKENIZER.tokenize(word)
    assert "".join(piece.removeprefix("##") for piece in pieces) == word


_TOKENIZER = build_tokenizer(prompt_corpus(REGISTRY), get_preset("tiny").text)


def test_case_does_not_matter() -> None:
    assert _TOKENIZER.tokenize("Fetal ULTRASOUND") == _TOKENIZER.tokenize("fetal ultrasound") == ["fetal", "ultrasound"]


def test_the_vocabulary_is_the_same_each_time() -> None:
    again = build_tokenizer(prompt_corpus(REGISTRY), get_preset("tiny").text)
    assert again.get_vocab() == _TOKENIZER.get_vocab()


def test_tokens_are_padded_and_masked() -> None:
    ids, mask = tokenize(_TOKENIZER, ["fetal", ""])
    begin, end, padding = (_TOKENIZER.convert_tokens_to_ids(token) for token in ("[CLS]", "[SEP]", "[PAD]"))
    assert ids.shape == mask.shape == (2, 48)
    assert ids[1].tolist() == [begin, end, *[padding] * 46]
    assert mask.sum(1).tolist() == [3, 2]
    assert ((ids == padding) == (mask == 0)).all()


def test_a_prompt_that_is_too_long_is_refused_not_cut() -> None:
    prompt = "fetal " * 47
    with pytest.raises(FetalFlexError, match="49 tokens, the text encoder reads 48; shorten it: 'fetal"):
        tokenize(_TOKENIZER, ["fetal", prompt])
    assert tokenize(_TOKENIZER, ["fetal " * 46])[1].all()


@torch.no_grad()
def test_embeddings_do_not_depend_on_other_prompts_and_are_zero_on_padding(tiny: Components) -> None:
    prompts = ["fetal ultrasound", "", "fetal ultrasound, thorax, with heart"]
    together = encode_prompts(tiny.tokenizer, tiny.text_encoder, prompts)
    assert together.shape == (3, 48, 32)
    mask = tokenize(tiny.tokenizer, prompts)[1]
    assert (together.abs().sum(-1) > 0).equal(mask.bool())
    for prompt, embedding in zip(prompts, together, strict=True):
        alone = encode_prompts(tiny.tokenizer, tiny.text_encoder, [prompt])[0]
        torch.testing.assert_close(embedding, alone, rtol=1e-5, atol=1e-5)


@torch.no_grad()
def test_different_prompts_have_different_embeddings(tiny: Components) -> None:
    first, second = encode_prompts(tiny.tokenizer, tiny.text_encoder, ["fetal heart", "fetal spine"])
    assert not torch.allclose(first, second, atol=1e-3)

"""The text encoder: a BERT with a WordPiece vocabulary learnt from the prompts it will read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from torch import Tensor
from transformers import BertConfig, BertModel, PreTrainedTokenizerBase, PreTrainedTokenizerFast

from fetalflex.errors import FetalFlexError
from fetalflex.models.configs import TextConfig

_SPECIAL = {"unk_token": "[UNK]", "pad_token": "[PAD]", "cls_token": "[CLS]", "sep_token": "[SEP]"}


def build_tokenizer(corpus: Iterable[str], config: TextConfig) -> PreTrainedTokenizerFast:
    """Learn a lower-case WordPiece vocabulary from a corpus of prompts.

    The alphabet always holds a-z and 0-9, so that an unseen word falls apart into pieces instead of becoming unknown.
    The same corpus always gives the same vocabulary.
    """
    alphabet = list("abcdefghijklmnopqrstuvwxyz0123456789")
    # The trainer meets words in random order; naming every continuation beforehand fixes their numbers.
    trainer = trainers.WordPieceTrainer(
        vocab_size=config.vocabulary_size,
        special_tokens=["[PAD]", "[UNK]", "[CLS]", "[SEP]", *(f"##{letter}" for letter in alphabet)],
        initial_alphabet=alphabet,
        show_progress=False,
    )
    trained = _wordpiece({})
    trained.train_from_iterator(corpus, trainer)
    tokenizer = _wordpiece(trained.get_vocab())
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        special_tokens=[(token, tokenizer.token_to_id(token)) for token in ("[CLS]", "[SEP]")],
    )
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=config.max_tokens, **_SPECIAL)


def _wordpiece(vocabulary: dict[str, int]) -> Tokenizer:
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]", max_input_chars_per_word=64))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return tokenizer


def build_text_encoder(config: TextConfig, vocabulary_size: int) -> BertModel:
    """Return a BERT with random weights."""
    return BertModel(
        BertConfig(
            vocab_size=vocabulary_size,
            hidden_size=config.hidden_size,
            num_hidden_layers=config.layers,
            num_attention_heads=config.heads,
            intermediate_size=4 * config.hidden_size,
            max_position_embeddings=config.positions or config.max_tokens,
            hidden_dropout_prob=0.0,
            attention_probs_dropout_prob=0.0,
        ),
        add_pooling_layer=False,
    )


def tokenize(tokenizer: PreTrainedTokenizerBase, prompts: Sequence[str]) -> tuple[Tensor, Tensor]:
    """Return token ids and attention mask, both (B, L) int64, padded to the tokenizer's length.

    Raises:
        FetalFlexError: If a prompt is longer than the text encoder reads.
    """
    batch = tokenizer(list(prompts), padding="max_length", truncation=False, return_tensors=None)
    limit = tokenizer.model_max_length
    for prompt, ids in zip(prompts, batch["input_ids"], strict=True):
        if len(ids) > limit:
            raise FetalFlexError(f"prompt: {len(ids)} tokens, the text encoder reads {limit}; shorten it: {prompt!r}")
    return torch.tensor(batch["input_ids"]), torch.tensor(batch["attention_mask"])


def encode_prompts(tokenizer: PreTrainedTokenizerBase, text_encoder: BertModel, prompts: Sequence[str]) -> Tensor:
    """Return prompt embeddings, (B, L, D), on the text encoder's device; padding positions are zero."""
    ids, mask = (tensor.to(text_encoder.device) for tensor in tokenize(tokenizer, prompts))
    hidden = text_encoder(input_ids=ids, attention_mask=mask).last_hidden_state
    return hidden * mask[..., None]

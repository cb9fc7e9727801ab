from __future__ import annotations

import copy

import torch

from fetalflex.evaluation.extractors import AutoencoderFeatures
from fetalflex.models.components import Components


def test_the_maps_lead_to_what_the_encoder_encodes(shared_model: Components) -> None:
    pixels = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0)) * 2 - 1
    maps = AutoencoderFeatures(shared_model).maps(pixels)
    assert [tuple(one.shape) for one in maps] == [(2, 8, 32, 32), (2, 16, 16, 16), (2, 16, 16, 16), (2, 16, 16, 16)]
    encoder = shared_model.vae.encoder
    moments = encoder.conv_out(encoder.conv_act(encoder.conv_norm_out(maps[-1])))
    torch.testing.assert_close(moments, encoder(pixels))


def test_the_name_says_which_weights_it_has(random_model: Components) -> None:
    before = AutoencoderFeatures(random_model)
    assert before.name.startswith("tiny-autoencoder-")
    assert before.size == 64
    assert AutoencoderFeatures(copy.deepcopy(random_model)).name == before.name
    next(random_model.vae.parameters()).data += 0.1
    assert AutoencoderFeatures(random_model).name != before.name

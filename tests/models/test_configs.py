from __future__ import annotations

import pytest
from pydantic import ValidationError

from fetalflex.errors import FetalFlexError
from fetalflex.models.configs import PRESETS, AutoencoderConfig, DenoiserConfig, ModelConfig, TextConfig, get_preset

PARTS = {
    "autoencoder": AutoencoderConfig(channels=(8, 8, 8), latent_channels=4),
    "text": TextConfig(hidden_size=32),
    "denoiser": DenoiserConfig(channels=(16, 32), attention=(False, True)),
}


@pytest.mark.parametrize("name", PRESETS)
def test_presets_survive_a_round_trip_over_json(name: str) -> None:
    config = get_preset(name)
    assert config.name == name
    assert ModelConfig.model_validate_json(config.model_dump_json()) == config


def test_an_unknown_preset_is_refused_with_the_known_ones() -> None:
    with pytest.raises(FetalFlexError, match="model preset 'huge' is unknown; choose one of mini, sd15, tiny"):
        get_preset("huge")


def test_the_latent_is_the_image_over_the_downsampling() -> None:
    config = ModelConfig(name="x", image_size=64, **PARTS)
    assert config.autoencoder.downsampling == 4
    assert config.latent_size == 16


@pytest.mark.parametrize("size", [60, 65, 68])
def test_an_image_size_that_cannot_be_halved_often_enough_is_refused(size: int) -> None:
    with pytest.raises(ValidationError, match=f"image_size {size} is not a multiple of the total downsampling 8"):
        ModelConfig(name="x", image_size=size, **PARTS)


def test_there_must_be_one_attention_flag_per_resolution() -> None:
    with pytest.raises(ValidationError, match="attention has 1 flags for 2 resolutions"):
        DenoiserConfig(channels=(16, 32), attention=(True,))


def test_unknown_fields_are_refused() -> None:
    with pytest.raises(ValidationError, match="colour"):
        ModelConfig(name="x", image_size=64, colour="red", **PARTS)

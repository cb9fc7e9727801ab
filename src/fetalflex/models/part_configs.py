"""What the configs of a model's parts must say, by the model's own config; nothing is built to find out."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from diffusers import AutoencoderKL, ControlNetModel, UNet2DConditionModel
from safetensors import safe_open

from fetalflex.checks import shown
from fetalflex.errors import FetalFlexError
from fetalflex.files.json_files import JsonMapping, JsonObject, read_json
from fetalflex.models.configs import ModelConfig
from fetalflex.models.prealignment import PreAlignment

SCHEDULER_CONFIG = "scheduler_config.json"
TOKENIZER_CONFIG = "tokenizer_config.json"
LARGEST_CONFIG = 1_000_000
"""Bytes of a config; those of vocabularies and lists of weights follow."""

_LARGEST_VOCABULARY = 50_000_000
_LARGEST_INDEX = 10_000_000

_KINDS: JsonObject = {
    "vae": AutoencoderKL,
    "unet": UNet2DConditionModel,
    "controlnet": ControlNetModel,
    "prealignment": PreAlignment,
}
_FREE = frozenset({"sample_size", "upcast_attention", "use_linear_projection", "force_upcast", "modulates"})
"""Fields that may be other than the class's default: what they change shows in the weights, or is no other picture."""

_HINT = frozenset(
    {"conditioning_channels", "conditioning_embedding_out_channels", "controlnet_conditioning_channel_order"}
)
"""Fields of a published ControlNet that its new hint network changes."""


def expected(config: ModelConfig) -> dict[str, JsonObject]:
    """Return, for each part, what its config must say; a list stands for one value per resolution."""
    vae, unet, text, noise = config.autoencoder, config.denoiser, config.text, config.noise
    levels, latent = len(vae.channels), vae.latent_channels
    encoder = {
        "in_channels": latent,
        "cross_attention_dim": text.hidden_size,
        "block_out_channels": [*unet.channels],
        "layers_per_block": unet.layers_per_block,
        "attention_head_dim": [*unet.heads_per_resolution],
        "norm_num_groups": unet.norm_groups,
        "down_block_types": ["CrossAttnDownBlock2D" if flag else "DownBlock2D" for flag in unet.attention],
    }
    up = ["CrossAttnUpBlock2D" if flag else "UpBlock2D" for flag in reversed(unet.attention)]
    return {
        "vae": {
            "in_channels": 3,
            "out_channels": 3,
            "latent_channels": latent,
            "block_out_channels": [*vae.channels],
            "layers_per_block": vae.layers_per_block,
            "norm_num_groups": vae.norm_groups,
            "mid_block_add_attention": vae.attention,
            "scaling_factor": vae.scaling_factor,
            "down_block_types": ["DownEncoderBlock2D"] * levels,
            "up_block_types": ["UpDecoderBlock2D"] * levels,
        },
        "text_encoder": {
            "model_type": "bert",
            "hidden_size": text.hidden_size,
            "num_hidden_layers": text.layers,
            "num_attention_heads": text.heads,
            "max_position_embeddings": text.positions or text.max_tokens,
            **({} if text.pieces is None else {"vocab_size": text.pieces}),
        },
        "unet": {**encoder, "out_channels": latent, "up_block_types": up},
        "controlnet": {
            **encoder,
            "conditioning_channels": 2 * latent + config.control.layout_channels,
            "conditioning_embedding_out_channels": [config.control.embedding_channels],
        },
        "prealignment": {"latent_channels": latent, "hidden_channels": config.control.alignment_channels},
        "scheduler": {
            "num_train_timesteps": noise.train_timesteps,
            "beta_start": noise.beta_start,
            "beta_end": noise.beta_end,
            "beta_schedule": noise.beta_schedule,
            "timestep_spacing": noise.timestep_spacing,
            "prediction_type": noise.prediction,
        },
        "tokenizer": {"model_max_length": text.max_tokens},
    }


def differences(
    config: ModelConfig, part: str, values: JsonMapping, published: bool = False
) -> Iterator[tuple[str, Any, Any]]:
    """Yield field, value and expected value of what does not fit.

    What the model's config does not describe must be as the part's class has it by default.

    Args:
        config: The model's config.
        part: Name of the part.
        values: The part's config.
        published: Leave out the fields that our hint network changes.
    """
    wanted = expected(config)[part]
    if kind := _KINDS.get(part):
        defaults = {
            each.name: each.default
            for each in inspect.signature(kind.__init__).parameters.values()
            if each.default is not inspect.Parameter.empty
        }
        values = {**defaults, **values}
        wanted = {name: value for name, value in defaults.items() if name not in _FREE} | wanted
    elif part == "scheduler":
        wanted = {**wanted, "trained_betas": None, "rescale_betas_zero_snr": False}
    elif part == "tokenizer":
        wanted = {**wanted, "padding_side": "right"}
    for field, value in wanted.items():
        if published and field in _HINT:
            continue
        missing = {"padding_side": "right", "rescale_betas_zero_snr": False}.get(field)
        came = values.get(field, missing)
        if not _same(came, value):
            yield field, came, value
    if part == "text_encoder":
        yield from _text_limits(config, values)
    if part == "scheduler" and not _is_count(values.get("steps_offset", 0), 0, 1):
        yield "steps_offset", values["steps_offset"], "0 or 1"


def _text_limits(config: ModelConfig, values: JsonMapping) -> Iterator[tuple[str, Any, Any]]:
    """Yield what the model's config does not describe and is larger than in any BERT."""
    limits = {
        "vocab_size": config.text.pieces or config.text.vocabulary_size,
        "intermediate_size": 8 * config.text.hidden_size,
        "type_vocab_size": 16,
    }
    for field, most in limits.items():
        if field in values and not _is_count(values[field], 1, most):
            yield field, values[field], f"1 to {most}"


def _is_count(value: object, low: int, high: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high


def _same(came: object, wanted: object) -> bool:
    """Compare values; one number stands for the same at every resolution, tuples are lists."""
    came, wanted = (list(value) if isinstance(value, tuple) else value for value in (came, wanted))
    if isinstance(wanted, list) and isinstance(came, int):
        came = [came] * len(wanted)
    if isinstance(came, list) and isinstance(wanted, int):
        wanted = [wanted] * len(came) if came else wanted
    if isinstance(came, bool) is not isinstance(wanted, bool):
        return False
    return bool(came == wanted)


def check_folder(folder: Path, config: ModelConfig, config_name: str) -> None:
    """Check the configs of all parts in a model folder, and that the weights there are enough for what they describe.

    Raises:
        FetalFlexError: If a part is missing, damaged, larger than its weights, or belongs to another model; the
            message names part, field, and both values.
    """
    least = config.least_parameters
    for part in expected(config):
        path = folder / part
        if not path.is_dir():
            raise FetalFlexError(f"{path}: this part of the model is missing; fetch or train the model again")
        values = _read(path / _config_file(part))
        for field, came, wanted in differences(config, part, values):
            raise FetalFlexError(
                f"{path}: belongs to another model: {field} is {_told(came)}, {config_name} asks for {_told(wanted)}; "
                "fetch or train the model again"
            )
        _check_small(path)
        if part in least and (stored := _stored(path)) < least[part]:
            raise FetalFlexError(
                f"{path}: cannot be loaded (it holds {stored:,} weights, its config describes at least "
                f"{least[part]:,}); fetch or train the model again"
            )


def _config_file(part: str) -> str:
    return {"scheduler": SCHEDULER_CONFIG, "tokenizer": TOKENIZER_CONFIG}.get(part, "config.json")


def _read(path: Path) -> JsonObject:
    try:
        values = read_json(path, LARGEST_CONFIG)
    except FetalFlexError as error:
        raise FetalFlexError(f"{error}; fetch or train the model again") from error
    if not isinstance(values, dict):
        raise FetalFlexError(f"{path} is not a config but {shown(values)}; fetch or train the model again")
    return values


def _check_small(folder: Path) -> None:
    """Refuse endless files that the libraries would read as a whole."""
    for path in folder.iterdir():
        most = _LARGEST_INDEX if path.name.endswith(".index.json") else _LARGEST_VOCABULARY
        if path.suffix != ".safetensors" and (not path.is_file() or path.stat().st_size > most):
            raise FetalFlexError(
                f"{path}: no file of at most {most // 10**6} MB, as every part of a model is; remove it"
            )


def _stored(folder: Path) -> int:
    """Return how many weights the headers of a part's files name."""
    count = 0
    for path in folder.glob("*.safetensors"):
        try:
            with safe_open(path, framework="pt") as file:
                for name in file.keys():  # noqa: SIM118 - no mapping
                    size = 1
                    for side in file.get_slice(name).get_shape():
                        size *= side
                    count += size
        except Exception as error:  # the library raises kinds of its own for damaged files
            raise FetalFlexError(f"{path}: cannot be loaded ({error}); fetch or train the model again") from error
    return count


def _told(value: object) -> str:
    if isinstance(value, (list, tuple)) and len(value) <= 8:
        return f"[{', '.join(_told(one) for one in value)}]"
    return value if isinstance(value, str) and value.isprintable() and len(value) < 60 else shown(value)

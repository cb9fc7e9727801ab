"""Check that published parts make up one model, from their configs alone."""

from __future__ import annotations

from collections.abc import Iterator

from fetalflex.errors import FetalFlexError
from fetalflex.files.json_files import JsonMapping
from fetalflex.models.sources import STABLE_DIFFUSION

_SAME_ENCODER = (
    "in_channels",
    "cross_attention_dim",
    "block_out_channels",
    "layers_per_block",
    "down_block_types",
    "attention_head_dim",
)
_OTHER_INPUTS = ("class_embed_type", "addition_embed_type", "encoder_hid_dim_type", "num_class_embeds")


def check_fit(
    unet: JsonMapping,
    vae: JsonMapping,
    text_encoder: JsonMapping,
    controlnet: JsonMapping | None,
) -> None:
    """Check that the parts fit each other, and that the model can be conditioned as ours are.

    Args:
        unet: Config of the denoiser.
        vae: Config of the autoencoder.
        text_encoder: Config of the text encoder.
        controlnet: Config of the published ControlNet, if there is one.

    Raises:
        FetalFlexError: If they do not; the message names each part and field, both values, and what to give instead.
    """
    problems = [*_unet(unet), *_vae(vae, unet), *_text(text_encoder, unet)]
    if controlnet is not None:
        problems += _controlnet(controlnet, unet)
    if problems:
        raise FetalFlexError("the parts do not fit together. " + ". ".join(problems))


def _unet(unet: JsonMapping) -> Iterator[str]:
    if unet["in_channels"] == 9 and unet["out_channels"] == 4:
        yield (
            "unet: in_channels is 9, out_channels 4: an inpainting U-Net; give the base model's, such as "
            f"{STABLE_DIFFUSION}"
        )
    elif unet["in_channels"] != unet["out_channels"]:
        yield (
            f"unet: in_channels is {unet['in_channels']}, out_channels {unet['out_channels']}, but it must return as "
            f"many channels as it takes; give the base model's, such as {STABLE_DIFFUSION}"
        )
    yield from _other_inputs("unet", unet)


def _other_inputs(part: str, config: JsonMapping) -> Iterator[str]:
    for field in _OTHER_INPUTS:
        if config.get(field) is not None:
            yield (
                f"{part}: {field} is {config[field]}, not None: it takes more than noise, time and prompt, as SDXL "
                "does; give one for Stable Diffusion 1.5"
            )


def _vae(vae: JsonMapping, unet: JsonMapping) -> Iterator[str]:
    latent, inputs = vae["latent_channels"], unet["in_channels"]
    if latent != inputs and not (inputs == 9 and latent == unet["out_channels"]):
        yield (
            f"vae: latent_channels is {latent}, the U-Net's in_channels is {inputs}; "
            "give the autoencoder that the U-Net was trained with"
        )
    if vae["in_channels"] != 3 or vae["out_channels"] != 3:
        yield f"vae: in_channels is {vae['in_channels']}, images have 3; give the KL-f8 autoencoder"
    if vae.get("shift_factor"):
        yield f"vae: shift_factor is {vae['shift_factor']}, Stable Diffusion 1.5 has none; give the KL-f8 autoencoder"


def _text(text: JsonMapping, unet: JsonMapping) -> Iterator[str]:
    if text["hidden_size"] != unet["cross_attention_dim"]:
        yield (
            f"text_encoder: hidden_size is {text['hidden_size']}, the U-Net's cross_attention_dim is "
            f"{unet['cross_attention_dim']}; give a text encoder of that width (a BERT base has 768)"
        )


def _controlnet(controlnet: JsonMapping, unet: JsonMapping) -> Iterator[str]:
    for field in _SAME_ENCODER:
        came, wanted = _plain(controlnet[field]), _plain(unet[field])
        if came != wanted:
            yield (
                f"controlnet: {field} is {came}, the U-Net's is {wanted}; give a ControlNet that was made for this "
                "U-Net, or start from the U-Net itself"
            )
    if controlnet["global_pool_conditions"]:
        yield (
            "controlnet: global_pool_conditions is True, which averages the layout away; give one with False, such as "
            "lllyasviel/sd-controlnet-seg"
        )
    yield from _other_inputs("controlnet", controlnet)


def _plain(value: object) -> object:
    """Return a value as JSON has it, so that tuples equal lists."""
    return list(value) if isinstance(value, tuple) else value

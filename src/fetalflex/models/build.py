"""Build the networks of a config with random weights."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import torch
from diffusers import AutoencoderKL, ControlNetModel, DDIMScheduler, UNet2DConditionModel
from torch import nn

from fetalflex.models.components import Components
from fetalflex.models.configs import AutoencoderConfig, ControlConfig, ModelConfig, NoiseConfig
from fetalflex.models.prealignment import PreAlignment
from fetalflex.models.text import build_text_encoder, build_tokenizer


def build_components(config: ModelConfig, corpus: Iterable[str], seed: int = 0) -> Components:
    """Return all networks with random weights, repeatable by `seed`.

    Args:
        config: The architecture.
        corpus: Texts from which the tokenizer learns its vocabulary.
        seed: Seed of the weights; the global random state is left as it was.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        tokenizer = build_tokenizer(corpus, config.text)
        unet = build_denoiser(config)
        return Components(
            config=config,
            vae=build_autoencoder(config.autoencoder, config.image_size),
            tokenizer=tokenizer,
            text_encoder=build_text_encoder(config.text, config.text.pieces or len(tokenizer)),
            unet=unet,
            controlnet=build_controlnet(unet, config.control),
            prealignment=PreAlignment(config.autoencoder.latent_channels, config.control.alignment_channels),
            scheduler=build_scheduler(config.noise),
        )


def build_autoencoder(config: AutoencoderConfig, image_size: int) -> AutoencoderKL:
    """Return the autoencoder.

    Its group normalisation goes over the whole picture, so what it does to a crop is near to what it does to the whole
    image, but not the same; with attention it is further away.
    """
    levels = len(config.channels)
    return AutoencoderKL(
        in_channels=3,
        out_channels=3,
        down_block_types=("DownEncoderBlock2D",) * levels,
        up_block_types=("UpDecoderBlock2D",) * levels,
        block_out_channels=config.channels,
        layers_per_block=config.layers_per_block,
        latent_channels=config.latent_channels,
        norm_num_groups=config.norm_groups,
        sample_size=image_size,
        scaling_factor=config.scaling_factor,
        mid_block_add_attention=config.attention,
    )


def build_denoiser(config: ModelConfig) -> UNet2DConditionModel:
    """Return the text-conditioned U-Net."""
    unet = config.denoiser
    return UNet2DConditionModel(
        sample_size=config.latent_size,
        in_channels=config.autoencoder.latent_channels,
        out_channels=config.autoencoder.latent_channels,
        down_block_types=tuple("CrossAttnDownBlock2D" if flag else "DownBlock2D" for flag in unet.attention),
        up_block_types=tuple("CrossAttnUpBlock2D" if flag else "UpBlock2D" for flag in reversed(unet.attention)),
        block_out_channels=unet.channels,
        layers_per_block=unet.layers_per_block,
        cross_attention_dim=config.text.hidden_size,
        # diffusers calls the number of heads `attention_head_dim` here.
        attention_head_dim=unet.heads or unet.heads_per_resolution,
        norm_num_groups=unet.norm_groups,
    )


def build_controlnet(unet: UNet2DConditionModel, config: ControlConfig) -> ControlNetModel:
    """Return a ControlNet initialised from the U-Net's encoder.

    Its condition is the pre-alignment's output at latent resolution: 2C channels and one per label, no downsampling,
    and a projection that starts at zero.
    """
    return ControlNetModel.from_unet(
        unet,
        conditioning_channels=2 * unet.config.in_channels + len(config.label_channels),
        conditioning_embedding_out_channels=(config.embedding_channels,),
    )


def replace_hint_network(controlnet: ControlNetModel, config: ControlConfig) -> ControlNetModel:
    """Let a published ControlNet take our condition, in place, and return it; only its hint network is given up.

    A published ControlNet reads an RGB picture at image resolution through its hint network. Ours reads the
    pre-alignment's output at latent resolution, through a projection that starts at zero.
    """
    latent, width = controlnet.config.in_channels, controlnet.config.block_out_channels[0]
    projection = type(controlnet.controlnet_cond_embedding)
    controlnet.controlnet_cond_embedding = projection(
        conditioning_embedding_channels=width,
        block_out_channels=(config.embedding_channels,),
        conditioning_channels=2 * latent + len(config.label_channels),
    )
    controlnet.register_to_config(
        conditioning_channels=2 * latent + len(config.label_channels),
        conditioning_embedding_out_channels=(config.embedding_channels,),
        controlnet_conditioning_channel_order="rgb",  # "bgr" would turn the order of our channels round
    )
    return controlnet


def initialise_from_denoiser(controlnet: ControlNetModel, unet: UNet2DConditionModel) -> None:
    """Copy the U-Net's encoder into the ControlNet, in place; control training starts from here."""
    for part in ("conv_in", "time_embedding", "down_blocks", "mid_block"):
        getattr(controlnet, part).load_state_dict(getattr(unet, part).state_dict())


def has_learnt(controlnet: ControlNetModel) -> bool:
    """Say whether a ControlNet has been trained: its output convolutions start at zero."""
    outputs = (*controlnet.controlnet_down_blocks.parameters(), *controlnet.controlnet_mid_block.parameters())
    return any(bool(weight.any()) for weight in outputs)


def renew_control(components: Components, seed: int = 0) -> None:
    """Put an untrained control branch, ControlNet and pre-alignment, in the place of the one there is.

    It knows no structures by colours or channels of its own; see `show_names`.

    Args:
        components: The model, changed in place.
        seed: Seed of the new weights; the global random state is left as it was.
    """
    control = components.config.control.model_copy(update={"colours": {}, "label_channels": ()})
    config = components.config = components.config.model_copy(update={"control": control})
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        components.controlnet = build_controlnet(components.unet, config.control)
        components.prealignment = PreAlignment(config.autoencoder.latent_channels, config.control.alignment_channels)


def show_names(components: Components, colours: Mapping[str, tuple[int, int, int]], channels: Sequence[str]) -> None:
    """Let the control branch see the names of structures by colours and channels, in place.

    Channels that it has already stay; new ones follow them and start at zero, so that at first they change nothing.

    Args:
        components: The model.
        colours: Colours of structures in layout maps; they replace those that the model has.
        channels: Structures that are to have a channel each.
    """
    control = components.config.control
    names = tuple(dict.fromkeys([*control.label_channels, *channels]))
    control = control.model_copy(update={"colours": dict(colours), "label_channels": names})
    controlnet = components.controlnet
    narrow = controlnet.controlnet_cond_embedding.conv_in
    width = 2 * components.config.autoencoder.latent_channels + len(names)
    if width != narrow.in_channels:
        wide = nn.Conv2d(width, narrow.out_channels, narrow.kernel_size, padding=narrow.padding)
        wide.to(device=narrow.weight.device, dtype=narrow.weight.dtype)
        with torch.no_grad():
            wide.weight.zero_()
            wide.weight[:, : narrow.in_channels] = narrow.weight
            wide.bias = narrow.bias
        controlnet.controlnet_cond_embedding.conv_in = wide
        controlnet.register_to_config(conditioning_channels=width)
    components.config = components.config.model_copy(update={"control": control})


def build_scheduler(config: NoiseConfig) -> DDIMScheduler:
    """Return the noise schedule as a diffusers scheduler."""
    return DDIMScheduler(
        num_train_timesteps=config.train_timesteps,
        beta_start=config.beta_start,
        beta_end=config.beta_end,
        beta_schedule=config.beta_schedule,
        timestep_spacing=config.timestep_spacing,
        clip_sample=False,
        set_alpha_to_one=True,
        prediction_type=config.prediction,
    )

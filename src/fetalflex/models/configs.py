"""Typed architecture configs and the presets built from them."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from fetalflex.anatomy.layout_code import LayoutCode
from fetalflex.errors import FetalFlexError

LARGEST_CANVAS = 1024
"""Side of the model canvas in pixels; the paper's is 512, and the cost grows with the square and beyond."""

MOST_PARAMETERS = 5_000_000_000
"""Weights of a model; the paper's has 1,400 million."""

_LEAST_SIGNAL = 60.0  # -ln of the least ᾱ_T; float32 ends at 87


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


Channels = Annotated[tuple[Annotated[int, Field(ge=1, le=4096)], ...], Field(min_length=1, max_length=8)]
Layers = Annotated[int, Field(ge=1, le=8)]
Grey = Annotated[int, Field(ge=0, le=255)]


class AutoencoderConfig(_Strict):
    """Describe the KL autoencoder; each entry of `channels` after the first halves the resolution.

    Args:
        channels: Feature channels per resolution, finest first. Each a multiple of `norm_groups`.
        layers_per_block: Residual blocks per resolution in the encoder (the decoder has one more).
        latent_channels: Channels of the latent.
        norm_groups: Groups of every group normalisation.
        attention: Attend over the whole latent in the middle; what it does to a crop is then further from what it does
            to the whole image. Near, not the same, it is without too, since group normalisation sees the whole picture.
        scaling_factor: Latents times this are what the denoiser sees.
    """

    channels: Channels
    layers_per_block: Layers = 1
    latent_channels: int = Field(..., ge=1, le=64)
    norm_groups: int = Field(8, ge=1, le=4096)
    attention: bool = False
    scaling_factor: float = Field(1.0, ge=1e-3, le=1e3)

    @model_validator(mode="after")
    def _check_groups(self) -> AutoencoderConfig:
        _check_groups(self.channels, self.norm_groups)
        return self

    @property
    def downsampling(self) -> int:
        """Return the ratio of image size to latent size."""
        return int(2 ** (len(self.channels) - 1))


class TextConfig(_Strict):
    """Describe the BERT text encoder and its WordPiece vocabulary.

    Args:
        hidden_size: Width, which is also the cross-attention width of the denoiser.
        layers: Transformer layers.
        heads: Attention heads; divides `hidden_size`.
        vocabulary_size: Largest number of word pieces.
        max_tokens: Every prompt is padded to this many tokens; a longer one is refused.
        pieces: Rows of the table of word pieces; as many as the vocabulary holds if None.
        positions: Rows of the table of positions; `max_tokens` if None.
    """

    hidden_size: int = Field(..., ge=8, le=4096)
    layers: int = Field(2, ge=1, le=48)
    heads: int = Field(4, ge=1, le=256)
    vocabulary_size: int = Field(1024, ge=64, le=1_000_000)
    max_tokens: int = Field(48, ge=8, le=512)
    pieces: int | None = Field(None, ge=64, le=1_000_000)
    positions: int | None = Field(None, ge=8, le=8192)

    @model_validator(mode="after")
    def _check_fit(self) -> TextConfig:
        if self.hidden_size % self.heads:
            raise ValueError(f"hidden_size {self.hidden_size} is not a multiple of heads {self.heads}")
        if self.positions is not None and self.positions < self.max_tokens:
            raise ValueError(f"positions {self.positions} are fewer than max_tokens {self.max_tokens}")
        return self


class DenoiserConfig(_Strict):
    """Describe the U-Net; the ControlNet copies its encoder.

    Args:
        channels: Feature channels per resolution, finest first.
        attention: One flag per resolution: cross-attention to the prompt there.
        layers_per_block: Residual blocks per resolution in the encoder.
        head_channels: Channels per attention head.
        heads: Attention heads at every resolution, in place of `head_channels`.
        norm_groups: Groups of every group normalisation.
    """

    channels: Channels
    attention: tuple[bool, ...]
    layers_per_block: Layers = 1
    head_channels: int = Field(32, ge=4, le=4096)
    heads: int | None = Field(None, ge=1, le=256)
    norm_groups: int = Field(16, ge=1, le=4096)

    @model_validator(mode="after")
    def _check_lengths(self) -> DenoiserConfig:
        if len(self.channels) != len(self.attention):
            raise ValueError(f"attention has {len(self.attention)} flags for {len(self.channels)} resolutions")
        _check_groups(self.channels, self.norm_groups)
        return self

    @property
    def heads_per_resolution(self) -> tuple[int, ...]:
        """Return the number of attention heads at each resolution, finest first."""
        if self.heads is not None:
            return (self.heads,) * len(self.channels)
        return tuple(max(1, channels // self.head_channels) for channels in self.channels)


class ControlConfig(_Strict):
    """Describe the condition path of the ControlNet.

    Args:
        embedding_channels: Hidden channels of the projection into the ControlNet's first feature map.
        alignment_channels: Hidden channels of the pre-alignment network.
        colours: The model's own colours of structures in layout maps; see `LayoutCode`.
        label_channels: Structures that have a channel of the condition.
    """

    embedding_channels: int = Field(32, ge=4, le=4096)
    alignment_channels: int = Field(48, ge=4, le=4096)
    colours: dict[str, tuple[Grey, Grey, Grey]] = Field(default_factory=dict, max_length=1000)
    label_channels: tuple[str, ...] = Field((), max_length=1000)

    @property
    def layout_code(self) -> LayoutCode:
        """Return how the model is shown which structure lies where."""
        return LayoutCode(self.colours, self.label_channels)

    @property
    def layout_channels(self) -> int:
        """Return how many channels an encoded layout has beyond those of the latents of its map."""
        return len(self.label_channels)


class NoiseConfig(_Strict):
    """Describe the noise schedule; the defaults are the paper's (linear β from 1e-4 to 0.02, T = 1000).

    Args:
        prediction: What the denoiser predicts: the noise ε, as in the paper, or v = √ᾱ·ε - √(1-ᾱ)·x_0 (Salimans and
            Ho 2022). At high noise an error of ε is magnified by 1/√ᾱ in the image, which a small network needs very
            long to overcome; v says the image itself there. Samplers see ε in either case.
    """

    train_timesteps: int = Field(1000, ge=10, le=100_000)
    beta_start: float = Field(1e-4, gt=0, lt=1)
    beta_end: float = Field(0.02, gt=0, lt=1)
    beta_schedule: Literal["linear", "scaled_linear"] = "linear"
    timestep_spacing: Literal["leading", "trailing", "linspace"] = "trailing"
    prediction: Literal["epsilon", "v_prediction"] = "epsilon"

    @model_validator(mode="after")
    def _check_signal(self) -> NoiseConfig:
        low, high = self.beta_start, self.beta_end
        # The mean of -ln(1 - β), by Simpson's rule; `scaled_linear` is linear in the root of β.
        middle = (low + high) / 2 if self.beta_schedule == "linear" else ((low**0.5 + high**0.5) / 2) ** 2
        mean = sum(weight * -math.log1p(-beta) for weight, beta in ((1, low), (4, middle), (1, high))) / 6
        if self.train_timesteps * mean > _LEAST_SIGNAL:
            raise ValueError(
                f"train_timesteps {self.train_timesteps} with β from {low} to {high} leave no signal that can be "
                "computed with; give fewer steps or smaller β"
            )
        return self


class ModelConfig(_Strict):
    """Describe a whole model.

    Args:
        name: Preset name, or any name for a model of one's own.
        image_size: Side of the square model canvas in pixels; a multiple of the total downsampling.
    """

    name: str = Field(..., min_length=1, max_length=100)
    image_size: int = Field(..., ge=16, le=LARGEST_CANVAS)
    autoencoder: AutoencoderConfig
    text: TextConfig
    denoiser: DenoiserConfig
    control: ControlConfig = ControlConfig()
    noise: NoiseConfig = NoiseConfig()

    @model_validator(mode="after")
    def _check_sizes(self) -> ModelConfig:
        coarsest = self.autoencoder.downsampling * 2 ** (len(self.denoiser.channels) - 1)
        if self.image_size % coarsest:
            raise ValueError(f"image_size {self.image_size} is not a multiple of the total downsampling {coarsest}")
        if (count := sum(self.least_parameters.values())) > MOST_PARAMETERS:
            raise ValueError(f"it describes more than {count:,} weights; at most {MOST_PARAMETERS:,} are built")
        return self

    @property
    def least_parameters(self) -> dict[str, int]:
        """Return how many weights each network has at least: those of its 3 x 3 convolutions, or of its tables."""
        text, vae, unet = self.text, self.autoencoder, self.denoiser
        width, hidden = text.hidden_size, self.control.alignment_channels
        tables = (text.pieces or 0) + (text.positions or text.max_tokens)
        return {
            "vae": 9 * 3 * vae.layers_per_block * sum(channels**2 for channels in vae.channels),
            "text_encoder": tables * width + 4 * text.layers * width**2,
            "unet": 9 * 3 * unet.layers_per_block * sum(channels**2 for channels in unet.channels),
            "controlnet": 9 * (2 * unet.layers_per_block - 1) * sum(channels**2 for channels in unet.channels),
            "prealignment": 9 * hidden**2,
        }

    @property
    def latent_size(self) -> int:
        """Return the side of the latent."""
        return self.image_size // self.autoencoder.downsampling


def _check_groups(channels: tuple[int, ...], groups: int) -> None:
    if wrong := [one for one in channels if one % groups]:
        raise ValueError(f"channels {wrong[0]} is not a multiple of norm_groups {groups}")


PRESETS: dict[str, ModelConfig] = {
    # The product's own model: 256 px on a 2-core CPU.
    "mini": ModelConfig(
        name="mini",
        image_size=256,
        autoencoder=AutoencoderConfig(channels=(16, 32, 64, 96), latent_channels=8),
        text=TextConfig(hidden_size=128),
        denoiser=DenoiserConfig(channels=(64, 128, 192), attention=(False, True, True)),
        noise=NoiseConfig(prediction="v_prediction"),
    ),
    # The same code path in seconds: for tests and for trying out one's own data.
    "tiny": ModelConfig(
        name="tiny",
        image_size=64,
        autoencoder=AutoencoderConfig(channels=(8, 16, 16), latent_channels=4),
        text=TextConfig(hidden_size=32, layers=1, heads=2, vocabulary_size=512),
        denoiser=DenoiserConfig(channels=(16, 32), attention=(False, True), head_channels=16, norm_groups=8),
        control=ControlConfig(embedding_channels=8, alignment_channels=8),
        noise=NoiseConfig(prediction="v_prediction"),
    ),
    # The paper's: Stable Diffusion 1.5, the KL-f8 autoencoder and a BERT base. `assemble` makes it of published parts.
    "sd15": ModelConfig(
        name="sd15",
        image_size=512,
        autoencoder=AutoencoderConfig(
            channels=(128, 256, 512, 512),
            layers_per_block=2,
            latent_channels=4,
            norm_groups=32,
            attention=True,
            scaling_factor=0.18215,
        ),
        text=TextConfig(
            hidden_size=768,
            layers=12,
            heads=12,
            vocabulary_size=30522,
            max_tokens=77,
            pieces=30522,
            positions=512,
        ),
        denoiser=DenoiserConfig(
            channels=(320, 640, 1280, 1280),
            attention=(True, True, True, False),
            layers_per_block=2,
            heads=8,
            norm_groups=32,
        ),
        control=ControlConfig(embedding_channels=64, alignment_channels=64),
        noise=NoiseConfig(
            beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", timestep_spacing="leading"
        ),
    ),
}


def get_preset(name: str) -> ModelConfig:
    """Return a preset.

    Raises:
        FetalFlexError: If there is no preset of that name.
    """
    try:
        return PRESETS[name]
    except KeyError:
        raise FetalFlexError(f"model preset {name!r} is unknown; choose one of {', '.join(sorted(PRESETS))}") from None

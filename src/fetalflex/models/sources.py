"""Where the published parts of a model come from."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

STABLE_DIFFUSION = "stable-diffusion-v1-5/stable-diffusion-v1-5"


class ModelSources(BaseModel):
    """Name the source of each part; the defaults are those of the paper's size.

    A source is a local folder in diffusers layout (of the whole pipeline or of the part alone), an original
    single-file checkpoint (`.safetensors`; U-Net, autoencoder and ControlNet only), or a name on the hub, `owner/name`
    or `owner/name@revision`. A path that exists comes first.

    Args:
        unet: The denoiser.
        vae: The autoencoder.
        text_encoder: A BERT with its WordPiece vocabulary, as wide as the U-Net's cross-attention.
        controlnet: A published ControlNet, or None to start from the U-Net's encoder.
        scheduler: The noise schedule; the U-Net's own if None, which is what a frozen U-Net needs.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    unet: str = STABLE_DIFFUSION
    vae: str = STABLE_DIFFUSION
    text_encoder: str = "microsoft/BiomedNLP-BiomedBERT-base-uncased-abstract"
    controlnet: str | None = "lllyasviel/sd-controlnet-seg"
    scheduler: str | None = None

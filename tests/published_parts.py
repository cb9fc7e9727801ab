"""Published parts of Stable Diffusion 1.5 in miniature: the same files and layouts, random weights."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import torch
from diffusers import AutoencoderKL, ControlNetModel, PNDMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from safetensors.torch import save_file
from torch import Tensor, nn
from transformers import BertConfig, BertForMaskedLM, CLIPTextConfig, CLIPTextModel

from fetalflex.anatomy import default_registry, prompt_corpus
from fetalflex.models.build import build_autoencoder, build_denoiser
from fetalflex.models.configs import (
    AutoencoderConfig,
    ControlConfig,
    DenoiserConfig,
    ModelConfig,
    TextConfig,
    get_preset,
)
from fetalflex.models.sources import ModelSources
from fetalflex.models.text import build_tokenizer

SMALL = ModelConfig(
    name="sd15",
    image_size=64,
    autoencoder=AutoencoderConfig(
        channels=(8, 16, 16, 16),
        layers_per_block=2,
        latent_channels=4,
        norm_groups=4,
        attention=True,
        scaling_factor=0.18215,
    ),
    text=TextConfig(hidden_size=32, layers=2, heads=2, vocabulary_size=512, max_tokens=77),
    denoiser=DenoiserConfig(
        channels=(8, 16, 32, 32), attention=(True, True, True, False), layers_per_block=2, heads=2, norm_groups=4
    ),
    control=ControlConfig(embedding_channels=8, alignment_channels=8),
    noise=get_preset("sd15").noise,
)
"""The paper's architecture with few channels."""


@dataclass(frozen=True)
class Published:
    """Hold parts in memory and, under `folder`, as their owners publish them."""

    folder: Path
    unet: UNet2DConditionModel
    vae: AutoencoderKL
    text_encoder: BertForMaskedLM
    controlnet: ControlNetModel

    @property
    def pipeline(self) -> Path:
        """The whole pipeline in diffusers layout."""
        return self.folder / "stable-diffusion"

    @property
    def sources(self) -> ModelSources:
        """All parts, from folders."""
        return ModelSources(
            unet=str(self.pipeline),
            vae=str(self.pipeline),
            text_encoder=str(self.folder / "bert"),
            controlnet=str(self.folder / "controlnet"),
        )


def write_published(folder: Path) -> Published:
    """Write a pipeline folder, a BERT and a ControlNet, each by the library that publishes such folders."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        unet, vae = build_denoiser(SMALL), build_autoencoder(SMALL.autoencoder, SMALL.image_size)
        controlnet = ControlNetModel.from_unet(unet)
        for parameter in controlnet.parameters():  # as if it had been trained
            parameter.data = torch.randn(parameter.shape) * 0.05
        sizes = BertConfig(
            vocab_size=600,
            hidden_size=32,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=64,
            max_position_embeddings=96,
        )
        made = Published(folder, unet, vae, BertForMaskedLM(sizes), controlnet)
        clip = CLIPTextModel(CLIPTextConfig(vocab_size=64, hidden_size=32, intermediate_size=32, num_hidden_layers=1))
    scheduler = PNDMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        skip_prk_steps=True,
        steps_offset=1,
        set_alpha_to_one=False,
    )
    pipeline = StableDiffusionPipeline(vae, clip, None, unet, scheduler, None, None, requires_safety_checker=False)
    pipeline.save_pretrained(made.pipeline)
    controlnet.save_pretrained(folder / "controlnet")
    made.text_encoder.save_pretrained(folder / "bert")
    write_vocabulary(folder / "bert")
    return made


def write_vocabulary(folder: Path) -> None:
    """Write the vocabulary as old BERTs come: a list of pieces and the word that case does not matter."""
    vocabulary = build_tokenizer(prompt_corpus(default_registry()), SMALL.text).get_vocab()
    pieces = [*sorted(vocabulary, key=vocabulary.__getitem__), "[MASK]"]
    (folder / "vocab.txt").write_text("\n".join(pieces) + "\n", encoding="utf-8")
    (folder / "tokenizer_config.json").write_text(json.dumps({"do_lower_case": True}), encoding="utf-8")


def into_hub_cache(cache: Path, name: str, folder: Path, revision: str = "main") -> Path:
    """Put a folder into a hub cache as the hub's library does: blobs, a snapshot of links to them, and a ref.

    Returns:
        The snapshot.
    """
    storage, commit = cache / f"models--{name.replace('/', '--')}", "0123456789" * 4
    snapshot = storage / "snapshots" / commit
    for path in (path for path in folder.rglob("*") if path.is_file()):
        relative = path.relative_to(folder)
        blob = storage / "blobs" / "-".join(relative.parts)
        blob.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, blob)
        (snapshot / relative).parent.mkdir(parents=True, exist_ok=True)
        (snapshot / relative).symlink_to(blob)
    ref = storage / "refs" / revision
    ref.parent.mkdir(parents=True, exist_ok=True)
    ref.write_text(commit)
    return snapshot


def write_single_file(path: Path, **parts: nn.Module) -> Path:
    """Write parts (`unet`, `vae`, `controlnet`) as one checkpoint in the original key layout."""
    names = {"unet": _original_unet, "vae": _original_vae, "controlnet": _original_controlnet}
    prefixes = {"unet": "model.diffusion_model.", "vae": "first_stage_model.", "controlnet": "control_model."}
    tensors: dict[str, Tensor] = {"model_ema.decay": torch.tensor(0.5), "betas": torch.zeros(3)}
    for part, network in parts.items():
        for key, tensor in network.state_dict().items():
            renamed = names[part](key)
            as_convolution = part == "vae" and ".attn_1." in renamed and tensor.ndim == 2
            tensors[prefixes[part] + renamed] = (tensor[:, :, None, None] if as_convolution else tensor).contiguous()
    save_file(tensors, path)
    return path


_RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}
_OUTER = {
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "conv_in": "input_blocks.0.0",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
}
_PER_BLOCK = SMALL.denoiser.layers_per_block + 1


def _original_unet(key: str) -> str:
    stem, kind = key.rsplit(".", 1)
    if stem in _OUTER:
        return f"{_OUTER[stem]}.{kind}"
    names = key.split(".")
    if names[0] == "mid_block":
        place = 1 if names[1] == "attentions" else 2 * int(names[2])
        return f"middle_block.{place}.{_inside(names[1], names[3:])}"
    block, member, number, rest = int(names[1]), names[2], int(names[3]), names[4:]
    if member == "downsamplers":
        return f"input_blocks.{(block + 1) * _PER_BLOCK}.0.op.{kind}"
    if member == "upsamplers":
        after_attention = SMALL.denoiser.attention[::-1][block]
        return f"output_blocks.{block * _PER_BLOCK + _PER_BLOCK - 1}.{2 if after_attention else 1}.conv.{kind}"
    column = 0 if member == "resnets" else 1
    row = block * _PER_BLOCK + number
    side = f"input_blocks.{row + 1}" if names[0] == "down_blocks" else f"output_blocks.{row}"
    return f"{side}.{column}.{_inside(member, rest)}"


def _inside(member: str, rest: list[str]) -> str:
    return ".".join([_RESNET[rest[0]], *rest[1:]] if member == "resnets" else rest)


def _original_controlnet(key: str) -> str:
    names = key.split(".")
    if names[0] == "controlnet_down_blocks":
        return f"zero_convs.{names[1]}.0.{names[2]}"
    if names[0] == "controlnet_mid_block":
        return f"middle_block_out.0.{names[1]}"
    if names[0] != "controlnet_cond_embedding":
        return _original_unet(key)
    place = {"conv_in": 0, "conv_out": 14}.get(names[1])
    place = 2 * (int(names[2]) + 1) if place is None else place
    return f"input_hint_block.{place}.{names[-1]}"


def _original_vae(key: str) -> str:
    last = len(SMALL.autoencoder.channels) - 1
    names = key.split(".")
    if names[1] == "up_blocks":
        names[2] = str(last - int(names[2]))
    renamed = ".".join(names)
    for ours, theirs in (
        ("down_blocks.", "down."),
        ("up_blocks.", "up."),
        (".resnets.", ".block."),
        ("samplers.0.", "sample."),
        ("conv_shortcut", "nin_shortcut"),
        ("mid_block.block.0", "mid.block_1"),
        ("mid_block.block.1", "mid.block_2"),
        ("mid_block.attentions.0", "mid.attn_1"),
        ("group_norm", "norm"),
        ("to_q", "q"),
        ("to_k", "k"),
        ("to_v", "v"),
        ("to_out.0", "proj_out"),
        ("conv_norm_out", "norm_out"),
    ):
        renamed = renamed.replace(ours, theirs)
    return renamed

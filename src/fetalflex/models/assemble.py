"""Put a model together from published parts."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, ControlNetModel, DDIMScheduler, UNet2DConditionModel
from pydantic import ValidationError
from transformers import BertConfig, BertModel, BertTokenizerFast, PreTrainedTokenizerBase

from fetalflex.checks import shown
from fetalflex.errors import FetalFlexError
from fetalflex.files.json_files import JsonMapping, JsonObject, read_json
from fetalflex.models.build import build_autoencoder, build_controlnet, build_denoiser, replace_hint_network
from fetalflex.models.components import Components
from fetalflex.models.configs import AutoencoderConfig, DenoiserConfig, ModelConfig, TextConfig, get_preset
from fetalflex.models.fit import check_fit
from fetalflex.models.loading import first_line, load_network
from fetalflex.models.noise_source import choose_schedule, noise_config
from fetalflex.models.part_configs import LARGEST_CONFIG, differences
from fetalflex.models.part_files import PartFiles, locate_parts
from fetalflex.models.prealignment import PreAlignment
from fetalflex.models.quiet import quiet
from fetalflex.models.single_file import read_single_file
from fetalflex.models.sources import ModelSources

_CLASSES: JsonObject = {
    "unet": UNet2DConditionModel,
    "vae": AutoencoderKL,
    "text_encoder": BertModel,
    "controlnet": ControlNetModel,
}


@dataclass(frozen=True)
class Assembly:
    """A model made from published parts.

    Args:
        components: The model; ControlNet and pre-alignment are not trained yet.
        origins: The file that each part was read from.
        warnings: What the user should know about the choice.
    """

    components: Components
    origins: dict[str, Path]
    warnings: tuple[str, ...]


@quiet()
def assemble(
    sources: ModelSources | None = None,
    preset: ModelConfig | None = None,
    image_size: int | None = None,
    max_tokens: int | None = None,
    download: bool = False,
    seed: int = 0,
) -> Assembly:
    """Return a model made from published parts, with a new pre-alignment and a new projection of the condition.

    Everything is checked on the parts' configs before the first weight is read. Weights are read from safetensors
    only, and no code that comes with them is run.

    Args:
        sources: Where the parts come from; the published ones by default.
        preset: The architecture that single files are taken to hold, and the sizes of what is new; `sd15` by default.
        image_size: Side of the model canvas in pixels; the size that the U-Net was trained on by default.
        max_tokens: Every prompt is padded to this many tokens; the preset's by default.
        download: Fetch from the hub what the local cache lacks.
        seed: Seed of the new weights; the global random state is left as it was.

    Raises:
        FetalFlexError: If parts are missing, damaged, pickled, or do not fit together.
    """
    preset = preset or get_preset("sd15")
    files = locate_parts(sources or ModelSources(), download)
    parts = {file.part: _Part.read(file, preset) for file in (files.unet, files.vae, files.controlnet) if file}
    configs = {name: part.config for name, part in parts.items()}
    bert = _bert_config(files.text_encoder)
    check_fit(configs["unet"], configs["vae"], bert.to_dict(), configs.get("controlnet"))
    scheduler, warnings = choose_schedule(files.scheduler, files.own_schedule, preset.noise)
    tokenizer = _tokenizer(files.text_encoder, bert, max_tokens or preset.text.max_tokens)
    config, more = _describe(preset, configs, bert, tokenizer, scheduler, image_size)
    _check_described(config, {**configs, "text_encoder": bert.to_dict(), "scheduler": scheduler.config})

    with torch.random.fork_rng(devices=[]):
        networks = {name: part.load() for name, part in parts.items()}
        unet, vae, text_encoder = networks["unet"], networks["vae"], _load(files.text_encoder)
        torch.manual_seed(seed)
        if "controlnet" in networks:
            controlnet = replace_hint_network(networks["controlnet"], config.control)
        else:
            controlnet = build_controlnet(unet, config.control)
        prealignment = PreAlignment(config.autoencoder.latent_channels, config.control.alignment_channels)
    components = Components(config, vae, tokenizer, text_encoder, unet, controlnet, prealignment, scheduler)
    located = (files.unet, files.vae, files.text_encoder, files.controlnet, files.scheduler or files.own_schedule)
    origins = {file.part: file.path for file in located if file is not None}
    return Assembly(components, origins, (*warnings, *more))


def _check_described(config: ModelConfig, parts: Mapping[str, JsonMapping]) -> None:
    """Check that the description holds all of the parts, as the model could not be loaded again otherwise."""
    for part, values in parts.items():
        for field, came, wanted in differences(config, part, values, published=True):
            raise FetalFlexError(
                f"{part}: {field} is {shown(came)}, but only {shown(wanted)} can be used here; give a part for Stable "
                "Diffusion 1.5"
            )


@dataclass(frozen=True)
class _Part:
    """A diffusers network before its weights are read.

    Args:
        files: Where it lies.
        config: Its architecture.
        outline: The network without weights, on torch's meta device, if a single file is to fill it.
    """

    files: PartFiles
    config: JsonMapping
    outline: Any = None

    @classmethod
    def read(cls, files: PartFiles, preset: ModelConfig) -> _Part:
        if files.config is not None:
            return cls(files, _read_config(files))
        with torch.device("meta"):
            outline = _OUTLINES[files.part](preset)
        return cls(files, outline.config, outline)

    def load(self) -> Any:
        if self.outline is None:
            return _load(self.files)
        return read_single_file(self.files.part, self.files.path, self.outline)


_OUTLINES: dict[str, Callable[[ModelConfig], Any]] = {
    "unet": build_denoiser,
    "vae": lambda preset: build_autoencoder(preset.autoencoder, preset.image_size),
    "controlnet": lambda preset: ControlNetModel.from_unet(build_denoiser(preset)),
}


def _read_config(files: PartFiles) -> JsonObject:
    """Return a diffusers network's config, with the defaults of its class where the file says nothing."""
    kind = _CLASSES[files.part]
    values = _read_json(files)
    if values.get("_class_name") != kind.__name__:
        raise FetalFlexError(
            f"{files.part}: {files.config} describes a {values.get('_class_name')}, not a {kind.__name__}; "
            "give another folder or name"
        )
    parameters = inspect.signature(kind.__init__).parameters.values()
    defaults = {each.name: each.default for each in parameters if each.default is not inspect.Parameter.empty}
    return defaults | values


def _read_json(files: PartFiles) -> JsonObject:
    assert files.config is not None
    try:
        values = read_json(files.config, LARGEST_CONFIG)
    except FetalFlexError as error:
        raise FetalFlexError(f"{files.part}: {error}; fetch it again") from error
    if not isinstance(values, dict):
        raise FetalFlexError(f"{files.part}: {files.config} is not a config; fetch it again")
    return values


def _bert_config(files: PartFiles) -> BertConfig:
    values = _read_json(files)
    if values.get("model_type") != "bert":
        raise FetalFlexError(
            f"text_encoder: {files.config}: model_type is {values.get('model_type')!r}, not 'bert'; "
            f"give a BERT, such as {ModelSources().text_encoder}"
        )
    try:
        return BertConfig.from_dict(values)
    except Exception as error:  # values of a wrong kind make transformers raise many kinds
        raise FetalFlexError(f"text_encoder: {files.config} is not usable: {first_line(error)}") from error


def _tokenizer(files: PartFiles, bert: BertConfig, max_tokens: int) -> PreTrainedTokenizerBase:
    if max_tokens > bert.max_position_embeddings:
        raise FetalFlexError(
            f"text_encoder: max_position_embeddings is {bert.max_position_embeddings}, max_tokens is {max_tokens}; "
            "choose fewer tokens"
        )
    folder = files.tokenizer
    try:
        tokenizer = BertTokenizerFast.from_pretrained(str(folder), local_files_only=True, model_max_length=max_tokens)
    except Exception as error:  # a damaged vocabulary makes transformers raise many kinds
        raise FetalFlexError(
            f"text_encoder: the vocabulary in {folder} cannot be read ({first_line(error)}); fetch it again"
        ) from error
    if len(tokenizer) > bert.vocab_size:
        raise FetalFlexError(
            f"text_encoder: vocab_size is {bert.vocab_size}, the vocabulary in {folder} has {len(tokenizer)} pieces; "
            "give the vocabulary that belongs to it"
        )
    return tokenizer


def _describe(
    preset: ModelConfig,
    parts: Mapping[str, JsonMapping],
    bert: BertConfig,
    tokenizer: PreTrainedTokenizerBase,
    scheduler: DDIMScheduler,
    image_size: int | None,
) -> tuple[ModelConfig, tuple[str, ...]]:
    """Return the config of the model that the parts make, and a warning if it is not of the U-Net's own size."""
    vae, unet = parts["vae"], parts["unet"]
    try:
        autoencoder = AutoencoderConfig(
            channels=vae["block_out_channels"],
            layers_per_block=vae["layers_per_block"],
            latent_channels=vae["latent_channels"],
            norm_groups=vae["norm_num_groups"],
            attention=vae["mid_block_add_attention"],
            scaling_factor=vae["scaling_factor"],
        )
        own_size = unet["sample_size"] * autoencoder.downsampling
        size = own_size if image_size is None else image_size
        config = ModelConfig(
            name=preset.name,
            image_size=size,
            autoencoder=autoencoder,
            text=TextConfig(
                hidden_size=bert.hidden_size,
                layers=bert.num_hidden_layers,
                heads=bert.num_attention_heads,
                vocabulary_size=len(tokenizer),
                max_tokens=tokenizer.model_max_length,
                pieces=bert.vocab_size,
                positions=bert.max_position_embeddings,
            ),
            denoiser=_denoiser_config(unet),
            control=preset.control,
            noise=noise_config(scheduler.config),
        )
    except (ValidationError, TypeError, IndexError, ZeroDivisionError) as error:
        raise FetalFlexError(f"the parts make no model that FetalFlex can describe: {_reason(error)}") from error
    if size == own_size:
        return config, ()
    return config, (f"unet: it was trained at {own_size} px (sample_size {unet['sample_size']}), image_size is {size}",)


def _reason(error: Exception) -> str:
    if not isinstance(error, ValidationError):
        return first_line(error)
    problem = error.errors()[0]
    field = ".".join(str(name) for name in problem["loc"])
    return f"{field}: {problem['msg']} (got {problem['input']!r})" if field else problem["msg"]


def _denoiser_config(unet: JsonMapping) -> DenoiserConfig:
    channels, heads = unet["block_out_channels"], unet["attention_head_dim"]  # diffusers' name for the number of heads
    attention = {"heads": heads} if isinstance(heads, int) else {"head_channels": channels[0] // heads[0]}
    return DenoiserConfig(
        channels=channels,
        attention=tuple("CrossAttn" in kind for kind in unet["down_block_types"]),
        layers_per_block=unet["layers_per_block"],
        norm_groups=unet["norm_num_groups"],
        **attention,
    )


def _load(files: PartFiles) -> Any:
    folder = files.path.parent
    try:
        return load_network(_CLASSES[files.part], folder, files.variant)
    except Exception as error:  # the libraries raise many kinds for a damaged file
        raise FetalFlexError(
            f"{files.part}: {files.path} cannot be loaded ({first_line(error)}); fetch it again, or give another"
        ) from error

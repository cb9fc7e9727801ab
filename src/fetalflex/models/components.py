"""The networks that make up a model, as one folder on disk."""

from __future__ import annotations

import copy
import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, ControlNetModel, DDIMScheduler, UNet2DConditionModel
from pydantic import ValidationError
from torch import nn
from transformers import AutoTokenizer, BertModel, PreTrainedTokenizerBase

from fetalflex.checks import describe_error
from fetalflex.errors import FetalFlexError
from fetalflex.files import naming_failures, new_folder, write_text
from fetalflex.files.json_files import JsonObject, read_json
from fetalflex.models.configs import ModelConfig
from fetalflex.models.folder_kind import MODEL
from fetalflex.models.loading import check_finite, first_line, load_network
from fetalflex.models.part_configs import LARGEST_CONFIG, check_folder
from fetalflex.models.prealignment import PreAlignment
from fetalflex.models.quiet import quiet

INDEX_FILE = "model_index.json"
CONFIG_FILE = "fetalflex_config.json"
PLANES_FILE = "planes.yaml"
NETWORKS = ("vae", "text_encoder", "unet", "controlnet", "prealignment")

_CLASSES: dict[str, tuple[str, type]] = {
    "vae": ("diffusers", AutoencoderKL),
    "text_encoder": ("transformers", BertModel),
    "unet": ("diffusers", UNet2DConditionModel),
    "controlnet": ("diffusers", ControlNetModel),
    "prealignment": ("fetalflex", PreAlignment),
    "scheduler": ("diffusers", DDIMScheduler),
}


@dataclass
class Components:
    """Every part of a model.

    On disk it is a diffusers folder: `model_index.json` and one sub-folder per part with `config.json` and
    safetensors, so that each part also loads in diffusers or transformers by itself. `planes` is the text of
    `planes.yaml`: the planes, structures and colours that the model was trained with.
    """

    config: ModelConfig
    vae: AutoencoderKL
    tokenizer: PreTrainedTokenizerBase
    text_encoder: BertModel
    unet: UNet2DConditionModel
    controlnet: ControlNetModel
    prealignment: PreAlignment
    scheduler: DDIMScheduler
    planes: str | None = None

    def networks(self) -> dict[str, nn.Module]:
        """Return the trainable parts by name."""
        return {name: getattr(self, name) for name in NETWORKS}

    def to(self, device: torch.device | str, dtype: torch.dtype | None = None) -> Components:
        """Move all networks, in place."""
        with quiet():
            for network in self.networks().values():
                network.to(device=device, dtype=dtype)
        return self

    @quiet()
    def in_bfloat16(self) -> Components:
        """Return a copy on the same device that computes in bfloat16 throughout, its weights laid out channels last."""
        how: JsonObject = {"dtype": torch.bfloat16, "memory_format": torch.channels_last}
        parts: JsonObject = {name: copy.deepcopy(network).to(**how) for name, network in self.networks().items()}
        return replace(self, **parts)

    def freeze(self) -> Components:
        """Switch all networks to inference, in place."""
        for network in self.networks().values():
            network.requires_grad_(False).eval()
        return self

    def save(self, folder: Path | str, half: bool = False, shard_size: str | None = None) -> Path:
        """Write the model folder, wholly or not at all; a model that is there is replaced, and nothing else is.

        Args:
            folder: Where to write; its parent is created.
            half: Store float16 instead of float32.
            shard_size: Divide the weights of a network into files of at most this size, such as "15MB", as diffusers
                and transformers do; they and `load` read them as one.

        Raises:
            FetalFlexError: If something else is at `folder`, a weight is not finite, or the disk refuses the files.
        """
        folder = Path(folder)
        with new_folder(folder, MODEL, force=True) as partial, naming_failures(folder):
            self._write(partial, half, {} if shard_size is None else {"max_shard_size": shard_size})
        return folder

    @quiet()
    def _write(self, folder: Path, half: bool, options: dict[str, str]) -> None:
        index: JsonObject = {"_class_name": "FetalFlexPipeline", "tokenizer": ["transformers", "AutoTokenizer"]}
        for name, (library, kind) in _CLASSES.items():
            index[name] = [library, kind.__name__]
        for name, network in self.networks().items():
            stored: Any = copy.deepcopy(network).half() if half else network
            try:
                check_finite(stored)
            except ValueError as error:
                what = "do not fit 16 bits" if half else "are not finite"
                raise FetalFlexError(f"{name}: its weights {what} ({error}), so the model is not written") from error
            stored.save_pretrained(folder / name, safe_serialization=True, **options)
            _forget_origin(folder / name / "config.json")
        self.tokenizer.save_pretrained(folder / "tokenizer")
        self.scheduler.save_pretrained(folder / "scheduler")
        write_text(folder / CONFIG_FILE, self.config.model_dump_json(indent=2) + "\n")
        if self.planes is not None:
            write_text(folder / PLANES_FILE, self.planes)
        write_text(folder / INDEX_FILE, json.dumps(index, indent=2) + "\n")

    @classmethod
    @quiet()
    def load(cls, folder: Path | str) -> Components:
        """Read a model folder as float32, on the CPU.

        All configs are checked before anything is built.

        Raises:
            FetalFlexError: If the folder or a part of it is missing, corrupt, or does not fit together, or a weight is
                not finite.
        """
        folder = Path(folder)
        config = _read_config(folder)
        check_folder(folder, config, CONFIG_FILE)
        parts: JsonObject = {}
        for name, (_, kind) in _CLASSES.items():
            parts[name] = _load_part(folder, name, kind)
        parts["tokenizer"] = _load_part(folder, "tokenizer", AutoTokenizer, trust_remote_code=False)
        _check_tokenizer(folder / "tokenizer", parts["tokenizer"], parts["text_encoder"])
        planes = folder / PLANES_FILE
        return cls(config=config, **parts, planes=planes.read_text(encoding="utf-8") if planes.is_file() else None)

    def parameter_count(self) -> dict[str, int]:
        """Return the number of parameters of each network."""
        return {name: sum(p.numel() for p in net.parameters()) for name, net in self.networks().items()}


def _forget_origin(path: Path) -> None:
    """Leave out of a network's config where on this machine it was read from."""
    values = json.loads(path.read_text(encoding="utf-8"))
    values.pop("_name_or_path", None)
    write_text(path, json.dumps(values, indent=2, sort_keys=True) + "\n")


def _read_config(folder: Path) -> ModelConfig:
    path = folder / CONFIG_FILE
    if not (folder / INDEX_FILE).is_file() or not path.is_file():
        raise FetalFlexError(
            f"{folder}: not a FetalFlex model folder (it must hold {INDEX_FILE} and {CONFIG_FILE}); "
            "give the folder that training wrote, or weights/mini of the project"
        )
    try:
        return ModelConfig.model_validate(read_json(path, LARGEST_CONFIG))
    except ValidationError as error:
        raise FetalFlexError(f"{path}: not a valid model config: {describe_error(error)}") from error


def _load_part(folder: Path, name: str, kind: Any, **options: Any) -> Any:
    path = folder / name
    try:
        if name in NETWORKS:
            return load_network(kind, path)
        return kind.from_pretrained(str(path), local_files_only=True, **options)
    except Exception as error:  # the libraries raise many kinds for a damaged file
        reason = first_line(error)
        raise FetalFlexError(f"{path}: cannot be loaded ({reason}); fetch or train the model again") from error


def _check_tokenizer(folder: Path, tokenizer: PreTrainedTokenizerBase, text_encoder: BertModel) -> None:
    rows = text_encoder.config.vocab_size
    largest = max(tokenizer.get_vocab().values(), default=0)
    if largest >= rows or tokenizer.pad_token_id is None:
        what = (
            f"has a word piece {largest}, the text encoder knows {rows}"
            if largest >= rows
            else "cannot fill up prompts"
        )
        raise FetalFlexError(f"{folder}: belongs to another model: it {what}; fetch or train the model again")


def weights_digest(module: nn.Module) -> str:
    """Return a digest of a network's weights: 16 hexadecimal digits, independent of device and precision.

    Weights are hashed as float16, the precision in which they may be stored.
    """
    digest = hashlib.sha256()
    for name, tensor in sorted(module.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().to("cpu", torch.float16).contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]


def model_identity(components: Components) -> str:
    """Return the model's name and a digest of all its weights, such as `mini-0123456789ab`."""
    digest = hashlib.sha256()
    for name, network in components.networks().items():
        digest.update(f"{name}:{weights_digest(network)};".encode())
    return f"{components.config.name}-{digest.hexdigest()[:12]}"

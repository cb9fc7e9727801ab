"""Read parts of an original single-file checkpoint of Stable Diffusion, in safetensors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from diffusers.loaders.single_file_utils import (
    convert_controlnet_checkpoint,
    convert_ldm_unet_checkpoint,
    convert_ldm_vae_checkpoint,
)
from safetensors import SafetensorError, safe_open
from torch import Tensor

from fetalflex.errors import FetalFlexError
from fetalflex.files.json_files import JsonMapping
from fetalflex.models.loading import check_finite, first_line


@dataclass(frozen=True)
class _Layout:
    """How a part is kept in the original key layout.

    Args:
        prefix: What its keys start with in a checkpoint of several parts.
        alone: What its keys start with in a file of its own.
        mark: A key, without the prefix, that shows that the part is there.
        convert: From the original keys to those of diffusers.
    """

    prefix: str
    alone: tuple[str, ...]
    mark: str
    convert: Callable[..., dict[str, Tensor]]


_LAYOUTS = {
    "unet": _Layout("model.diffusion_model.", (), "input_blocks.0.0.weight", convert_ldm_unet_checkpoint),
    "vae": _Layout(
        "first_stage_model.",
        ("encoder.", "decoder.", "quant_conv.", "post_quant_conv."),
        "decoder.mid.block_1.norm1.weight",
        convert_ldm_vae_checkpoint,
    ),
    "controlnet": _Layout(
        "control_model.",
        ("time_embed.", "input_blocks.", "middle_block.", "middle_block_out.", "zero_convs.", "input_hint_block."),
        "input_hint_block.0.weight",
        convert_controlnet_checkpoint,
    ),
}
_SD15 = "single files are read as Stable Diffusion 1.5; give another model as a folder in diffusers layout"


def read_single_file(part: str, path: Path, network: Any) -> Any:
    """Fill a network from a checkpoint; no config is read and nothing is fetched.

    Args:
        part: `unet`, `vae` or `controlnet`.
        path: The checkpoint, a safetensors file in the original key layout.
        network: A diffusers network of the architecture that the file is taken to hold; may lie on the meta device.

    Returns:
        The same network, float32 on the CPU.

    Raises:
        FetalFlexError: If the file is damaged, or does not hold that part, whole and in that architecture.
    """
    layout = _LAYOUTS[part]
    try:
        original = _tensors(part, path, layout)
    except (SafetensorError, OSError, ValueError) as error:
        raise FetalFlexError(f"{part}: {path} cannot be read ({first_line(error)}); fetch it again") from error
    try:
        converted = layout.convert(original, dict(network.config))
    except (KeyError, IndexError, AttributeError, TypeError) as error:
        raise FetalFlexError(f"{part}: {path} lacks weights ({first_line(error)}); {_SD15}") from error
    _check_shapes(part, path, converted, network.state_dict())
    network.load_state_dict(converted, assign=True)
    try:
        check_finite(network)
    except ValueError as error:
        raise FetalFlexError(f"{part}: {path} holds {error}; fetch it again") from error
    return network.float().eval()


def _tensors(part: str, path: Path, layout: _Layout) -> dict[str, Tensor]:
    with safe_open(path, framework="pt") as file:
        keys = list(file.keys())
        if layout.prefix + layout.mark in keys:
            chosen = [key for key in keys if key.startswith(layout.prefix)]
        elif layout.alone and layout.mark in keys:
            chosen = [key for key in keys if key.startswith(layout.alone)]
        else:
            raise FetalFlexError(_not_there(part, path, layout, keys))
        return {key: file.get_tensor(key) for key in chosen}


def _not_there(part: str, path: Path, layout: _Layout, keys: list[str]) -> str:
    if any(key.startswith(("down_blocks.", "encoder.down_blocks.")) for key in keys):
        return f"{part}: {path} is in diffusers layout, whose config.json lies beside it; give its folder"
    return (
        f"{part}: {path} does not hold this part in the original layout (no weight {layout.prefix}{layout.mark}); "
        "give another file, or a folder in diffusers layout"
    )


def _check_shapes(part: str, path: Path, came: JsonMapping, wanted: Mapping[str, Tensor]) -> None:
    conv_in = came.get("conv_in.weight")
    if part == "unet" and conv_in is not None and conv_in.shape[1] == 9:
        raise FetalFlexError(f"{part}: {path} is an inpainting U-Net, in_channels is 9, not 4; give the base model's")
    for name, tensor in wanted.items():
        found = came.get(name)
        if found is None:
            raise FetalFlexError(f"{part}: {path} lacks the weight {name}; {_SD15}")
        if found.shape != tensor.shape:
            raise FetalFlexError(f"{part}: {path}: {name} is {_size(found)}, not {_size(tensor)}; {_SD15}")
    if more := sorted(came.keys() - wanted.keys()):
        raise FetalFlexError(f"{part}: {path} holds {len(more)} weights too many, the first is {more[0]}; {_SD15}")


def _size(tensor: Tensor) -> str:
    return " x ".join(map(str, tensor.shape))

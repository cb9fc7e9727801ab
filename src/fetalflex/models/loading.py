"""Read one network from a folder: from safetensors alone, and never over the network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedModel

from fetalflex.files.json_files import JsonObject


def load_network(kind: Any, folder: Path, variant: str | None = None) -> Any:
    """Return a network as float32 on the CPU, in evaluation mode.

    Args:
        kind: Class of diffusers or transformers.
        folder: Holds `config.json` and the weights.
        variant: Which of several files of weights to read, such as `fp16`.

    Raises:
        ValueError: If a weight is missing, which the libraries would fill with random numbers, or is not finite.
        Exception: Of many kinds, for a damaged file.
    """
    options: JsonObject = {"local_files_only": True, "use_safetensors": True, "output_loading_info": True}
    options |= {"add_pooling_layer": False} if issubclass(kind, PreTrainedModel) else {"low_cpu_mem_usage": False}
    network, report = kind.from_pretrained(str(folder), variant=variant, **options)
    if missing := sorted(report["missing_keys"]):
        raise ValueError(f"{len(missing)} weights are missing, the first is {missing[0]}")
    check_finite(network)
    return network.float().eval()


def check_finite(network: nn.Module) -> None:
    """Raise ValueError if a weight is NaN or infinite: everything that is computed with it would be lost."""
    for name, tensor in network.state_dict().items():
        if not bool(torch.isfinite(tensor).all()):
            raise ValueError(f"weights that are not finite, the first in {name}")


def first_line(error: Exception) -> str:
    """Return the first line of what an error says, or its name."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)

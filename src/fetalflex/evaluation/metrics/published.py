"""Networks that papers report by, where a user has them: Inception for FID, AlexNet for LPIPS.

Neither their weights nor the packages come with FetalFlex, and nothing is ever downloaded. What is missing is said,
with the place where it was looked for.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from fetalflex.errors import FetalFlexError
from fetalflex.models.latents import pixels_from_arrays

Image = NDArray[np.uint8]

INCEPTION_FILE = "weights-inception-2015-12-05-6726825d.pth"
ALEXNET_FILE = "alexnet-owt-7be5be79.pth"
SMALLEST_FOR_LPIPS = 64
"""Pixels a side; AlexNet has no output for less."""


class InceptionVectors:
    """Turn images into the 2048 features of which published FIDs are made, by torch-fidelity.

    Images of any size are scaled to 299 pixels as TensorFlow 1 did.

    Args:
        device: Where to compute.

    Raises:
        FetalFlexError: If torch-fidelity or the weights are missing, or the file is another one.
    """

    name = "FID (Inception, torch-fidelity)"

    def __init__(self, device: torch.device | str = "cpu") -> None:
        _require(self.name, "torch_fidelity", "torch-fidelity")
        path = _weights(self.name, INCEPTION_FILE, "https://github.com/toshas/torch-fidelity/releases/tag/v0.2.0")
        from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

        network = FeatureExtractorInceptionV3("inception-v3-compat", ["2048"], feature_extractor_weights_path=str(path))
        self._device = torch.device(device)
        self._network = network.to(self._device).eval()

    @torch.no_grad()
    def vectors(self, images: Iterable[Image]) -> NDArray[np.float64]:
        """Return the features of images, each (H, W) uint8, as (N, 2048)."""
        found = []
        for image in images:
            pixels = torch.from_numpy(np.ascontiguousarray(image)).expand(1, 3, *image.shape).contiguous()
            found.append(self._network(pixels.to(self._device))[0][0].to("cpu", torch.float64).numpy())
        return np.stack(found)


class LpipsDistance:
    """Measure LPIPS with AlexNet and its learnt weights (Zhang et al. 2018), by torchmetrics.

    Args:
        device: Where to compute.

    Raises:
        FetalFlexError: If torchmetrics, torchvision or AlexNet's weights are missing, or the file is another one.
    """

    name = "LPIPS (AlexNet, torchmetrics)"

    def __init__(self, device: torch.device | str = "cpu") -> None:
        _require(self.name, "torchmetrics", "torchmetrics")
        _require(self.name, "torchvision", "torchvision")
        _weights(self.name, ALEXNET_FILE, "https://download.pytorch.org/models")
        from torchmetrics.image.lpip import LearnedPerceptualImagePatchSimilarity

        self._device = torch.device(device)
        self._metric: Any = LearnedPerceptualImagePatchSimilarity(net_type="alex").to(self._device)

    @torch.no_grad()
    def __call__(self, real: Image, synthetic: Image) -> float:
        """Return the distance of two images, (H, W) uint8, of at least 64 pixels a side.

        Raises:
            FetalFlexError: If they are smaller.
        """
        if min(real.shape) < SMALLEST_FOR_LPIPS:
            raise FetalFlexError(
                f"LPIPS needs images of at least {SMALLEST_FOR_LPIPS} pixels a side, got {real.shape[1]} x "
                f"{real.shape[0]}; leave the image out"
            )
        pair = (pixels_from_arrays([image]).to(self._device) for image in (real, synthetic))
        return float(self._metric(*pair))


def weights_folder() -> Path:
    """Return torch's cache of weights, `$TORCH_HOME/hub/checkpoints`, by default in `~/.cache/torch`."""
    return Path(torch.hub.get_dir()) / "checkpoints"


def _require(what: str, module: str, package: str) -> None:
    if find_spec(module) is None:
        raise FetalFlexError(f"{what} needs the package {package}, which is not installed; run pip install {package}")


def _weights(what: str, name: str, source: str) -> Path:
    """Return the path of a weights file whose name ends in the first digits of its SHA-256, as torch's cache has it."""
    path = weights_folder() / name
    if not path.is_file():
        raise FetalFlexError(f"{what} needs its weights, which are not at {path}; fetch {name} from {source}")
    digits = path.stem.rpartition("-")[2]
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if not digest.startswith(digits):
        raise FetalFlexError(f"{path}: damaged (SHA-256 {digest[:8]}, expected {digits}); fetch it again from {source}")
    return path

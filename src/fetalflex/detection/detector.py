"""The detector: images in, layouts out."""

from __future__ import annotations

import hashlib
import textwrap
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from fetalflex.anatomy import Box, Canvas, Layout, PlacedStructure, Registry, default_registry, model_registry
from fetalflex.compute.device import choose_device
from fetalflex.data import Record
from fetalflex.detection.config import CONFIG, DetectorConfig, read_detector_config
from fetalflex.detection.decoding import DecodedBoxes, decode
from fetalflex.detection.folder_kinds import DETECTOR
from fetalflex.detection.found import Detection
from fetalflex.detection.network import DetectorNetwork
from fetalflex.errors import FetalFlexError
from fetalflex.files import naming_failures, new_folder, write_text
from fetalflex.models.locate import find_model

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

WEIGHTS = "model.safetensors"
PLANES = "planes.yaml"
_REMEDY = (
    "give the folder that `fetalflex train detector` wrote, or put a detector's folder into weights/ under that name"
)
MIN_SCORE = 0.3
"""Boxes that score less are usually not there."""


class Detector:
    """Find the plane of an image and the boxes of its structures, at most one box per structure, inside the image.

    Boxes are upright. On disk a detector is a folder with `config.json`, `model.safetensors` and `planes.yaml`.

    Args:
        config: What it is made of.
        network: With its weights.
        registry: Planes and structures, which must know all that the config names; by default the built-in ones.

    Raises:
        FetalFlexError: If the registry lacks a plane or structure.

    Example:
        >>> detector = Detector.from_pretrained("detector")                                       # doctest: +SKIP
        >>> [found] = detector.detect([read_image("scan.png")])                                   # doctest: +SKIP
        >>> found.layout.save("scan.layout.json")                                                 # doctest: +SKIP
    """

    def __init__(
        self, config: DetectorConfig, network: DetectorNetwork | None = None, registry: Registry | None = None
    ) -> None:
        self.config = config
        self.network = network or DetectorNetwork(config)
        self.registry = registry or default_registry()
        self.device = torch.device("cpu")
        for plane, names in config.planes.items():
            Layout(plane, 2, 2, tuple(PlacedStructure(name, Box(1, 1, 1, 1)) for name in names)).validate(self.registry)

    @classmethod
    def from_pretrained(cls, name_or_folder: str | Path, device: torch.device | str | None = None) -> Detector:
        """Load a detector from its folder, or by name from `weights/`.

        Raises:
            FetalFlexError: If there is none, or it is damaged.
        """
        folder = find_model(name_or_folder, marker=CONFIG, remedy=_REMEDY)
        config = read_detector_config(folder)
        path = folder / WEIGHTS
        _check_sizes(path, config)
        network = DetectorNetwork(config)
        try:
            network.load_state_dict({name: tensor.float() for name, tensor in load_file(path).items()})
        except (OSError, SafetensorError, RuntimeError) as error:
            # The first of torch's lines says only that there are errors.
            lines = str(error).strip().splitlines() or [type(error).__name__]
            reason = textwrap.shorten(lines[-1], 200, placeholder=" ...")
            raise FetalFlexError(f"{path}: cannot be loaded ({reason}); train or copy the detector again") from error
        if not all(torch.isfinite(parameter).all() for parameter in network.parameters()):
            raise FetalFlexError(f"{path}: holds weights that are not finite; train or copy the detector again")
        registry = model_registry(folder)
        try:
            detector = cls(config, network, registry).freeze()
        except FetalFlexError as error:
            raise FetalFlexError(f"{folder / CONFIG}: {error}") from error
        return detector if device is None else detector.to(device)

    def __repr__(self) -> str:
        size = self.config.size
        return f"Detector({self.identity}, {len(self.config.planes)} planes, {size} x {size} px, on {self.device})"

    @property
    def identity(self) -> str:
        """Name and digest of the weights, in the precision in which they may be stored."""
        digest = hashlib.sha256(self.config.model_dump_json(exclude={"training"}).encode())
        for name, tensor in sorted(self.network.state_dict().items()):
            digest.update(name.encode())
            digest.update(tensor.detach().to("cpu", torch.float16).contiguous().numpy().tobytes())
        return f"detector-{digest.hexdigest()[:12]}"

    def to(self, device: torch.device | str) -> Detector:
        """Move the network to a device, such as "cuda" or "cpu", in place; return itself."""
        self.device = choose_device(device) if isinstance(device, str) else device
        self.network.to(self.device)
        return self

    def freeze(self) -> Detector:
        """Switch the network to inference, in place."""
        self.network.requires_grad_(False).eval()
        return self

    def networks(self) -> dict[str, nn.Module]:
        """Return the trainable parts by name."""
        return {"detector": self.network}

    def save(self, folder: Path | str, half: bool = False) -> Path:
        """Write the folder, wholly or not at all; a detector that is there is replaced.

        Args:
            folder: Where to write.
            half: Store float16 in place of float32.
        """
        folder = Path(folder)
        dtype = torch.float16 if half else torch.float32
        tensors = {name: tensor.to("cpu", dtype).contiguous() for name, tensor in self.network.state_dict().items()}
        with new_folder(folder, DETECTOR, force=True) as partial:
            with naming_failures(folder / WEIGHTS):
                save_file(tensors, partial / WEIGHTS, {"format": "pt"})
            write_text(partial / CONFIG, self.config.model_dump_json(indent=1) + "\n")
            write_text(partial / PLANES, self.registry.to_yaml())
        return folder

    def detect(
        self,
        images: Sequence[NDArray[np.uint8] | Picture],
        planes: Sequence[str | None] | None = None,
        min_score: float = MIN_SCORE,
    ) -> list[Detection]:
        """Return what each image shows.

        Args:
            images: Grey, (H, W) uint8 or PIL images of mode L, of any sizes; they are computed together.
            planes: Plane of each by name or synonym, None to find it; by default all are found.
            min_score: Boxes that score less are left out.

        Raises:
            FetalFlexError: If a plane is not among those that the detector was trained on.
        """
        if not images:
            return []
        given = [None if plane is None else self.plane(plane) for plane in planes or [None] * len(images)]
        arrays = [np.asarray(image) for image in images]
        canvases = [Canvas(array.shape[1], array.shape[0], self.config.size) for array in arrays]
        shown = [canvas.image_to_canvas(array) for canvas, array in zip(canvases, arrays, strict=True)]
        decoded = self.decode(pixels_of(np.stack(shown)))
        found = zip(canvases, given, range(len(images)), strict=True)
        return [self._detection(decoded, index, canvas, plane).at_least(min_score) for canvas, plane, index in found]

    def plane(self, name: str) -> str:
        """Return the canonical name of a plane that the detector was trained on.

        Raises:
            FetalFlexError: If it is another one.
        """
        plane = self.registry.plane(name).name
        if plane not in self.config.planes:
            raise FetalFlexError(
                f"the detector was not trained on the plane {plane}; it knows {', '.join(self.config.planes)}"
            )
        return plane

    @torch.no_grad()
    def decode(self, pixels: Tensor) -> DecodedBoxes:
        """Return the boxes on the canvas of images, (B, 1, S, S) float in [-1, 1]; on the CPU.

        Raises:
            FetalFlexError: If the network gives values that are not finite.
        """
        was_training = self.network.training
        self.network.eval()
        decoded = decode(self.network(pixels.to(self.device)), typical_sizes(self.config).to(self.device))
        self.network.train(was_training)
        if not all(bool(torch.isfinite(tensor).all()) for tensor in decoded):
            raise FetalFlexError(
                "the detector gives values that are not finite (NaN or infinite): it is damaged or has diverged in "
                "training; train or copy it again"
            )
        return DecodedBoxes(*(tensor.cpu() for tensor in decoded))

    def _detection(self, decoded: DecodedBoxes, index: int, canvas: Canvas, plane: str | None) -> Detection:
        names, number = tuple(self.config.planes), int(decoded.planes[index].argmax())
        plane_score = 1.0 if plane is not None else float(decoded.planes[index, number])
        plane = plane or names[number]
        layout = Layout(plane, canvas.image_width, canvas.image_height)
        placed, scores = [], []
        for name in self.config.planes[plane]:
            structure = self.config.structures.index(name)
            cx, cy, width, height = decoded.boxes[index, structure].tolist()
            box = Box(
                (cx - canvas.dx) / canvas.scale,
                (cy - canvas.dy) / canvas.scale,
                width / canvas.scale,
                height / canvas.scale,
            ).clipped(layout.width, layout.height)
            if box is not None:
                placed.append(PlacedStructure(name, box))
                scores.append(float(decoded.scores[index, structure]))
        return Detection(layout.with_structures(placed), tuple(scores), plane_score)


def _check_sizes(path: Path, config: DetectorConfig) -> None:
    """Check by the header of a file of weights that they are those that a config describes; nothing is built.

    Raises:
        FetalFlexError: If they are not, or the file cannot be read.
    """
    with torch.device("meta"):
        wanted = {name: tuple(tensor.shape) for name, tensor in DetectorNetwork(config).state_dict().items()}
    try:
        with safe_open(path, framework="pt") as file:
            came = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118 - no mapping
    except (OSError, SafetensorError) as error:
        raise FetalFlexError(f"{path}: cannot be loaded ({error}); train or copy the detector again") from error
    for name in sorted(wanted.keys() | came.keys()):
        if wanted.get(name) != came.get(name):
            raise FetalFlexError(
                f"{path}: cannot be loaded ({name} is {came.get(name, 'missing')}, {CONFIG} asks for "
                f"{wanted.get(name, 'none')}); train or copy the detector again"
            )


def pixels_of(images: NDArray[np.uint8]) -> Tensor:
    """Return images on the canvas, (B, S, S) uint8, as the network takes them, (B, 1, S, S) float32 in [-1, 1]."""
    return torch.from_numpy(images)[:, None].float().div_(127.5).sub_(1.0)


def typical_sizes(config: DetectorConfig) -> Tensor:
    """Return the typical width and height of each structure on the canvas, pixels, (K, 2)."""
    return torch.tensor(list(config.typical_sizes.values()), dtype=torch.float32) * config.size


def patient_digest(record: Record) -> str:
    """Return what stands for an image's patient in a detector's config: 12 hexadecimal digits."""
    return _digest(record.person)


def patients_seen(records: Iterable[Record], digests: Collection[str]) -> int:
    """Return how many patients of some images are among those of a detector's config.

    Args:
        records: The images.
        digests: As the config holds them; older ones are of source and id, and so tell patients of their own data sets
            alone.
    """
    earlier = {record.person for record in records if _digest(f"{record.source}/{record.patient_key}") in digests}
    return len(earlier | {record.person for record in records if patient_digest(record) in digests})


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]

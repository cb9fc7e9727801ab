"""Latents of a data set, computed once and kept on disk."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import chain, groupby
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from fetalflex.anatomy import Layout, Registry
from fetalflex.anatomy.conditions import Conditions, build_conditions
from fetalflex.compute.precision import Precision, computing_in
from fetalflex.compute.processes import Processes
from fetalflex.diffusion.inpainting import mask_to_latents
from fetalflex.files import locked, remove_leftovers, replacing_file
from fetalflex.models.components import Components, weights_digest
from fetalflex.models.latents import encode, pixels_from_arrays
from fetalflex.pipeline.conditioning import with_labels
from fetalflex.progress import OnProgress, tell_nobody
from fetalflex.training.augmentation import Augmentation
from fetalflex.training.config import AugmentationConfig
from fetalflex.training.images import TrainingView
from fetalflex.training.roi import draw_inner_mask, draw_training_roi

_FORMAT = "fetalflex/latents/3"
_RECORDS_PER_SHARD = 32
_CHUNK = 16

Variant = tuple[Layout, NDArray[np.uint8], Conditions]
"""Layout, image and conditions on the canvas."""


@dataclass
class Latents:
    """Hold the latents of N samples, in memory.

    Args:
        image: Latents of the images, (N, C, h, w) float16.
        prompts: Global prompt of each sample.
        layout: Encoded layouts, (N, C + K, h, w) float16; None if not asked for.
        background: Latents of the images with their ROI blanked, (N, C, h, w) float16; None if not asked for.
        roi_mask: 1 inside the ROI, (N, 1, h, w) uint8; None if not asked for.
        structure_mask: 1 where a structure other than the plane's outline lies, (N, 1, h, w) uint8; None if not asked
            for.
    """

    image: Tensor
    prompts: list[str]
    layout: Tensor | None = None
    background: Tensor | None = None
    roi_mask: Tensor | None = None
    structure_mask: Tensor | None = None

    def __len__(self) -> int:
        return len(self.prompts)

    def to(self, device: torch.device) -> Latents:
        """Return the same latents in a device's memory, where a batch need not be moved at every step."""

        def moved(tensor: Tensor | None) -> Tensor | None:
            return None if tensor is None else tensor.to(device)

        return Latents(
            self.image.to(device),
            self.prompts,
            moved(self.layout),
            moved(self.background),
            moved(self.roi_mask),
            moved(self.structure_mask),
        )


class LatentCache:
    """Compute latents shard by shard and keep each shard under a key made from its content.

    The key covers pixels and layouts of the shard's images, the augmentation, the registry's titles, the image size,
    the precision and the VAE's weights, that of conditions also colours and label channels; when any of them changes,
    that shard is computed again. A shard that was cut short
    or damaged does not match its digest and is computed again too. Images and conditions lie in separate files, so that
    a later stage reuses the images of an earlier one.

    Args:
        folder: Where shards lie.
        components: The model; its VAE encodes.
        registry: Draws layout maps and titles.
        augmentation: How images are varied.
        seed: Seed of the augmentation.
        device: Where to encode.
        with_conditions: Also cache layout, background, ROI mask and structure mask.
        precision: In which the VAE computes.
    """

    def __init__(
        self,
        folder: Path,
        components: Components,
        registry: Registry,
        augmentation: AugmentationConfig,
        seed: int,
        device: torch.device,
        with_conditions: bool,
        precision: Precision = "fp32",
    ) -> None:
        self.folder = folder
        self.vae = components.vae.to(device=device, memory_format=torch.channels_last)
        self.config = components.config
        self.registry = registry
        self.augmentation = augmentation
        self.seed = seed
        self.device = device
        self.with_conditions = with_conditions
        self.precision = precision
        self._common_key = json.dumps(
            [
                _FORMAT,
                self.config.image_size,
                weights_digest(self.vae),
                augmentation.model_dump(),
                precision,
                seed,
                [(s.name, s.title) for s in registry.structures],
                [(p.name, p.title, p.outline) for p in registry.planes],
            ]
        )
        self._code = self.config.control.layout_code
        colours = {s.name: s.colour for s in registry.structures} | dict(self._code.colours)
        self._code_key = json.dumps([colours, self._code.channels])

    def load(
        self,
        samples: list[TrainingView],
        on_progress: OnProgress = tell_nobody,
        processes: Processes | None = None,
    ) -> Latents:
        """Return the latents of all variants of all samples, computing what is missing.

        Each of several processes computes its share of the shards, and then finds the others on disk.

        Args:
            samples: Views of images.
            on_progress: Called with how many samples are done, by all processes together as far as this one can tell.
            processes: Those that call this together; by default this one alone.
        """
        processes = processes or Processes()
        if processes.main:
            remove_leftovers(self.folder)
        with ExitStack() as lock:
            if processes.main and processes.count > 1:
                lock.enter_context(locked(self.folder))
            return self._load(samples, on_progress, processes, lock)

    def _load(
        self,
        samples: list[TrainingView],
        on_progress: OnProgress,
        processes: Processes,
        lock: ExitStack,
    ) -> Latents:
        parts = list(_shards(samples))
        shards: dict[int, Latents] = {}
        done = 0
        own = range(processes.index, len(parts), processes.count)
        with ThreadPoolExecutor() as pool:
            for numbers in (own, sorted(set(range(len(parts))) - set(own))):
                for number in numbers:
                    images = list(pool.map(lambda sample: sample.image(), parts[number]))
                    shards[number] = self._shard(parts[number], images, pool, lock if processes.count == 1 else None)
                    done += len(parts[number])
                    on_progress(min(done * processes.count, len(samples)))
                processes.wait()
        return _concatenate([shards[number] for number in range(len(parts))])

    def _shard(
        self, samples: list[TrainingView], images: list[np.ndarray], pool: ThreadPoolExecutor, lock: ExitStack | None
    ) -> Latents:
        digest = hashlib.sha256(self._common_key.encode())
        for sample, image in zip(samples, images, strict=True):
            digest.update(sample.layout.to_json().encode() + repr(image.shape).encode() + image.tobytes())
            if sample.kept_back or sample.prompt is not None:
                digest.update(json.dumps([sorted(sample.kept_back), sample.prompt]).encode())
        key = digest.hexdigest()[:32]
        kinds = {"image": self._encode_images}
        if self.with_conditions:
            kinds |= {"conditions": self._encode_conditions, "structures": self._draw_structures}
        tensors: dict[str, Tensor] = {}
        prompts: list[str] = []
        variants: list[Variant] = []
        for kind, encode_kind in kinds.items():
            path = self.folder / f"{self._key_of(kind, key)}.{kind}.safetensors"
            found = _read_shard(path)
            if found is None:
                if lock is not None:
                    lock.enter_context(locked(self.folder))
                variants = variants or list(chain.from_iterable(pool.map(self._variants, samples, images)))
                found = encode_kind(variants), [conditions.prompt for *_, conditions in variants]
                _write_shard(path, *found)
            tensors |= found[0]
            prompts = found[1]
        return Latents(prompts=prompts, **tensors)

    def _key_of(self, kind: str, key: str) -> str:
        """Return the key of a file of a shard: conditions depend on how names are shown too."""
        return hashlib.sha256((key + self._code_key).encode()).hexdigest()[:32] if kind == "conditions" else key

    def _variants(self, sample: TrainingView, image: np.ndarray) -> list[Variant]:
        size = self.config.image_size
        content = int.from_bytes(hashlib.sha256(image.tobytes()).digest()[:8], "little")
        variants = []
        for number in range(self.augmentation.variants):
            rng = np.random.default_rng([self.seed, content, number])
            change = Augmentation() if number == 0 else Augmentation.draw(self.augmentation, size, rng)
            canvas = change.apply_to_image(image, size)
            layout = change.apply_to_layout(sample.layout, size)
            roi = draw_training_roi(layout, self.registry, rng)
            shown = change.apply_to_layout(sample.shown_layout, size)
            conditions = build_conditions(shown, canvas, roi, self.registry, sample.prompt, self._code)
            variants.append((layout, canvas, conditions))
        return variants

    def _encode_images(self, variants: list[Variant]) -> dict[str, Tensor]:
        return {"image": self._encode_arrays([canvas for _, canvas, _ in variants])}

    def _encode_conditions(self, variants: list[Variant]) -> dict[str, Tensor]:
        masks = torch.from_numpy(np.stack([conditions.roi_mask for *_, conditions in variants]))[:, None]
        maps = self._encode_arrays([conditions.layout_map for *_, conditions in variants])
        labels = np.stack([conditions.label_maps for *_, conditions in variants])
        return {
            "layout": with_labels(maps, labels),
            "background": self._encode_arrays([conditions.background for *_, conditions in variants]),
            "roi_mask": mask_to_latents(masks, self.config.latent_size).to(torch.uint8),
        }

    def _draw_structures(self, variants: list[Variant]) -> dict[str, Tensor]:
        masks = torch.from_numpy(np.stack([draw_inner_mask(layout, self.registry) for layout, *_ in variants]))
        return {"structure_mask": mask_to_latents(masks[:, None], self.config.latent_size).to(torch.uint8)}

    @torch.no_grad()
    def _encode_arrays(self, arrays: list[np.ndarray]) -> Tensor:
        parts = []
        for start in range(0, len(arrays), _CHUNK):
            pixels = pixels_from_arrays(arrays[start : start + _CHUNK]).to(self.device)
            with computing_in(self.precision, self.device):
                latents = encode(self.vae, pixels)
            parts.append(latents.half().cpu().contiguous())
        return torch.cat(parts)


def _shards(samples: list[TrainingView]) -> Iterator[list[TrainingView]]:
    """Return the samples in parts of one view each, so that shards are found again whatever other views are used."""
    for _, group in groupby(samples, key=lambda sample: sample.view):
        of_view = list(group)
        for start in range(0, len(of_view), _RECORDS_PER_SHARD):
            yield of_view[start : start + _RECORDS_PER_SHARD]


def _write_shard(path: Path, tensors: dict[str, Tensor], prompts: list[str]) -> None:
    metadata = {"name": path.name, "prompts": json.dumps(prompts), "sha256": _digest(tensors, prompts)}
    with replacing_file(path) as partial:
        save_file(tensors, partial, metadata)


def _read_shard(path: Path) -> tuple[dict[str, Tensor], list[str]] | None:
    """Return a shard's tensors and prompts, or None if it is absent, cut short or damaged."""
    if not path.exists():
        return None
    try:
        with safe_open(path, framework="pt") as handle:
            metadata = handle.metadata() or {}
            tensors = {name: handle.get_tensor(name) for name in handle.keys()}  # noqa: SIM118 - not a mapping
        prompts = json.loads(metadata["prompts"])
        if metadata["name"] != path.name or metadata["sha256"] != _digest(tensors, prompts):
            return None
        return tensors, prompts
    except (SafetensorError, OSError, LookupError, ValueError, TypeError, RecursionError):
        return None


def _digest(tensors: dict[str, Tensor], prompts: list[str]) -> str:
    digest = hashlib.sha256(json.dumps(prompts).encode())
    for name in sorted(tensors):
        digest.update(name.encode() + tensors[name].contiguous().numpy().tobytes())
    return digest.hexdigest()


def _concatenate(shards: list[Latents]) -> Latents:
    def joined(name: str) -> Tensor | None:
        tensors = [getattr(shard, name) for shard in shards]
        return None if tensors[0] is None else torch.cat(tensors)

    image = torch.cat([shard.image for shard in shards])
    prompts = [prompt for shard in shards for prompt in shard.prompts]
    return Latents(image, prompts, joined("layout"), joined("background"), joined("roi_mask"), joined("structure_mask"))

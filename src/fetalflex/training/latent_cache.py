"""Latents of a data set, computed once and kept on disk."""

from __future__ import annotations

import json
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from fetalflex.anatomy import Registry
from fetalflex.anatomy.drawing import layout_palette
from fetalflex.compute.precision import Precision
from fetalflex.compute.processes import Processes
from fetalflex.files import locked, remove_leftovers
from fetalflex.models.components import Components, weights_digest
from fetalflex.progress import OnProgress, tell_nobody
from fetalflex.training.config import AugmentationConfig
from fetalflex.training.images import TrainingView
from fetalflex.training.latent_shards import ShardContent, ShardFiles, in_shards, write_shard
from fetalflex.training.shard_preparation import ShardPreparation, ShardState, prepared_shards
from fetalflex.training.variant_encoder import VariantEncoder
from fetalflex.training.variants import VariantMaker

_FORMAT = "fetalflex/latents/3"
_WRITERS = 4  # a file that is written waits for the disk most of the time


@dataclass
class Latents:
    """Latents of N samples, in memory.

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
        workers: How many processes prepare images; 0 = threads of this one do; by default as many as pay.
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
        workers: int | None = None,
    ) -> None:
        self.folder = folder
        self.vae = components.vae.to(device=device, memory_format=torch.channels_last)
        self.config = components.config
        self.workers = workers
        common_key = json.dumps(
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
        code = self.config.control.layout_code
        colours = {s.name: s.colour for s in registry.structures} | dict(code.colours)
        code_key = json.dumps([colours, code.channels])
        kinds = ("image", "conditions", "structures") if with_conditions else ("image",)
        files = ShardFiles(folder, kinds, common_key, code_key)
        size, latent_size = self.config.image_size, self.config.latent_size
        maker = VariantMaker(registry, code.channels, augmentation, seed, size, latent_size, with_conditions)
        self._preparation = ShardPreparation(files, maker)
        self._encoder = VariantEncoder(self.vae, layout_palette(registry, code.colours), size, device, precision)

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
        parts = list(in_shards(samples))
        own = range(processes.index, len(parts), processes.count)
        done = 0
        shards: dict[int, list[Future[ShardContent]]] = {}
        made: dict[Path, Future[ShardContent]] = {}
        with ExitStack() as stack:
            writing = ThreadPoolExecutor(_WRITERS)
            stack.callback(writing.shutdown, cancel_futures=True)
            for numbers in (own, sorted(set(range(len(parts))) - set(own))):
                pending: deque[Future[ShardContent]] = deque()
                chosen = [parts[number] for number in numbers]
                with prepared_shards(self._preparation, chosen, self.workers, processes.count) as states:
                    for number, state in zip(numbers, states, strict=True):
                        if state.missing and processes.count == 1:
                            lock.enter_context(locked(self.folder))
                        shards[number] = self._contents(state, made, writing)
                        pending.extend(shards[number])
                        while len(pending) > 2 * _WRITERS:
                            pending.popleft().result()
                        done += len(parts[number])
                        on_progress(min(done * processes.count, len(samples)))
                for content in pending:
                    content.result()
                processes.wait()
            return _concatenate([_latents(shards[number]) for number in range(len(parts))])

    def _contents(
        self, state: ShardState, made: dict[Path, Future[ShardContent]], writing: ThreadPoolExecutor
    ) -> list[Future[ShardContent]]:
        """Return what the files of a shard hold, or will hold as soon as they are written.

        Args:
            state: What is known of the shard.
            made: Files made so far; those of two shards that show the same are one.
            writing: Writes files.
        """
        contents = []
        for kind, path in state.paths.items():
            found = state.found.get(kind)
            if found is not None:
                contents.append(_known(found))
                continue
            if path not in made:
                assert state.variants is not None
                encoded = self._encoder.encode(kind, state.variants)
                made[path] = writing.submit(_keep, path, encoded, state.variants.prompts)
            contents.append(made[path])
        return contents


def _keep(path: Path, encoded: dict[str, Tensor], prompts: list[str]) -> ShardContent:
    """Fetch tensors from the device and write them; not in the thread that keeps the device busy."""
    tensors = {name: tensor.cpu() for name, tensor in encoded.items()}
    write_shard(path, tensors, prompts)
    return tensors, prompts


def _known(content: ShardContent) -> Future[ShardContent]:
    future: Future[ShardContent] = Future()
    future.set_result(content)
    return future


def _latents(contents: list[Future[ShardContent]]) -> Latents:
    tensors: dict[str, Tensor] = {}
    for content in contents:
        tensors |= content.result()[0]
    return Latents(prompts=contents[0].result()[1], **tensors)


def _concatenate(shards: list[Latents]) -> Latents:
    def joined(name: str) -> Tensor | None:
        tensors = [getattr(shard, name) for shard in shards]
        return None if tensors[0] is None else torch.cat(tensors)

    image = torch.cat([shard.image for shard in shards])
    prompts = [prompt for shard in shards for prompt in shard.prompts]
    return Latents(image, prompts, joined("layout"), joined("background"), joined("roi_mask"), joined("structure_mask"))

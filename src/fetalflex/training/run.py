"""Assemble a run from its config and train it."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from numpy.typing import NDArray
from rich.console import Console

from fetalflex.anatomy import Registry, default_registry, model_registry, prompt_corpus
from fetalflex.compute.processes import Processes, joined
from fetalflex.detection.detector import Detector
from fetalflex.errors import FetalFlexError
from fetalflex.files import claim, write_text
from fetalflex.files.json_files import JsonObject
from fetalflex.files.yaml_files import read_yaml
from fetalflex.models.build import build_components, renew_control, show_names
from fetalflex.models.components import Components, model_identity
from fetalflex.models.configs import get_preset
from fetalflex.progress import bar_on
from fetalflex.training.augmentation import Augmentation
from fetalflex.training.autoencoder import AutoencoderTraining
from fetalflex.training.config import AugmentationConfig, ControlStage, RunConfig
from fetalflex.training.control import ControlTraining
from fetalflex.training.denoiser import DenoiserTraining
from fetalflex.training.detector import DetectorTraining, new_detector, with_training
from fetalflex.training.images import ImageBank, TrainingView, image_count, select_samples
from fetalflex.training.latent_cache import LatentCache, Latents
from fetalflex.training.palette import Colour, choose_palette
from fetalflex.training.run_folder import CONFIG_COPY, RUN, run_folder
from fetalflex.training.stage import Stage
from fetalflex.training.trainer import MODEL_FOLDER, Trainer

_MAY_CHANGE = {"output", "max_minutes", "device", "accumulation", "parallel", "checkpoint_every", "log_every"}


def train(
    config: RunConfig,
    registry: Registry | None = None,
    console: Console | None = None,
    processes: Processes | None = None,
    schedule: Schedule | None = None,
) -> bool:
    """Run, or resume, one training stage.

    Started by `accelerate launch`, several processes share the work; see `Processes`.

    Args:
        config: The run.
        registry: Planes and structures; by default those of the model that the run starts from, or the built-in ones.
        console: Where the main process shows progress.
        processes: Those that train together; by default those that were launched together.
        schedule: When it is to be complete, and what is kept on the way.

    Returns:
        True if the run is complete; False if it was interrupted.

    Raises:
        FetalFlexError: If data or model are not usable, the batch cannot be divided among the processes, or the
            output folder belongs to another run.
        OtherProcessFailed: If another process failed.
    """
    with nullcontext(processes) if processes else joined() as processes:
        kept = run_folder(config.output, config.stage == "detector") if processes.main else nullcontext()
        with kept:
            return _train(config, registry, processes.console(console), processes, schedule or Schedule())


@dataclass(frozen=True)
class Schedule:
    """When a run is to be complete by the clock, and what is kept on the way; see `Trainer`."""

    deadline: float | None = None
    snapshot: Callable[[Stage[Any]], None] | None = None
    snapshot_seconds: float = 60.0


def _train(
    config: RunConfig, registry: Registry | None, console: Console, processes: Processes, schedule: Schedule
) -> bool:
    parts = gather(config, registry, processes)
    record = _run_record(config, data_fingerprint(parts.training), _identity(parts.components), processes.count)
    _check_same_run(record, config.output / CONFIG_COPY)
    for name, value in record.items():
        processes.check_same(name.replace("_", " "), json.dumps(value))
    if processes.main:
        claim(config.output, RUN)  # before latents are written there
    if processes.count > 1:
        console.print(f"{processes.count} processes share each batch of {config.batch_size} images")
    console.print(
        f"{config.stage}: {image_count(parts.training)} training and {image_count(parts.validation)} validation "
        f"images, {len(parts.training)} and {len(parts.validation)} views of them, on {parts.device}"
    )

    def latents_of(samples: list[TrainingView], augmentation: AugmentationConfig) -> Latents:
        return _load_latents(latent_cache(config, parts, augmentation), samples, console, processes)

    stage = build_stage(config, parts, latents_of)
    if processes.main:
        _write_record(record, config.output / CONFIG_COPY)
    return Trainer(
        stage,
        config,
        console,
        parts.sample_weights(stage.sample_count),
        processes,
        schedule.deadline,
        schedule.snapshot,
        schedule.snapshot_seconds,
    ).run()


@dataclass(frozen=True)
class RunParts:
    """What a run is made of, before anything is computed."""

    registry: Registry
    device: torch.device
    training: list[TrainingView]
    validation: list[TrainingView]
    components: Components | Detector

    def sample_weights(self, sample_count: int) -> NDArray[np.float64]:
        """Return the weight of each of a stage's training samples, the same number for every view."""
        weights = np.array([sample.weight for sample in self.training])
        return weights.repeat(sample_count // len(weights))


def gather(config: RunConfig, registry: Registry | None, processes: Processes) -> RunParts:
    """Return planes, device, samples and model of a run; see `train` for the arguments and errors."""
    registry = registry or (model_registry(config.init) if config.init else default_registry())
    processes.check_batch(config.batch_size, config.accumulation)
    device = processes.take_device(config.device)
    annotated = config.stage == "control"  # an image without boxes teaches the control branch nothing
    training = select_samples(config.data, config.data.train_split, registry, annotated)
    shown = ["close_up"] if "close_up" in config.data.views and annotated else None
    validation = select_samples(config.data, config.data.validation_split, registry, annotated, shown)
    if config.stage == "detector":
        return RunParts(registry, device, training, validation, _detector(config, training, registry))
    components = _components(config, registry)
    if config.stage == "control":
        _show_names(components, config.control, training, registry)
    return RunParts(registry, device, training, validation, components)


def latent_cache(config: RunConfig, parts: RunParts, augmentation: AugmentationConfig) -> LatentCache:
    """Return the cache in which a run keeps its latents."""
    assert isinstance(parts.components, Components)
    folder = config.data.cache or Path(config.output) / "latents"
    with_conditions = config.stage == "control"
    return LatentCache(
        folder,
        parts.components,
        parts.registry,
        augmentation,
        config.seed,
        parts.device,
        with_conditions,
        config.precision,
    )


def build_stage(
    config: RunConfig, parts: RunParts, latents_of: Callable[[list[TrainingView], AugmentationConfig], Latents]
) -> Stage[Any]:
    """Return the stage that a run trains.

    Args:
        config: The run.
        parts: What it is made of.
        latents_of: Gives the latents of samples under an augmentation.
    """
    components = parts.components
    if isinstance(components, Detector):
        training, validation = (
            (samples, ImageBank(samples, components.config.size)) for samples in (parts.training, parts.validation)
        )
        return DetectorTraining(components, parts.device, training, validation, config.augmentation, config.detector)
    size = components.config.image_size
    if config.stage == "autoencoder":
        banks = ImageBank(parts.training, size), ImageBank(parts.validation, size)
        return AutoencoderTraining(components, parts.device, *banks, parts.registry, config.autoencoder)
    fixed = config.augmentation.model_copy(update={"variants": 1})
    latents = latents_of(parts.training, config.augmentation), latents_of(parts.validation, fixed)
    if config.stage == "denoiser":
        return DenoiserTraining(components, parts.device, *latents, config.denoiser)
    layouts = [Augmentation().apply_to_layout(sample.layout, size) for sample in parts.validation]
    return ControlTraining(components, parts.device, *latents, layouts, parts.registry, config.control)


def _load_latents(cache: LatentCache, samples: list[TrainingView], console: Console, processes: Processes) -> Latents:
    with bar_on(console)("encoding images", len(samples)) as tell:
        return cache.load(samples, tell, processes)


def _components(config: RunConfig, registry: Registry) -> Components:
    if config.init is not None:
        components = Components.load(config.init)
    else:
        components = build_components(get_preset(config.model), prompt_corpus(registry), config.seed)
    components.planes = registry.to_yaml()
    return components


def _show_names(
    components: Components, settings: ControlStage, training: list[TrainingView], registry: Registry
) -> None:
    """Give the structures that are trained on colours and channels, as the settings say."""
    if settings.start_anew:
        renew_control(components)
    occurring: dict[str, set[str]] = {}
    for sample in training:
        occurring.setdefault(sample.layout.plane, set()).update(placed.name for placed in sample.layout.structures)
    order = [structure.name for structure in registry.structures]
    planes = {plane: sorted(names, key=order.index) for plane, names in sorted(occurring.items())}
    channels = [name for name in order if any(name in names for names in planes.values())]
    colours: dict[str, Colour] = {}
    if settings.palette == "latent":
        outlines = {plane: registry.plane(plane).outline for plane in planes}
        colours = choose_palette(components.vae, components.config.image_size, planes, outlines)
    show_names(components, colours, channels if settings.label_channels else ())


def _detector(config: RunConfig, training: list[TrainingView], registry: Registry) -> Detector:
    fingerprint = data_fingerprint(training)
    if config.init is None:
        return new_detector(config.detector, training, registry, fingerprint, config.seed)
    return with_training(Detector.from_pretrained(config.init), training, fingerprint)


def _identity(components: Components | Detector) -> str:
    return components.identity if isinstance(components, Detector) else model_identity(components)


def _run_record(config: RunConfig, fingerprint: str, initial_model: str, processes: int) -> JsonObject:
    return {
        "config": json.loads(config.model_dump_json()),
        "data_fingerprint": fingerprint,
        "initial_model": initial_model,
        "processes": processes,
        "versions": {"python": platform.python_version()}
        | {name: version(name) for name in ("fetalflex", "torch", "diffusers", "transformers", "numpy")},
    }


def _with_defaults(config: JsonObject) -> JsonObject:
    """Return a recorded config with what was added to configs since then, at its default."""
    values: JsonObject = json.loads(RunConfig.model_validate(config).model_dump_json())
    return values


def _write_record(record: JsonObject, path: Path) -> None:
    """Write the record of a new run; the record of a resumed run stays."""
    if path.exists():
        return
    write_text(path, yaml.safe_dump(record, sort_keys=False))


def data_fingerprint(samples: list[TrainingView]) -> str:
    """Return a digest of the records that are trained on: names, layouts and sizes, in order."""
    digest = hashlib.sha256()
    for sample in samples:
        digest.update(f"{sample.record.file_name}\n{sample.layout.to_json()}\n".encode())
    return digest.hexdigest()[:16]


def _check_same_run(record: JsonObject, path: Path) -> None:
    """Refuse to go on with a run whose record at `path` differs in what matters."""
    if not path.exists():
        return
    try:
        before = read_yaml(path, "run's record")
        config_before, data_before = _with_defaults(before["config"]), before["data_fingerprint"]
    except (KeyError, TypeError, ValueError) as error:
        raise FetalFlexError(f"{path}: cannot be read; remove the folder or choose another output") from error
    changed = [
        f"{name} was {config_before.get(name)!r}, now {value!r}"
        for name, value in record["config"].items()
        if name not in _MAY_CHANGE and config_before.get(name) != value
    ]
    if data_before != record["data_fingerprint"]:
        changed.append(f"the training data were {data_before}, now {record['data_fingerprint']}")
    if before.get("initial_model", record["initial_model"]) != record["initial_model"]:
        changed.append(f"the initial model was {before['initial_model']}, now {record['initial_model']}")
    if changed and all(one.startswith("images was ") for one in changed):
        raise FetalFlexError(
            f"{path.parent}: holds another run ({changed[0]}): the learning rate falls to the end of a run, so one "
            "that is begun or finished takes no more images; to train its model further, choose another output folder "
            f"with init: {path.parent / MODEL_FOLDER}"
        )
    if changed:
        raise FetalFlexError(
            f"{path.parent}: holds another run ({'; '.join(changed)}); choose another output folder or undo the change"
        )

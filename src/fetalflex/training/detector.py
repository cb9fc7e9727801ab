"""The detector's training: where each structure is, how large, and which plane an image shows."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from fetalflex.anatomy import Layout, Registry, draw_overlay
from fetalflex.detection.accuracy import Judged, mean_precision, precision_by_structure
from fetalflex.detection.annotated import AnnotatedStructures
from fetalflex.detection.config import DetectorConfig, TrainingFacts
from fetalflex.detection.detector import Detector, patient_digest, pixels_of, typical_sizes
from fetalflex.detection.upright import upright
from fetalflex.errors import FetalFlexError
from fetalflex.training.augmentation import Augmentation
from fetalflex.training.config import AugmentationConfig, DetectorStage
from fetalflex.training.detector_loss import DetectorTargets, detector_loss, detector_targets
from fetalflex.training.images import ImageBank, TrainingView, image_count
from fetalflex.training.stage import Stage, Validation

_SHOWN_IMAGES = 8
_CHUNK = 16


class DetectorTraining(Stage[Detector]):
    """Train a detector on images with and without boxes.

    An image without boxes teaches its plane. In an annotated one, a structure without a box costs the less to find the
    more usual it is in images of its source and plane: there it is more likely unseen than absent. What its annotator
    did not look for costs nothing.

    Args:
        detector: Trained in place.
        device: Where to compute.
        training: Samples to train on, and their images on the detector's canvas.
        validation: The same to measure on.
        augmentation: How images are varied, anew each time they are shown.
        settings: Weights of the loss.
    """

    def __init__(
        self,
        detector: Detector,
        device: torch.device,
        training: tuple[Sequence[TrainingView], ImageBank],
        validation: tuple[Sequence[TrainingView], ImageBank],
        augmentation: AugmentationConfig,
        settings: DetectorStage,
    ) -> None:
        super().__init__(detector, device)
        detector.network.to(memory_format=torch.channels_last)
        self.detector = detector
        self.bank, self.validation = training[1], validation[1]
        self.augmentation = augmentation
        self.settings = settings
        annotated = AnnotatedStructures.of(sample.record for sample in training[0])
        self.absences = [self._absence(sample, annotated) for sample in training[0]]
        own = AnnotatedStructures.of(sample.record for sample in validation[0])
        self.looked_for = [frozenset(own.looked_for(s.record, detector.registry)) for s in validation[0]]
        self._typical = typical_sizes(detector.config).to(device)

    @property
    def sample_count(self) -> int:
        """Number of training images."""
        return len(self.bank)

    def networks(self) -> nn.ModuleDict:
        """Return the detector's network."""
        return nn.ModuleDict(self.detector.networks())

    def loss(
        self,
        indices: NDArray[np.int64],
        generator: torch.Generator,
        done: float,  # noqa: ARG002 - the loss is the same throughout
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the weighted sum of the parts of `detector_loss`; see `Stage.loss`."""
        pixels, targets = self._batch(indices, generator)
        maps = self.detector.network(pixels.to(self.device, memory_format=torch.channels_last))
        moved = DetectorTargets(*(tensor.to(self.device) for tensor in targets))
        parts = detector_loss(maps, moved, self._typical)
        settings = self.settings
        loss = parts["place"] + settings.box_weight * parts["box"] + settings.plane_weight * parts["plane"]
        return loss, parts

    def validate(self) -> Validation:
        """Measure the detector on the validation images as they are.

        Returns:
            `ap50` and `ap`, the means over structures; `ap50_...` of each structure; `plane_accuracy`; `loss`, which is
            1 - `ap`; and a sheet of boxes found in some images.
        """
        found = []
        for start in range(0, len(self.validation), _CHUNK):
            found += self.detector.detect(list(self.validation.images[start : start + _CHUNK].numpy()), min_score=0.0)
        layouts = self.validation.layouts
        judged = [Judged(*row) for row in zip(layouts, found, self.looked_for, strict=True)]
        values = precision_by_structure(judged)
        right = [one.layout.plane == layout.plane for one, layout in zip(found, layouts, strict=True)]
        ap50, ap = mean_precision(values.values())
        numbers = {"loss": 1 - ap, "ap50": ap50, "ap": ap, "plane_accuracy": float(np.mean(right))}
        numbers |= {f"ap50_{name}": value.ap50 for name, value in values.items()}
        shown = [number for number, names in enumerate(self.looked_for) if names] or list(range(len(layouts)))
        pictures = [
            np.asarray(
                draw_overlay(
                    self.validation.images[number].numpy(),
                    found[number].at_least(self.settings.shown_score).layout,
                    self.detector.registry,
                )
            )
            for number in shown[:: max(1, len(shown) // _SHOWN_IMAGES)][:_SHOWN_IMAGES]
        ]
        return Validation(numbers, np.concatenate(pictures, axis=1))

    def _absence(self, sample: TrainingView, annotated: AnnotatedStructures) -> Tensor:
        """Return what it costs to find each structure without a box in an image, (K,)."""
        usual = annotated.looked_for(sample.record, self.detector.registry)
        present = sample.record.layout.names()  # what a view or a shift has lost is not absent
        weights = {name: 1 - share for name, share in usual.items() if name not in present}
        return torch.tensor(
            [self.settings.absence_weight * weights.get(name, 0.0) for name in self.detector.config.structures]
        )

    def _batch(self, indices: NDArray[np.int64], generator: torch.Generator) -> tuple[Tensor, DetectorTargets]:
        """Return augmented images, (B, 1, S, S), and what they show."""
        seeds = torch.randint(0, 2**62, (len(indices),), generator=generator).tolist()
        with ThreadPoolExecutor() as pool:
            shown = list(pool.map(self._augmented, indices.tolist(), seeds))
        layouts = [layout for _, layout in shown]
        targets = detector_targets(layouts, [self.absences[i] for i in indices.tolist()], self.detector.config)
        return pixels_of(np.stack([image for image, _ in shown])), targets

    def _augmented(self, index: int, seed: int) -> tuple[NDArray[np.uint8], Layout]:
        size = self.bank.size
        augmentation = Augmentation.draw(self.augmentation, size, np.random.default_rng(seed))
        image = augmentation.apply_to_image(self.bank.images[index].numpy(), size)
        return image, augmentation.apply_to_layout(self.bank.layouts[index], size)


def new_detector(
    settings: DetectorStage, samples: Sequence[TrainingView], registry: Registry, fingerprint: str, seed: int
) -> Detector:
    """Return an untrained detector for the planes and structures of the samples.

    Args:
        settings: Sizes.
        samples: What it is to be trained on.
        registry: Gives the order of planes and structures.
        fingerprint: Digest of the samples.
        seed: Seed of the weights.

    Raises:
        FetalFlexError: If no sample has a structure.
    """
    found: dict[str, set[str]] = {}
    sides: dict[str, list[tuple[float, float]]] = {}
    for sample in samples:
        layout = sample.layout
        longer = max(layout.width, layout.height)
        names = found.setdefault(layout.plane, set())
        for placed in layout.structures:
            box = upright(placed.box)
            names.add(placed.name)
            sides.setdefault(placed.name, []).append((box.width / longer, box.height / longer))
    if not sides:
        raise FetalFlexError("data.paths: no training image has a box, so there is nothing that a detector could learn")
    order = [structure.name for structure in registry.structures]
    config = DetectorConfig(
        size=settings.size,
        planes={
            plane.name: tuple(name for name in order if name in found[plane.name])
            for plane in registry.planes
            if plane.name in found
        },
        typical_sizes={name: _median(sides[name]) for name in order if name in sides},
        network=settings.network,
        training=training_facts(samples, fingerprint),
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Detector(config, registry=registry)


def training_facts(samples: Sequence[TrainingView], fingerprint: str) -> TrainingFacts:
    """Return what a detector's config says of the samples that it was trained on."""
    patients = {patient_digest(sample.record) for sample in samples}
    return TrainingFacts(data_fingerprint=fingerprint, images=image_count(samples), patients=tuple(sorted(patients)))


def with_training(detector: Detector, samples: Sequence[TrainingView], fingerprint: str) -> Detector:
    """Return a detector that is trained further, its config telling of the new samples beside the old ones.

    Raises:
        FetalFlexError: If the samples show a plane or structure that it does not know.
    """
    config, facts = detector.config, training_facts(samples, fingerprint)
    for sample in samples:
        names = set(sample.layout.names())
        if unknown := sorted(names - set(config.planes.get(sample.layout.plane, ()))):
            raise FetalFlexError(
                f"{sample.record.file_name}: the detector of init does not find {unknown[0]} in the plane "
                f"{sample.layout.plane}; leave init out, to train a new one"
            )
        if sample.layout.plane not in config.planes:
            raise FetalFlexError(
                f"{sample.record.file_name}: the detector of init lacks the plane {sample.layout.plane}"
            )
    if config.training is not None:
        patients = tuple(sorted({*facts.patients, *config.training.patients}))
        facts = facts.model_copy(update={"patients": patients})
    return Detector(config.model_copy(update={"training": facts}), detector.network, detector.registry)


def _median(sides: list[tuple[float, float]]) -> tuple[float, float]:
    width, height = np.median(np.array(sides), axis=0)
    return round(float(width), 5), round(float(height), 5)

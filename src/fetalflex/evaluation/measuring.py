"""Measure finished syntheses: quality and memorisation audit by plane, adherence by structure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from fetalflex.anatomy import draw_roi_mask
from fetalflex.errors import FetalFlexError
from fetalflex.evaluation.adherence.tests import ADHERENCE_TESTS, AdherenceTest, AdherenceVerdict, adherence_test
from fetalflex.evaluation.blur_control import EQUAL_BLUR, measure_blur, sigma_of_contrast
from fetalflex.evaluation.canvas_images import canvas_pair
from fetalflex.evaluation.copies import roi_vectors
from fetalflex.evaluation.copies.memorisation import Audit, audit
from fetalflex.evaluation.copies.roi_vectors import Roi, RoiVectors
from fetalflex.evaluation.intervals import Array, patient_draws, sampled_mean
from fetalflex.evaluation.kept import KeptSyntheses
from fetalflex.evaluation.metrics.extractors import FeatureExtractor
from fetalflex.evaluation.metrics.perceived import perceive
from fetalflex.evaluation.metrics.published_metrics import Published
from fetalflex.evaluation.metrics.quality import likeness, reconstruction
from fetalflex.evaluation.metrics.region_rulers import Region, RegionSet, appearances, ruler_metrics, values_of_regions
from fetalflex.evaluation.metrics.sets import PairedVectors, classified, distances
from fetalflex.evaluation.metrics.two_samples import tell_apart
from fetalflex.evaluation.results import AdherenceResult, PlaneResult, Side
from fetalflex.evaluation.samples import Sample, Selection
from fetalflex.evaluation.syntheses import ENLARGED, REMOVED, Task
from fetalflex.pipeline.pipeline import FetalFlexPipeline
from fetalflex.progress import Show
from fetalflex.rulers import RULER_NAMES

Image = NDArray[np.uint8]


@dataclass(frozen=True)
class Measuring:
    """Measure finished syntheses.

    Args:
        pipeline: The model that made them.
        extractor: Network for perceptual distance, KID and audit.
        kept: Where they lie.
        selection: Which images they belong to.
        roi: Mode of their regions, see `draw_roi_mask`.
        real_is_held_out: Whether the evaluated real images were not trained on.
        with_audit: Compare with training and held-out images, all of which are read for that.
        batch_size: Images that are computed together.
        published: Networks that papers report by, as far as they are there.
    """

    pipeline: FetalFlexPipeline
    extractor: FeatureExtractor
    kept: KeptSyntheses
    selection: Selection
    roi: str
    real_is_held_out: bool
    with_audit: bool
    batch_size: int
    published: Published

    def planes(self, show: Show) -> dict[str, PlaneResult]:
        """Return quality and memorisation audit of each plane."""
        held_out = self._other_held_out()
        total = len(self.selection.evaluated) + len(self._training()) + len(held_out)
        with show("measuring", total) as tell:
            progress = _Counter(tell)
            return {plane: self._plane(plane, held_out, progress) for plane in self.selection.planes}

    @property
    def _size(self) -> int:
        """Side of the canvas on which images are compared by their pixels."""
        return self.pipeline.components.config.image_size

    def _seed(self, plane: str) -> int:
        """Return the seed of a plane's draws; it and the next are no other plane's."""
        return 2 * self.selection.planes.index(plane)

    def _samples(self, plane: str) -> tuple[Sample, ...]:
        return tuple(sample for sample in self.selection.evaluated if sample.plane == plane)

    def _regions(self, samples: Sequence[Sample], seed: int) -> RegionSet:
        patients = tuple(sample.patient for sample in samples)

        def read() -> Iterator[Region]:
            for sample in samples:
                yield sample.image(), self._synthesis(sample), self._roi(sample)

        return RegionSet(read, patients, patient_draws(patients, seed))

    def local_edits(self, tasks: Sequence[Task]) -> Side:
        """Return what the rulers say of edits that change a small region.

        Args:
            tasks: Of `plan_local_edits`, finished.
        """
        planes = {}
        for plane in dict.fromkeys(task.sample.plane for task in tasks):
            chosen = [task for task in tasks if task.sample.plane == plane]
            patients = tuple(task.sample.patient for task in chosen)
            draws = patient_draws(patients, self._seed(plane))
            regions = RegionSet(partial(self._edited_regions, chosen), patients, draws)
            planes[plane] = ruler_metrics(values_of_regions(regions.read()), regions)
            if told := tell_apart(appearances(regions), self._seed(plane)):
                planes[plane]["auc_rulers"] = told.auc
        return Side(f"{len(tasks)} images in which one inner structure is moved by half its size", planes)

    def _edited_regions(self, tasks: Sequence[Task]) -> Iterator[Region]:
        for task in tasks:
            region = self.pipeline.edit_roi(task.sample.layout, task.layout, task.roi or self.roi)
            yield task.sample.image(), self.kept.image(task.name, _shape(task.sample)), region

    def blurs(self, sigmas: Sequence[float], like: float | None, show: Show) -> dict[str, Side]:
        """Return the numbers of blurred syntheses, as a control.

        Args:
            sigmas: In pixels of the real images.
            like: Local contrast in grey levels that a further blur gives them, see `sigma_of_contrast`.
            show: Shows progress.
        """
        planes = {plane: self._regions(self._samples(plane), self._seed(plane)) for plane in self.selection.planes}
        wanted = {f"blur_{sigma:g}": (f"blurred by {sigma:g} px", sigma) for sigma in sigmas}
        equal = None if like is None else sigma_of_contrast(planes, like)
        if equal is not None:
            wanted[EQUAL_BLUR] = (f"blurred by {equal:.2f} px, to equal local contrast", equal)
        with show("blurring", len(wanted) * len(self.selection.evaluated)) as tell:
            progress = _Counter(tell)
            return {
                name: measure_blur(title, planes, sigma, self._size, self.extractor, lambda: progress.add(1))
                for name, (title, sigma) in wanted.items()
            }

    def adherence(self) -> dict[str, AdherenceResult]:
        """Return the verdicts on each structure that can be tested."""
        found = {}
        for test in ADHERENCE_TESTS:
            chosen = tuple(sample for sample in self.selection.evaluated if adherence_test(sample.layout) is test)
            if chosen:
                verdicts = tuple(self._verdict(test, sample) for sample in chosen)
                found[test.structure] = AdherenceResult(chosen, verdicts)
        return found

    def _other_held_out(self) -> list[Sample]:
        """Return held-out images whose vectors are not needed as those of evaluated ones anyhow."""
        evaluated = {sample.position for sample in self.selection.evaluated}
        held_out = self.selection.held_out if self.with_audit else ()
        return [sample for sample in held_out if sample.position not in evaluated]

    def _training(self) -> tuple[Sample, ...]:
        return self.selection.training if self.with_audit else ()

    def _plane(self, plane: str, other_held_out: Sequence[Sample], progress: _Counter) -> PlaneResult:
        samples, training, other_held_out = (
            tuple(sample for sample in part if sample.plane == plane)
            for part in (self.selection.evaluated, self._training(), other_held_out)
        )
        seed = self._seed(plane)
        values, whole = self._compared(samples, progress)
        regions = self._regions(samples, seed)
        values |= values_of_regions(regions.read())
        real, synthetic = self._vectors(samples), self._vectors(samples, self._synthesis)
        trained = self._vectors(training, progress=progress, mirrored=False)
        held_out = [self._vectors(other_held_out, progress=progress)]
        held_out += [real] if self.real_is_held_out else []
        assert real is not None
        assert synthetic is not None
        rois = PairedVectors(real.pooled, synthetic.pooled)
        told = classified(rois, appearances(regions), seed)
        metrics = {name: sampled_mean(values[name], regions.draws) for name in values if name not in RULER_NAMES}
        metrics |= distances(
            whole,
            rois,
            regions.patients,
            regions.draws,
            None if trained is None else trained.pooled,
            tuple(sample.patient for sample in training),
            seed + 1,
        )
        metrics |= self.published.metrics(regions)
        metrics |= ruler_metrics(values, regions) | {name: one.auc for name, one in told.items()}
        return PlaneResult(
            samples,
            metrics,
            {name: column.tolist() for name, column in values.items()},
            _audits(synthetic, [part for part in held_out if part is not None], trained),
            training,
            told,
        )

    def _compared(self, samples: Sequence[Sample], progress: _Counter) -> tuple[dict[str, Array], PairedVectors]:
        """Return how near each synthesis comes to its real image, and what the extractor sees of both as a whole."""
        near, seen, vae = [], [], self.pipeline.components.vae
        for sample in samples:
            region = sample.image(), self._synthesis(sample), self._roi(sample)
            try:
                pair = canvas_pair(*region, self._size)
                near.append(likeness(pair) | reconstruction(pair, vae, self.pipeline.device))
                seen.append(perceive(*region, self.extractor))
            except FetalFlexError as error:
                raise FetalFlexError(f"{sample.record.file_name}: {error}") from error
            progress.add(1)
        columns = {name: np.array([one[name] for one in near]) for name in near[0]}
        columns["perceptual"] = np.array([one.distance for one in seen])
        columns["perceptual_roi"] = np.array([one.roi_distance for one in seen])
        return columns, PairedVectors(np.stack([one.real for one in seen]), np.stack([one.synthetic for one in seen]))

    def _vectors(
        self,
        samples: Sequence[Sample],
        read: Callable[[Sample], Image] = Sample.image,
        progress: _Counter | None = None,
        mirrored: bool = True,
    ) -> RoiVectors | None:
        """Return the vectors of the samples' regions in the images that `read` gives; None without samples."""

        def regions() -> Iterator[Roi]:
            for sample in samples:
                yield read(sample), self._roi(sample)
                if progress:
                    progress.add(1)

        if not samples:
            return None
        return roi_vectors.roi_vectors(regions(), self.extractor, mirrored, self.batch_size)

    def _verdict(self, test: AdherenceTest, sample: Sample) -> AdherenceVerdict:
        outline = sample.layout.outline(self.pipeline.registry)
        names = (sample.name, f"{sample.name}.{ENLARGED}", f"{sample.name}.{REMOVED}")
        source, enlarged, removed = (self.kept.image(name, _shape(sample)) for name in names)
        return test.judge(source, enlarged, removed, sample.layout, None if outline is None else outline.box)

    def _synthesis(self, sample: Sample) -> Image:
        return self.kept.image(sample.name, _shape(sample))

    def _roi(self, sample: Sample) -> NDArray[np.bool_]:
        return draw_roi_mask(sample.layout, self.pipeline.registry, self.roi)


def _audits(synthetic: RoiVectors | None, held_out: list[RoiVectors], training: RoiVectors | None) -> dict[str, Audit]:
    if synthetic is None or not held_out or training is None:
        return {}
    real = roi_vectors.joined(held_out)
    return {
        "features": audit(synthetic.features, real.features, training.features[0]),
        "grey": audit(synthetic.grey, real.grey, training.grey[0]),
    }


def _shape(sample: Sample) -> tuple[int, int]:
    return sample.layout.height, sample.layout.width


class _Counter:
    """Count what is done, and tell."""

    def __init__(self, tell: Callable[[float], None]) -> None:
        self._tell = tell
        self._done = 0

    def add(self, count: int) -> None:
        """Count some more."""
        self._done += count
        self._tell(self._done)

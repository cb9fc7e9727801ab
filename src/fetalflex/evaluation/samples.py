"""Which images are evaluated, and against which others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fetalflex.anatomy import Layout, Registry
from fetalflex.data import Dataset, Record
from fetalflex.data.file_names import portable_stem
from fetalflex.data.fingerprint import records_fingerprint
from fetalflex.data.real_only import check_real
from fetalflex.data.records import SPLITS
from fetalflex.errors import FetalFlexError
from fetalflex.spreading import spread


@dataclass(frozen=True)
class Sample:
    """One real image with its layout.

    Args:
        dataset: Where the image comes from.
        record: What is known of it.
        position: Its place among all records of all data sets, whatever part of them is chosen.
    """

    dataset: Dataset
    record: Record
    position: int

    @property
    def name(self) -> str:
        """What its files are called, without an ending; no two samples have the same."""
        return f"{self.position:05d}-{portable_stem(self.record.file_name.rpartition('/')[2].rpartition('.')[0])}"

    @property
    def layout(self) -> Layout:
        """Plane, size and boxes."""
        return self.record.layout

    @property
    def plane(self) -> str:
        """Canonical name of the plane."""
        return self.record.layout.plane

    @property
    def patient(self) -> str:
        """Patient id, or what stands for it; the same id in two sources is the same patient."""
        return self.record.person

    def image(self) -> NDArray[np.uint8]:
        """Read the image, (H, W) uint8."""
        return self.dataset.image(self.record)


@dataclass(frozen=True)
class Selection:
    """What an evaluation works on.

    Args:
        evaluated: Images whose layouts are synthesised, planes in the order of the registry.
        training: Images of split train of the same planes: what a model may have memorised.
        held_out: Images of the other splits of the same planes: what it cannot have.
        left_out: Number of images of the split without any structure, of which no region to synthesise follows.
        fingerprint: Digest of all records of the data sets.
    """

    evaluated: tuple[Sample, ...]
    training: tuple[Sample, ...]
    held_out: tuple[Sample, ...]
    left_out: int
    fingerprint: str

    @property
    def planes(self) -> tuple[str, ...]:
        """Planes of the evaluated images, each once, in their order."""
        return tuple(dict.fromkeys(sample.plane for sample in self.evaluated))

    @property
    def shared_patients(self) -> int:
        """Number of patients who are both evaluated and in the split train."""
        trained = {sample.patient for sample in self.training}
        return len({sample.patient for sample in self.evaluated} & trained)


def select_samples(
    datasets: Sequence[Dataset],
    registry: Registry,
    split: str = "test",
    planes: Sequence[str] = (),
    limit: int | None = None,
    min_quality: int | None = None,
    allow_synthetic: bool = False,
) -> Selection:
    """Choose what is evaluated.

    Args:
        datasets: Data sets, one after the other.
        registry: Planes and structures.
        split: "train", "val" or "test".
        planes: Only these planes, by name or synonym; all of them by default.
        limit: Of each plane, only so many images, spread evenly over it.
        min_quality: Only images rated at least so; those without a rating stay.
        allow_synthetic: Take synthetic images as if they were real.

    Raises:
        FetalFlexError: If split or plane is unknown, nothing is chosen, a layout does not fit its plane, or images are
            synthetic although this is not allowed.
    """
    if split not in SPLITS:
        raise FetalFlexError(f"split {split!r} is unknown; choose one of {', '.join(SPLITS)}")
    wanted = {registry.plane(name).name for name in planes} or {plane.name for plane in registry.planes}
    every = [(dataset, record) for dataset in datasets for record in dataset]
    chosen = [
        Sample(dataset, record, position)
        for position, (dataset, record) in enumerate(every)
        if record.layout.plane in wanted
        and (min_quality is None or record.quality is None or record.quality >= min_quality)
    ]
    of_split = [sample for sample in chosen if sample.record.split == split]
    usable = [sample for sample in chosen if sample.layout.structures]
    evaluated = [sample for sample in usable if sample.record.split == split]
    if not evaluated:
        raise FetalFlexError(_nothing_to_evaluate(every, split, planes, min_quality))
    evaluated = _limited_by_plane(evaluated, registry, limit)
    _check_layouts(evaluated, registry)
    found = {sample.plane for sample in evaluated}
    if not allow_synthetic:
        references = ((sample.dataset, sample.record) for sample in usable if sample.plane in found)
        check_real(references, "references", "give --allow-synthetic")
    return Selection(
        evaluated=tuple(evaluated),
        training=tuple(s for s in usable if s.record.split == "train" and s.plane in found),
        held_out=tuple(s for s in usable if s.record.split in ("val", "test") and s.plane in found),
        left_out=sum(not sample.layout.structures for sample in of_split),
        fingerprint=records_fingerprint(record for _, record in every),
    )


def _limited_by_plane(samples: Sequence[Sample], registry: Registry, limit: int | None) -> list[Sample]:
    limited: list[Sample] = []
    for plane in registry.planes:
        of_plane = [sample for sample in samples if sample.plane == plane.name]
        limited += of_plane if limit is None else spread(of_plane, limit)
    return limited


def _check_layouts(samples: Sequence[Sample], registry: Registry) -> None:
    for sample in samples:
        try:
            sample.layout.validate(registry)
        except FetalFlexError as error:
            raise FetalFlexError(f"{sample.record.file_name}: {error}") from error


def _nothing_to_evaluate(
    every: Sequence[tuple[Dataset, Record]], split: str, planes: Sequence[str], min_quality: int | None
) -> str:
    splits = sorted({record.split or "no split" for _, record in every if record.layout.structures})
    wanted = [f"split {split}"]
    wanted += [f"plane {' or '.join(planes)}"] if planes else []
    wanted += [] if min_quality is None else [f"a quality of at least {min_quality}"]
    return (
        f"none of the {len(every)} images has a structure and {' and '.join(wanted)}; "
        f"annotated images are in {', '.join(splits) if splits else 'no split'}"
    )

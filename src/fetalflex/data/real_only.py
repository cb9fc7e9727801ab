"""Keep synthetic images from being taken for real ones."""

from __future__ import annotations

import copy
from collections.abc import Iterable

from fetalflex.data.records import Dataset, DatasetT, Record
from fetalflex.errors import FetalFlexError


def check_real(images: Iterable[tuple[Dataset, Record]], use: str, remedy: str) -> None:
    """Check that images are real, as far as their records, their files and lists beside them tell.

    Args:
        images: Data sets and records of theirs.
        use: What they are wanted for, as it follows "no".
        remedy: How to allow synthetic ones all the same.

    Raises:
        FetalFlexError: If some are synthetic.
    """
    count, names = 0, []
    for dataset, record in images:
        count += 1
        if dataset.mark(record) is not None:
            names.append(record.file_name)
    if names:
        which = names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"
        raise FetalFlexError(
            f"{len(names)} of {count} images are synthetic ({which}) and so are no {use}; leave them out, or {remedy}"
        )


def real_part(dataset: DatasetT) -> tuple[DatasetT, int]:
    """Return a data set without its synthetic images, and how many these are."""
    real = tuple(record for record in dataset if dataset.mark(record) is None)
    chosen = copy.copy(dataset)
    chosen._records = real
    return chosen, len(dataset) - len(real)

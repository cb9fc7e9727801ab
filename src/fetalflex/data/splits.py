"""Divide records into train, val and test so that no patient is in two of them."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable
from dataclasses import replace

from fetalflex.data.records import SPLITS, Record
from fetalflex.errors import FetalFlexError


def split_by_patient(
    records: Iterable[Record],
    seed: int,
    fractions: tuple[float, float, float] = (0.8, 0.1, 0.1),
    keep_existing: bool = False,
) -> tuple[Record, ...]:
    """Give each record a split that depends on its patient and the seed alone.

    A patient's split is drawn from a hash, so it does not change when records are added, removed or reordered. With few
    patients the shares may therefore differ from the fractions. A record without a patient counts as a patient of its
    own, named by its file without ending.

    Args:
        records: Records to divide.
        seed: Another seed gives another division.
        fractions: Expected share of patients in train, val and test; they sum to 1.
        keep_existing: Keep the splits that records have, and give them to the patient's other records.

    Returns:
        The records in their order, each with a split.

    Raises:
        FetalFlexError: If the fractions are no shares of 1, or an existing division has a patient in two splits.
    """
    records = tuple(records)
    _check_fractions(fractions)
    known = _existing_splits(records) if keep_existing else {}
    return tuple(
        replace(record, split=known.get(record.patient_key) or _drawn_split(record.patient_key, seed, fractions))
        for record in records
    )


def _check_fractions(fractions: tuple[float, float, float]) -> None:
    is_share = len(fractions) == len(SPLITS) and all(0 <= fraction <= 1 for fraction in fractions)
    if not is_share or not math.isclose(sum(fractions), 1, abs_tol=1e-6):
        raise FetalFlexError(f"split fractions {fractions} must be three numbers from 0 to 1 that sum to 1")


def _existing_splits(records: tuple[Record, ...]) -> dict[str, str]:
    splits: dict[str, str] = {}
    for record in records:
        if record.split is None:
            continue
        first = splits.setdefault(record.patient_key, record.split)
        if first != record.split:
            raise FetalFlexError(
                f"patient {record.patient_key} is both in {first} and in {record.split} ({record.file_name}); "
                "drop the existing splits or correct them"
            )
    return splits


def _drawn_split(patient: str, seed: int, fractions: tuple[float, float, float]) -> str:
    digest = hashlib.sha256(f"{seed}/{patient}".encode()).digest()
    drawn = int.from_bytes(digest[:8], "big") / 2**64
    train, val, _ = fractions
    if drawn < train:
        return "train"
    return "val" if drawn < train + val else "test"

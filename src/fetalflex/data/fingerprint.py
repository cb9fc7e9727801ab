"""A short text that tells two data sets apart."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from fetalflex.data.records import Record


def records_fingerprint(records: Iterable[Record]) -> str:
    """Return a digest, 16 hexadecimal digits, of names, splits, sources, patients and layouts, in their order."""
    digest = hashlib.sha256()
    for record in records:
        facts = (record.file_name, record.split, record.source, record.patient_key, record.layout.to_json())
        digest.update("\n".join(map(str, facts)).encode())
    return digest.hexdigest()[:16]

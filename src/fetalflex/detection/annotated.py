"""Which structures an annotator looked for: a structure without a box may be absent, unseen, or not asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from fetalflex.anatomy import Registry
from fetalflex.data import Record
from fetalflex.errors import FetalFlexError

FIELD = "annotated_structures"
"""Field of an image entry that lists what its annotator looked for, in place of what is usual for its source."""

Group = tuple[str | None, str]
"""Source and plane."""


@dataclass(frozen=True)
class AnnotatedStructures:
    """What was looked for in each image.

    An image without any box was not annotated. Else the annotator looked for what the image's own field
    `annotated_structures` lists or, without it, for every structure that has a box in any image of the same source and
    plane.

    Args:
        shares: For each source and plane, structure to the share of its annotated images that have it, above 0.
    """

    shares: Mapping[Group, Mapping[str, float]]

    @classmethod
    def of(cls, records: Iterable[Record]) -> AnnotatedStructures:
        """Learn from records what each source annotates in each plane."""
        counts: dict[Group, Counter[str]] = {}
        totals: Counter[Group] = Counter()
        for record in records:
            if record.layout.structures:
                totals[_group(record)] += 1
                counts.setdefault(_group(record), Counter()).update(record.layout.names())
        return cls({group: {name: n / totals[group] for name, n in names.items()} for group, names in counts.items()})

    def looked_for(self, record: Record, registry: Registry) -> dict[str, float]:
        """Return what was looked for in an image, and how usual each of it is in images of its source and plane.

        Args:
            record: The image.
            registry: Knows the names in the image's own field.

        Raises:
            FetalFlexError: If that field is no list of known structures.
        """
        own, usual = record.extra.get(FIELD), self.shares.get(_group(record), {})
        if own is not None:
            names = _checked_names(own, registry, record.file_name)
            return {name: usual.get(name, 0.0) for name in dict.fromkeys((*names, *record.layout.names()))}
        return dict(usual) if record.layout.structures else {}


def _group(record: Record) -> Group:
    return record.source, record.layout.plane


def _checked_names(value: object, registry: Registry, where: str) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise FetalFlexError(f"{where}: {FIELD} must be a list of structures, got {value!r}")
    try:
        return [registry.structure(name).name for name in value]
    except FetalFlexError as error:
        raise FetalFlexError(f"{where}: {FIELD}: {error}") from error

"""Planning: from a plan and a data set to samples, before anything is synthesised."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce

from pydantic import ValidationError

from fetalflex.anatomy import Recipe, Registry
from fetalflex.anatomy.anomalies import Anomaly, AnomalyLibrary
from fetalflex.augment.plan import Entry, Plan
from fetalflex.augment.samples import Sample
from fetalflex.augment.seeds import seed_at
from fetalflex.augment.variation import varied
from fetalflex.checks import describe_error
from fetalflex.data import Dataset, Record
from fetalflex.data.real_only import real_part
from fetalflex.errors import FetalFlexError


def plan_samples(
    dataset: Dataset, plan: Plan, registry: Registry, library: AnomalyLibrary, allow_synthetic: bool = False
) -> list[Sample]:
    """Decide for every image its source, anomaly, severity and layout; the same arguments give the same samples.

    The sources of an entry are the annotated real images of its plane and split. They come in turn, in an order that is
    drawn anew for each round. Where an anomaly is not possible on a source, the next one is taken. The sources after
    that are for the sample's substitutes.

    Args:
        dataset: Where sources come from.
        plan: What to make.
        registry: Planes and structures.
        library: Anomalies.
        allow_synthetic: Take synthetic images as sources too.

    Raises:
        FetalFlexError: If names are unknown, an entry has no source, or none that its anomaly is possible on; the
            message names the entry.
    """
    samples: list[Sample] = []
    dataset, left_out = (dataset, 0) if allow_synthetic else real_part(dataset)
    for position, entry in enumerate(plan.entries):
        try:
            planner = _EntryPlanner.of(dataset, plan, position, registry, library)
            samples += [planner.sample(index, len(samples) + 1 + index) for index in range(entry.count)]
        except ValidationError as error:
            raise FetalFlexError(f"entries.{position}.sampling: {describe_error(error)}") from error
        except FetalFlexError as error:
            told = f". {left_out} synthetic images are left out; --allow-synthetic takes them" if left_out else ""
            raise FetalFlexError(f"entries.{position} ({entry.plane}, {entry.kind}): {error}{told}") from error
    return samples


@dataclass(frozen=True)
class _EntryPlanner:
    """Plan the samples of one entry."""

    plan: Plan
    position: int
    entry: Entry
    sources: Sequence[Record]
    anomaly: Anomaly | None
    severities: tuple[str, ...]
    registry: Registry
    library: AnomalyLibrary

    @classmethod
    def of(
        cls, dataset: Dataset, plan: Plan, position: int, registry: Registry, library: AnomalyLibrary
    ) -> _EntryPlanner:
        entry = plan.entries[position]
        plan.sampling_of(entry)
        plane = registry.plane(entry.plane).name
        anomaly = None if entry.anomaly is None else library.anomaly(entry.anomaly)
        severities: tuple[str, ...] = ()
        if anomaly is not None:
            if anomaly.planes and plane not in anomaly.planes:
                raise FetalFlexError(f"{anomaly.name} shows on {', '.join(anomaly.planes)} only")
            grades = entry.severity or tuple(grade.name for grade in anomaly.severities)
            severities = tuple(anomaly.severity(name).name for name in grades)
        sources = _sources(dataset, plane, entry, registry)
        return cls(plan, position, entry, sources, anomaly, severities, registry, library)

    def sample(self, index: int, number: int) -> Sample:
        """Return the sample at an index of the entry, with its number in the plan, and with its substitutes."""
        found: list[Sample] = []
        round_, place = divmod(index, len(self.sources))
        order = self._shuffled("sources", round_, len(self.sources))
        severity = self._severity(index)
        reason = ""
        for step in range(len(order)):
            record = self.sources[order[(place + step) % len(order)]]
            try:
                found.append(self._with_organs(self._from(record, severity, number)))
            except FetalFlexError as error:
                reason = str(error)
            if len(found) == self.plan.checks.sources:
                break
        if found:
            return reduce(lambda rest, one: replace(one, substitute=rest), reversed(found))
        count = len(order)
        what = "" if severity is None else f" for {severity}"
        raise FetalFlexError(
            f"none of the {count} sources in split {self.entry.split} will do{what}; of the last, "
            f"{record.file_name}: {reason}"
        )

    def _from(self, record: Record, severity: str | None, number: int) -> Sample:
        seed = seed_at(self.plan.seed, "layout", number)
        if self.anomaly is not None:
            structure = self.entry.structure
            variant = self.anomaly.sample(record.layout, severity, seed, structure, self.registry)
            return Sample(number, self.position, record, variant.recipe, variant.after, variant)
        recipe = Recipe()
        if self.entry.variation is not None:
            recipe = varied(record.layout, self.entry.variation, seed, self.registry, self.library.rules)
        return Sample(number, self.position, record, recipe, recipe.apply(record.layout, self.registry))

    def _with_organs(self, sample: Sample) -> Sample:
        refine = self.entry.refine
        if refine is None:
            return sample
        named = tuple(self.registry.structure(name).name for name in refine.organs)
        sample = replace(sample, organs=named or (sample.variant.organs if sample.variant else ()))
        if not sample.has_organs():
            organs = ", ".join(sample.organs) or "no organs"
            raise FetalFlexError(f"refine: the layout holds none of what is to be worked out ({organs})")
        return sample

    def _severity(self, index: int) -> str | None:
        """Return the grade of a sample: all come equally often, in an order that is drawn anew for each round."""
        if not self.severities:
            return None
        round_, place = divmod(index, len(self.severities))
        return self.severities[self._shuffled("severities", round_, len(self.severities))[place]]

    def _shuffled(self, purpose: str, round_: int, count: int) -> list[int]:
        order = list(range(count))
        random.Random(seed_at(self.plan.seed, purpose, self.position, round_)).shuffle(order)
        return order


def _sources(dataset: Dataset, plane: str, entry: Entry, registry: Registry) -> list[Record]:
    found = [record for record in dataset if record.layout.plane == plane and record.layout.structures]
    sources = [record for record in found if record.split == entry.split]
    if not sources:
        splits = Counter(record.split or "no split" for record in found)
        known = ", ".join(f"{count} in {split}" for split, count in splits.items()) or "none at all"
        if not found:
            remedy = ""
        elif any(record.split for record in found):
            remedy = ". Name another split in the entry if these may be used"
        else:
            remedy = "; `fetalflex prepare` divides a data set into splits"
        raise FetalFlexError(
            f"the data set has no annotated image of {plane} in split {entry.split}; it has {known}{remedy}"
        )
    for record in sources:
        try:
            record.layout.validate(registry)
        except FetalFlexError as error:
            raise FetalFlexError(f"{record.file_name}: {error}") from error
    return sources

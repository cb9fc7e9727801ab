"""Planning: from a plan and a data set to planned images, before anything is synthesised."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from pydantic import ValidationError

from fetalflex.anatomy import Edit, Layout, Move, Recipe, Registry, Scale
from fetalflex.anatomy.anomalies import Anomaly, AnomalyLibrary, Plausibility, Rules
from fetalflex.augment.plan import Entry, Plan, Variation
from fetalflex.augment.planned import Candidate, PlannedImage, seed_at
from fetalflex.checks import describe_error
from fetalflex.data import Dataset, Record
from fetalflex.data.real_only import real_part
from fetalflex.errors import FetalFlexError

_DRAWS = 64
_DIGITS = 3


def plan_images(
    dataset: Dataset, plan: Plan, registry: Registry, library: AnomalyLibrary, allow_synthetic: bool = False
) -> list[PlannedImage]:
    """Decide for every image its sources, anomaly, severity and layouts; the same arguments give the same images.

    The sources of an entry are the annotated real images of its plane and split. They come in turn, in an order that is
    drawn anew for each round. Where an anomaly is not possible on a source, the next one is taken. The sources after
    that are for the image's other candidates.

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
    images: list[PlannedImage] = []
    dataset, left_out = (dataset, 0) if allow_synthetic else real_part(dataset)
    for position, entry in enumerate(plan.entries):
        try:
            planner = _EntryPlanner.of(dataset, plan, position, registry, library)
            images += [planner.image(index, len(images) + 1 + index) for index in range(entry.count)]
        except ValidationError as error:
            raise FetalFlexError(f"entries.{position}.sampling: {describe_error(error)}") from error
        except FetalFlexError as error:
            told = f". {left_out} synthetic images are left out; --allow-synthetic takes them" if left_out else ""
            raise FetalFlexError(f"entries.{position} ({entry.plane}, {entry.kind}): {error}{told}") from error
    return images


@dataclass(frozen=True)
class _EntryPlanner:
    """Plans the images of one entry."""

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

    def image(self, index: int, number: int) -> PlannedImage:
        """Return the image at an index of the entry, with its number in the plan."""
        found: list[Candidate] = []
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
            return PlannedImage(tuple(found))
        count = len(order)
        what = "" if severity is None else f" for {severity}"
        raise FetalFlexError(
            f"none of the {count} sources in split {self.entry.split} will do{what}; of the last, "
            f"{record.file_name}: {reason}"
        )

    def _from(self, record: Record, severity: str | None, number: int) -> Candidate:
        seed = seed_at(self.plan.seed, "layout", number)
        if self.anomaly is not None:
            structure = self.entry.structure
            variant = self.anomaly.sample(record.layout, severity, seed, structure, self.registry)
            return Candidate(number, self.position, record, variant.recipe, variant.after, variant)
        recipe = Recipe()
        if self.entry.variation is not None:
            recipe = vary(record.layout, self.entry.variation, seed, self.registry, self.library.rules)
        return Candidate(number, self.position, record, recipe, recipe.apply(record.layout, self.registry))

    def _with_organs(self, candidate: Candidate) -> Candidate:
        refine = self.entry.refine
        if refine is None:
            return candidate
        named = tuple(self.registry.structure(name).name for name in refine.organs)
        candidate = replace(candidate, organs=named or (candidate.variant.organs if candidate.variant else ()))
        if not candidate.has_organs():
            organs = ", ".join(candidate.organs) or "no organs"
            raise FetalFlexError(f"refine: the layout holds none of what is to be worked out ({organs})")
        return candidate

    def _severity(self, index: int) -> str | None:
        """Return the grade of an image: all come equally often, in an order that is drawn anew for each round."""
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


def vary(layout: Layout, variation: Variation, seed: int, registry: Registry, rules: Rules) -> Recipe:
    """Return edits that move and scale every structure but the outline; the same arguments give the same ones.

    What cannot be, because a structure would leave the outline or overlap another, is drawn again.

    Args:
        layout: Of a normal image.
        variation: How much.
        seed: Of what is drawn.
        registry: Planes and structures.
        rules: What is possible.

    Raises:
        FetalFlexError: If nothing possible was drawn.
    """
    dice = random.Random(seed)
    plausibility = Plausibility(layout, registry, rules)
    reason = ""
    for _ in range(_DRAWS):
        recipe = Recipe(tuple(_edits(layout, variation, dice, registry)))
        try:
            found = plausibility.problems(recipe.apply(layout, registry))
        except FetalFlexError as error:
            found = [str(error)]
        if not found:
            return recipe
        reason = found[0]
    raise FetalFlexError(f"no possible variation in {_DRAWS} draws, in the last because {reason}; vary less")


def _edits(layout: Layout, variation: Variation, dice: random.Random, registry: Registry) -> list[Edit]:
    outline = layout.outline(registry)
    extent = max(outline.box.width, outline.box.height) if outline else max(layout.width, layout.height)
    outline_name = registry.plane(layout.plane).outline
    edits: list[Edit] = []
    for name in layout.names():
        for index in range(len(layout.find(name)) if name != outline_name else 0):
            reference = f"{name}[{index}]"
            dx, dy = (round(dice.uniform(-1, 1) * variation.shift * extent, _DIGITS) for _ in range(2))
            fx, fy = (round((1 + variation.scale) ** dice.uniform(-1, 1), _DIGITS) for _ in range(2))
            edits += [Move(reference, dx, dy), Scale(reference, fx, fy)]
    return edits

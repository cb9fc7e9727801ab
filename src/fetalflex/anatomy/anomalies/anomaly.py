"""Anomaly: what it does to a layout, in which grades, and how one is drawn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from fetalflex.anatomy.anomalies.changes import ANY, Change
from fetalflex.anatomy.anomalies.demands import Demand, Sign, Test, testable
from fetalflex.anatomy.anomalies.directions import Directions
from fetalflex.anatomy.anomalies.rules import Rules
from fetalflex.anatomy.anomalies.sampling import Programme, draw_variant
from fetalflex.anatomy.anomalies.variant import Variant
from fetalflex.anatomy.layout import Layout
from fetalflex.anatomy.planes import check_canonical_name
from fetalflex.anatomy.registry import Registry, default_registry
from fetalflex.checks import did_you_mean, finite_number, shown, whole_number
from fetalflex.errors import FetalFlexError

_LARGEST_SEED = 2**63 - 1

Range = tuple[float, float]


@dataclass(frozen=True)
class Severity:
    """Describe one grade of an anomaly.

    Args:
        name: canonical name, such as `mild`.
        values: ranges from which the anomaly's values are drawn evenly, by name.
        threshold: what defines the grade in the clinic, as published; None = nothing in general use.
        sources: keys of the sources of the threshold.
        prompt_words: words for the prompt.
    """

    name: str
    values: Mapping[str, Range]
    threshold: str | None = None
    sources: tuple[str, ...] = ()
    prompt_words: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_canonical_name(self.name, "severity name")
        for name, limits in self.values.items():
            _check_range(limits, f"severity {self.name}: value {name}")
        if self.sources and self.threshold is None:
            raise FetalFlexError(f"severity {self.name}: sources without a threshold; say what they are the source of")


@dataclass(frozen=True)
class Anomaly:
    """Describe an anomaly as a programme that changes layouts.

    Args:
        name: canonical name: lower case letters, digits, underscores.
        title: name for people.
        about: what it is, in one or two sentences.
        planes: canonical names of the planes on which it shows; empty = all.
        changes: what is done to the layout, in this order.
        severities: grades, from the mildest to the most severe.
        prompt_words: words for the prompt.
        organs: structures to re-synthesise (OSM).
        demands: what must be seen in an image for it to show the anomaly.
        rules: what is possible.
        directions: what directions mean.
        signs: how structures are recognised.
    """

    name: str
    title: str
    about: str
    planes: tuple[str, ...]
    changes: tuple[Change, ...]
    severities: tuple[Severity, ...]
    prompt_words: tuple[str, ...] = ()
    organs: tuple[str, ...] = ()
    demands: tuple[Demand, ...] = ()
    rules: Rules = field(default_factory=Rules, repr=False, compare=False)
    directions: Directions = field(default_factory=Directions, repr=False, compare=False)
    signs: Mapping[str, Sign] = field(default_factory=dict, repr=False, compare=False)

    def __post_init__(self) -> None:
        check_canonical_name(self.name, "anomaly name")
        if not self.changes:
            raise FetalFlexError("changes is empty; say what the anomaly does to the layout")
        if not self.severities:
            raise FetalFlexError("severities is empty; give at least one grade")
        used = {amount for change in self.changes for amount in change.amounts().values() if isinstance(amount, str)}
        for severity in self.severities:
            self._check_values(severity, used)

    @property
    def for_any(self) -> bool:
        """Whether it is for any structure, which is named when it is drawn."""
        return any(change.structure == ANY for change in self.changes)

    def severity(self, name: str) -> Severity:
        """Return a grade by name, or raise FetalFlexError."""
        for severity in self.severities:
            if severity.name == name:
                return severity
        known = [severity.name for severity in self.severities]
        raise FetalFlexError(
            f"{self.name} has no severity {shown(name)}; it has {', '.join(known)}.{did_you_mean(name, known)}"
        )

    def mentions(self) -> tuple[str, ...]:
        """Return all structures that it names, `any` aside."""
        names = (
            *(name for change in self.changes for name in change.mentions()),
            *self.organs,
            *(demand.structure for demand in self.demands),
        )
        return tuple(name for name in dict.fromkeys(names) if name != ANY)

    def suits(self, layout: Layout) -> bool:
        """Return whether the layout shows a plane of the anomaly, with the structures that it needs."""
        needs = {name for change in self.changes for name in change.needs()} - {ANY}
        return (not self.planes or layout.plane in self.planes) and needs <= set(layout.names())

    def sample(
        self,
        layout: Layout,
        severity: str | None = None,
        seed: int = 0,
        structure: str | None = None,
        registry: Registry | None = None,
    ) -> Variant:
        """Draw a plausible variant; the same arguments give the same one.

        Lengths are relative to the layout's own structures, or in mm where an anomaly has thresholds in mm and the
        layout its pixel spacing. What cannot be (see `Plausibility`) is repaired where that takes a small move (see
        `repairing_moves`), else drawn again, up to 64 times, and then refused.

        Args:
            layout: layout to start from, of a normal image.
            severity: name of a grade; None = any of the anomaly's, drawn.
            seed: 0 to 2**63 - 1.
            structure: name or synonym of the structure, for anomalies of any structure; None = any of the layout's but
                its outline, drawn.
            registry: planes and structures; None = the built-in ones.

        Raises:
            FetalFlexError: the anomaly does not show on the layout's plane, a structure is missing, or no possible
                variant was found.
        """
        registry = registry or default_registry()
        layout.validate(registry)
        whole_number(seed, "seed", 0, _LARGEST_SEED)
        if self.planes and layout.plane not in self.planes:
            raise FetalFlexError(f"{self.name} shows on {', '.join(self.planes)}; the layout is of {layout.plane}")
        if structure is not None and not self.for_any:
            raise FetalFlexError(f"{self.name} is not for any structure, so it takes none, got {shown(structure)}")
        grades = self.severities if severity is None else (self.severity(severity),)
        name = None if structure is None else registry.structure(structure).name
        self._check_held(layout, name)
        programmes = [
            Programme(
                self.name, grade.name, self.changes, self._values(grade), self._words(grade), self.organs, self.tests
            )
            for grade in grades
        ]
        return draw_variant(programmes, layout, registry, self.rules, self.directions, seed, name)

    def tests(self, structure: str | None = None) -> tuple[Test, ...]:
        """Return what can be tested on an image; `structure` stands for `any`."""
        return testable(self.demands, self.signs, structure)

    def bound_to(self, rules: Rules, directions: Directions, signs: Mapping[str, Sign]) -> Anomaly:
        """Return the anomaly with other rules, directions and signs."""
        return replace(self, rules=rules, directions=directions, signs=signs)

    def _values(self, severity: Severity) -> dict[str, Range]:
        """Return the ranges in the order in which the changes use them, so that drawing does not depend on the file."""
        used = [amount for change in self.changes for amount in change.amounts().values() if isinstance(amount, str)]
        return {name: severity.values[name] for name in dict.fromkeys(used)}

    def _words(self, severity: Severity) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*severity.prompt_words, *self.prompt_words)))

    def _check_held(self, layout: Layout, structure: str | None) -> None:
        needs = {name for change in self.changes for name in change.needs()} - {ANY}
        if structure is not None:
            needs.add(structure)
        missing = sorted(needs - set(layout.names()))
        if missing:
            held = ", ".join(layout.names()) or "no structures"
            raise FetalFlexError(f"{self.name} needs {', '.join(missing)}, which the layout lacks; it holds {held}")

    def _check_values(self, severity: Severity, used: set[str]) -> None:
        where = f"severity {severity.name}"
        for name in sorted(used - set(severity.values)):
            raise FetalFlexError(f"{where}: the changes use the value {name!r}, which has no range")
        for name in sorted(set(severity.values) - used):
            hint = did_you_mean(name, used)
            raise FetalFlexError(f"{where}: value {name!r} is used by none of the changes.{hint}")
        for change in self.changes:
            for field_name, amount in change.amounts().items():
                low = severity.values[amount][0] if isinstance(amount, str) else amount
                if low is not None and field_name in change.positive and low <= 0:
                    raise FetalFlexError(
                        f"{where}: {field_name} of {change.kind} must be greater than 0, got {low:g} as its least"
                    )


def _check_range(limits: Range, where: str) -> None:
    low, high = (finite_number(limit, where) for limit in limits)
    if low > high:
        raise FetalFlexError(f"{where} must run from the lower to the higher number, got {low:g} to {high:g}")

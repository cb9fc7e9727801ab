"""The library of anomalies: found by name or title, extended by YAML files."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from fetalflex.anatomy.anomalies.anomaly import Anomaly
from fetalflex.anatomy.anomalies.changes import ANY
from fetalflex.anatomy.anomalies.demands import Sign
from fetalflex.anatomy.anomalies.directions import Directions
from fetalflex.anatomy.anomalies.rules import Rules
from fetalflex.anatomy.registry import Registry, default_registry
from fetalflex.checks import did_you_mean, shown
from fetalflex.errors import FetalFlexError


class AnomalyLibrary:
    """Anomalies, in a stable order.

    Args:
        anomalies: their names and titles must be unique; they are bound to the rules and directions.
        rules: what is possible.
        directions: what directions mean.
        sources: what thresholds cite, by key.
        signs: how structures are recognised in images, by canonical name.

    Raises:
        FetalFlexError: a name or title stands twice, a source is missing, or a structure is demanded that has no sign.

    Example:
        >>> variant = default_library().anomaly("ventriculomegaly").sample(layout, "mild", 1)       # doctest: +SKIP
    """

    def __init__(
        self,
        anomalies: Iterable[Anomaly],
        rules: Rules,
        directions: Directions,
        sources: Mapping[str, str],
        signs: Mapping[str, Sign] | None = None,
    ) -> None:
        self.signs = dict(signs or {})
        self._anomalies = tuple(anomaly.bound_to(rules, directions, self.signs) for anomaly in anomalies)
        self.rules = rules
        self.directions = directions
        self.sources = dict(sources)
        self._by_key: dict[str, Anomaly] = {}
        for anomaly in self._anomalies:
            self._check_sources(anomaly)
            self._check_demands(anomaly)
            for name in (anomaly.name, anomaly.title):
                known = self._by_key.setdefault(_key(name), anomaly)
                if known is not anomaly:
                    raise FetalFlexError(
                        f"anomalies {known.name} and {anomaly.name} share the name or title {shown(name)}; "
                        "it must be unique"
                    )

    def __repr__(self) -> str:
        return f"AnomalyLibrary({len(self)} anomalies, {len(self.signs)} structures with signs)"

    def __iter__(self) -> Iterator[Anomaly]:
        return iter(self._anomalies)

    def __len__(self) -> int:
        return len(self._anomalies)

    def anomaly(self, name: str) -> Anomaly:
        """Find an anomaly by name or title; case, spaces, hyphens and underscores do not matter.

        Raises:
            FetalFlexError: unknown, with close matches.
        """
        found = self._by_key.get(_key(name))
        if found is not None:
            return found
        names = [anomaly.name for anomaly in self._anomalies]
        hint = did_you_mean(name.lower().replace(" ", "_"), names)
        raise FetalFlexError(f"unknown anomaly {shown(name)}.{hint or ' Known are ' + ', '.join(names) + '.'}")

    def on_plane(self, plane: str) -> tuple[Anomaly, ...]:
        """Return the anomalies that show on a plane, by its canonical name."""
        return tuple(anomaly for anomaly in self._anomalies if not anomaly.planes or plane in anomaly.planes)

    def extended_with(self, path: str | Path, registry: Registry | None = None) -> AnomalyLibrary:
        """Return this library with the anomalies, rules, directions and sources of a YAML file added.

        Args:
            path: file laid out like the packaged `anomalies.yaml`.
            registry: planes and structures that the file may name; None = the built-in ones.

        Raises:
            FetalFlexError: the file is missing, larger than 1 MB, no YAML, or breaks a rule; the message says where.
        """
        from fetalflex.anatomy.anomalies.library_file import read_library_file  # here, so that yaml loads when needed

        read = read_library_file(Path(path), registry or default_registry())
        try:
            for key, text in read.sources.items():
                if self.sources.get(key, text) != text:
                    raise FetalFlexError(f"source {key} is already there with another text; choose another key for it")
            for name, sign in read.signs.items():
                if self.signs.get(name, sign) != sign:
                    raise FetalFlexError(f"signs: {name} has another sign already; leave it out")
            return AnomalyLibrary(
                (*self._anomalies, *read.anomalies),
                self.rules.merged_with(read.rules),
                Directions((*self.directions.planes, *read.directions)),
                self.sources | read.sources,
                self.signs | read.signs,
            )
        except FetalFlexError as error:
            raise FetalFlexError(f"{path}: {error}") from error

    @classmethod
    def load(cls, path: str | Path, registry: Registry | None = None) -> AnomalyLibrary:
        """Read a complete library from a YAML file; arguments and errors as in `extended_with`."""
        return cls((), Rules(), Directions(), {}).extended_with(path, registry)

    def _check_sources(self, anomaly: Anomaly) -> None:
        for severity in anomaly.severities:
            for key in severity.sources:
                if key not in self.sources:
                    raise FetalFlexError(
                        f"anomaly {anomaly.name}: severity {severity.name}: unknown source {shown(key)}."
                        f"{did_you_mean(key, self.sources)} Sources stand at the top of the file"
                    )

    def _check_demands(self, anomaly: Anomaly) -> None:
        for demand in anomaly.demands:
            if demand.structure not in self.signs and demand.structure != ANY:
                known = ", ".join(self.signs) or "none"
                raise FetalFlexError(
                    f"anomaly {anomaly.name}: demands {demand.kind} {demand.structure}, which has no sign; known are "
                    f"{known}. Signs stand at the top of the file"
                )


@functools.cache
def default_library() -> AnomalyLibrary:
    """Return the packaged anomalies, read once."""
    return AnomalyLibrary.load(Path(__file__).with_name("anomalies.yaml"))


def _key(name: str) -> str:
    return "".join(letter for letter in str(name).casefold() if letter.isalnum())

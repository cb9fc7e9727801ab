"""What a model's weights can draw, as it was measured: a file in the model's folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from fetalflex.checks import finite_number, mapping_with_keys, text, whole_number
from fetalflex.errors import FetalFlexError
from fetalflex.files import write_text
from fetalflex.files.json_files import JsonMapping, json_text, read_json, tagged_with
from fetalflex.models.locate import find_model

ABILITIES = "abilities.json"
FORMAT, VERSION = "fetalflex/abilities", 1

YES, SOMETIMES, HARDLY, UNTESTED = "yes", "sometimes", "hardly", "not tested"
_SOMETIMES, _YES = 1 / 3, 2 / 3
_MOST = 10**9


@dataclass(frozen=True)
class Hits:
    """Count in how many images something was seen.

    Args:
        seen: Images in which it was.
        of: Images in which that could be told.
    """

    seen: int
    of: int

    def __post_init__(self) -> None:
        whole_number(self.of, "of", 0, _MOST)
        whole_number(self.seen, "seen", 0, self.of)

    @property
    def answer(self) -> str:
        """`yes` from two thirds on, `sometimes` from one third on, else `hardly`; `not tested` without images."""
        if not self.of:
            return UNTESTED
        share = self.seen / self.of
        return YES if share >= _YES else SOMETIMES if share >= _SOMETIMES else HARDLY

    def __str__(self) -> str:
        """Return the answer with its numbers."""
        return f"{self.answer} ({self.seen} of {self.of})" if self.of else UNTESTED

    def __add__(self, other: Hits) -> Hits:
        """Return both together."""
        return Hits(self.seen + other.seen, self.of + other.of)


NO_HITS = Hits(0, 0)


@dataclass(frozen=True)
class StructureAbility:
    """How a structure of a plane was learnt and is drawn.

    Args:
        plane: Canonical name.
        structure: Canonical name.
        training_images: Images with it in the split train.
        drawn: Its sign in the syntheses of held-out layouts.
        real: Its sign in the real images of the same layouts, the ceiling.
        elsewhere: The same sign in boxes of its size elsewhere in the real images, the floor.
    """

    plane: str
    structure: str
    training_images: int
    drawn: Hits = NO_HITS
    real: Hits = NO_HITS
    elsewhere: Hits = NO_HITS

    def __post_init__(self) -> None:
        text(self.plane, "plane")
        text(self.structure, "structure")
        whole_number(self.training_images, "training_images", 0, _MOST)


@dataclass(frozen=True)
class PromptAbility:
    """What prompts change.

    Args:
        change: Root mean square change of grey inside the region when the prompt is exchanged for that of another
            plane.
        seed_change: The same when the seed is exchanged, for comparison.
        images: Images behind it.
    """

    change: float
    seed_change: float
    images: int

    def __post_init__(self) -> None:
        finite_number(self.change, "change")
        finite_number(self.seed_change, "seed_change")
        whole_number(self.images, "images", 0, _MOST)

    @property
    def share(self) -> float:
        """What the prompt changes relative to what the seed does."""
        return self.change / self.seed_change if self.seed_change else 0.0


@dataclass(frozen=True)
class Abilities:
    """What was measured of a model.

    Args:
        model: Its identity: name and digest of its weights.
        facts: Data and settings behind the numbers, as JSON values.
        anomalies: By anomaly and grade, in how many variants all that can be tested was seen.
        structures: By plane and structure.
        prompt: What prompts change; None if it was not measured.
    """

    model: str
    facts: JsonMapping
    anomalies: Mapping[str, Mapping[str, Hits]]
    structures: tuple[StructureAbility, ...]
    prompt: PromptAbility | None = None

    def anomaly(self, name: str, severity: str | None = None) -> Hits:
        """Return the hits of an anomaly, of one grade or all; none if it was not measured."""
        grades = self.anomalies.get(name, {})
        if severity is not None:
            return grades.get(severity, NO_HITS)
        return sum(grades.values(), NO_HITS)

    def structure(self, plane: str, name: str) -> StructureAbility | None:
        """Return what was measured of a structure, None if nothing."""
        return next((one for one in self.structures if (one.plane, one.structure) == (plane, name)), None)

    def save(self, path: Path) -> None:
        """Write the file, atomically."""
        values = {
            "format": FORMAT,
            "version": VERSION,
            "model": self.model,
            "facts": dict(self.facts),
            "anomalies": {
                name: {grade: asdict(hits) for grade, hits in grades.items()} for name, grades in self.anomalies.items()
            },
            "structures": [asdict(one) for one in self.structures],
            "prompt": None if self.prompt is None else asdict(self.prompt),
        }
        write_text(path, json_text(values))

    @classmethod
    def load(cls, path: Path) -> Abilities:
        """Read what `save` wrote; raises FetalFlexError that names the file."""
        try:
            rest = tagged_with(read_json(path), FORMAT, VERSION, "the file")
            data = mapping_with_keys(rest, "the file", ("model", "facts", "anomalies", "structures"), ("prompt",))
            prompt = data.get("prompt")
            return cls(
                text(data["model"], "model"),
                dict(data["facts"].items()),
                {
                    name: {grade: Hits(**hits) for grade, hits in grades.items()}
                    for name, grades in data["anomalies"].items()
                },
                tuple(_structure(entry) for entry in data["structures"]),
                None if prompt is None else PromptAbility(**prompt),
            )
        except (TypeError, AttributeError, KeyError) as error:
            raise FetalFlexError(f"{path}: is damaged; measure the model again") from error
        except FetalFlexError as error:
            raise FetalFlexError(f"{path}: {error}") from error


def abilities_of(folder: Path) -> Abilities | None:
    """Return what was measured of the model in a folder, None if nothing was."""
    path = folder / ABILITIES
    return Abilities.load(path) if path.is_file() else None


def abilities_of_named(model: str) -> Abilities | None:
    """Return what was measured of a model, by folder or name in `weights/`; None if nothing was, or there is no model.

    Raises:
        FetalFlexError: If the file is damaged.
    """
    try:
        folder = find_model(model)
    except FetalFlexError:
        return None
    return abilities_of(folder)


def _structure(entry: JsonMapping) -> StructureAbility:
    hits = {name: Hits(**entry[name]) for name in ("drawn", "real", "elsewhere")}
    return StructureAbility(entry["plane"], entry["structure"], entry["training_images"], **hits)

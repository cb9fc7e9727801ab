from __future__ import annotations

import pytest

from fetalflex.anatomy import Box, Layout, PlacedStructure, default_registry
from fetalflex.data import Record
from fetalflex.detection.annotated import FIELD, AnnotatedStructures
from fetalflex.errors import FetalFlexError

REGISTRY = default_registry()


def record(name: str, source: str, *structures: str, **extra: object) -> Record:
    placed = tuple(PlacedStructure(one, Box(5, 5, 4, 4)) for one in structures)
    return Record(name, Layout("thalamic_transverse", 10, 10, placed), source=source, extra=extra)


def test_a_source_looks_for_what_any_of_its_images_has() -> None:
    skulls = [record(f"a{i}", "a", "skull") for i in range(3)]
    more = [record("b0", "b", "skull", "thalami"), record("b1", "b", "skull")]
    annotated = AnnotatedStructures.of([*skulls, *more])
    assert annotated.looked_for(skulls[0], REGISTRY) == {"skull": 1.0}
    assert annotated.looked_for(more[1], REGISTRY) == {"skull": 1.0, "thalami": 0.5}


def test_an_image_without_boxes_was_not_annotated() -> None:
    annotated = AnnotatedStructures.of([record("a0", "a", "skull"), record("a1", "a")])
    assert annotated.looked_for(record("a1", "a"), REGISTRY) == {}
    assert annotated.looked_for(record("a0", "a", "skull"), REGISTRY) == {"skull": 1.0}


def test_an_image_may_say_itself_what_was_looked_for() -> None:
    own = record("a1", "a", "skull", **{FIELD: ["falx"]})
    annotated = AnnotatedStructures.of([record("a0", "a", "skull", "thalami")])
    assert annotated.looked_for(own, REGISTRY) == {"midline_falx": 0.0, "skull": 1.0}
    assert annotated.looked_for(record("a2", "a", **{FIELD: ["skull"]}), REGISTRY) == {"skull": 1.0}


@pytest.mark.parametrize("value", ["skull", [1], {"skull": 1}, ["brian"]])
def test_a_wrong_field_is_named(value: object) -> None:
    with pytest.raises(FetalFlexError, match="a0: annotated_structures"):
        AnnotatedStructures.of([]).looked_for(record("a0", "a", "skull", **{FIELD: value}), REGISTRY)

from __future__ import annotations

import numpy as np
import pytest

from fetalflex.anatomy import Box, Layout, PlacedStructure, default_registry
from fetalflex.anatomy.prompts import prompt_corpus
from fetalflex.training.wording import draw_wording

REGISTRY = default_registry()
NAMES = ("abdomen", "stomach", "umbilical_vein")
LAYOUT = Layout("abdominal_transverse", 100, 100, [PlacedStructure(name, Box(50, 50, 20, 20)) for name in NAMES])
ABSENT = ("spine", "gallbladder")


def words_of(name: str) -> set[str]:
    structure = REGISTRY.structure(name)
    return {one.replace("_", " ").lower() for one in (structure.name, structure.title, *structure.synonyms)}


def wordings(absent: tuple[str, ...] = ABSENT, count: int = 400) -> list[list[str]]:
    return [draw_wording(LAYOUT, absent, REGISTRY, np.random.default_rng(i)).split(", ") for i in range(count)]


def test_a_prompt_says_only_what_is_true() -> None:
    there = set().union(*(words_of(name) for name in NAMES))
    missing = set().union(*(words_of(name) for name in ABSENT))
    plane = REGISTRY.plane(LAYOUT.plane)
    titles = {title.replace("_", " ").lower() for title in (plane.title, *plane.synonyms)}
    for start, title, *rest in wordings():
        assert start == "fetal ultrasound"
        assert title in titles
        for part in rest:
            if part.startswith("without "):
                assert part.removeprefix("without ") in missing
            else:
                assert part.removeprefix("with ") in there


def test_every_part_is_sometimes_left_out_reworded_and_denied() -> None:
    drawn = wordings()
    named = [
        sum(any(part.removeprefix("with ") in words_of(name) for part in parts) for parts in drawn) for name in NAMES
    ]
    assert all(0.6 * len(drawn) < count < 0.9 * len(drawn) for count in named)
    assert any("without spine" in parts for parts in drawn)
    denied = [sum(part.startswith("without ") for part in parts) for parts in drawn]
    assert set(denied) == {0, 1, 2}
    assert len({parts[1] for parts in drawn}) > 1


def test_nothing_is_denied_where_nothing_was_missed() -> None:
    assert not any(part.startswith("without") for parts in wordings(()) for part in parts)


def test_the_same_draw_gives_the_same_prompt() -> None:
    assert wordings(count=5) == wordings(count=5)


@pytest.mark.parametrize("parts", wordings(count=30))
def test_the_vocabulary_holds_every_word(parts: list[str]) -> None:
    known = {word.strip(".,()") for text in prompt_corpus(REGISTRY) for word in text.replace("-", " ").split()}
    assert {word.strip(".,()") for part in parts for word in part.replace("-", " ").split()} <= known

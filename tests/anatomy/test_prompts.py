from __future__ import annotations

import re

import pytest
from anatomy_strategies import layouts
from hypothesis import given

from fetalflex.anatomy import Box, Layout, PlacedStructure, default_registry, global_prompt, prompt_corpus
from fetalflex.anatomy.prompts import words_beyond_prompts
from fetalflex.errors import FetalFlexError

BOX = Box(5, 5, 4, 4)


def words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.lower()))


def head(*names: str) -> Layout:
    return Layout("thalamic_transverse", 10, 10, tuple(PlacedStructure(name, BOX) for name in names))


def test_names_plane_and_sorted_structures(registry):
    assert global_prompt(head("thalami", "skull", "cavum_septi_pellucidi", "skull"), registry) == (
        "fetal ultrasound, thalamic transverse plane, with cavum septi pellucidi, skull, thalami"
    )


def test_without_structures_only_the_plane(registry):
    expected = "fetal ultrasound, thalamic transverse plane"
    assert global_prompt(head(), registry) == expected
    assert global_prompt("transthalamic", registry) == expected
    assert global_prompt(registry.plane("transthalamic"), registry) == expected


def test_extra_text_comes_last_on_the_same_line(registry):
    assert global_prompt(head("skull"), registry, " mild\n ventriculomegaly ") == (
        "fetal ultrasound, thalamic transverse plane, with skull, mild ventriculomegaly"
    )
    assert global_prompt(head(), registry, "  ") == global_prompt(head(), registry)


def test_unknown_names_are_refused(registry):
    with pytest.raises(FetalFlexError, match="unknown plane 'elbow'"):
        global_prompt("elbow", registry)
    with pytest.raises(FetalFlexError, match="unknown structure 'skul'"):
        global_prompt(head("skul"), registry)


@pytest.mark.parametrize("extra", [3, b"text", "x" * 1001])
def test_bad_extra_text_is_refused(registry, extra):
    with pytest.raises(FetalFlexError, match="extra prompt"):
        global_prompt(head(), registry, extra)


@given(layouts())
def test_corpus_covers_every_prompt(layout):
    registry = default_registry()
    assert words(global_prompt(layout, registry)) <= words(" ".join(prompt_corpus(registry)))


def test_corpus_covers_synonyms_and_words_and_is_deterministic(registry):
    corpus = list(prompt_corpus(registry))
    assert corpus == list(prompt_corpus(registry))
    known = words(" ".join(corpus))
    for entry in (*registry.planes, *registry.structures):
        assert words(" ".join((entry.title, *entry.synonyms))) <= known
    for plane in registry.planes:
        assert words(" ".join(plane.prompt_words)) <= known
    assert {"mild", "severe", "ventriculomegaly"} <= known


def test_words_that_no_prompt_of_a_layout_holds(registry):
    text = "Fetal ultrasound, hydrocephalus without cavum septi-pellucidi, HYDROCEPHALUS"
    assert words_beyond_prompts(text, registry) == ("hydrocephalus", "without")


@given(layouts())
def test_prompts_of_layouts_hold_no_such_words(layout):
    registry = default_registry()
    try:
        prompt = global_prompt(layout, registry)
    except FetalFlexError:
        return
    in_its_plane = all(name in registry.plane(layout.plane).structures for name in layout.names())
    assert not in_its_plane or words_beyond_prompts(prompt, registry) == ()

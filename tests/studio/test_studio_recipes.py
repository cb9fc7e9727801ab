from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fetalflex.anatomy import Box, Layout, PlacedStructure, changed_structures, default_registry
from fetalflex.studio.recipes import recipe_between

NAMES = default_registry().plane("abdominal_transverse").structures[:5]


def numbers(low: float, high: float) -> st.SearchStrategy[float]:
    return st.floats(low, high).map(lambda value: round(value, 3))


boxes = st.builds(Box, numbers(0, 200), numbers(0, 100), numbers(1, 150), numbers(1, 90), numbers(-90, 89))
structures = st.lists(st.builds(PlacedStructure, st.sampled_from(NAMES), boxes), max_size=7)
layouts = structures.map(lambda found: Layout("abdominal_transverse", 200, 100, tuple(found)))


@given(layouts, layouts)
def test_a_recipe_leads_from_one_layout_to_the_other(before: Layout, after: Layout) -> None:
    reached = recipe_between(before, after).apply(before, default_registry())
    assert not changed_structures(reached, after)


@given(layouts)
def test_nothing_leads_to_the_same_layout(layout: Layout) -> None:
    assert recipe_between(layout, layout).edits == ()

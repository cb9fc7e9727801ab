"""Hypothesis strategies for boxes and layouts of the packaged registry."""

from __future__ import annotations

from hypothesis import strategies as st

from fetalflex.anatomy import Box, Layout, PlacedStructure, default_registry

ANGLES = st.one_of(st.just(0.0), st.floats(-720, 720, allow_nan=False))


def boxes(width: float = 400, height: float = 300, rotated: bool = True) -> st.SearchStrategy[Box]:
    """Boxes whose centre lies in an image of this size, sides 1 to 200 px."""
    return st.builds(
        Box,
        st.floats(0.01 * width, 0.99 * width),
        st.floats(0.01 * height, 0.99 * height),
        st.floats(1, 200),
        st.floats(1, 200),
        ANGLES if rotated else st.just(0.0),
    )


@st.composite
def layouts(draw: st.DrawFn, min_structures: int = 0, rotated: bool = True) -> Layout:
    """Layouts that fit the packaged registry, 16 to 500 px a side."""
    plane = draw(st.sampled_from(default_registry().planes))
    width, height = draw(st.integers(16, 500)), draw(st.integers(16, 500))
    placed = st.builds(PlacedStructure, st.sampled_from(plane.structures), boxes(width, height, rotated))
    structures = draw(st.lists(placed, min_size=min_structures, max_size=6))
    spacing = draw(st.one_of(st.none(), st.floats(0.01, 2)))
    return Layout(plane.name, width, height, tuple(structures), spacing)

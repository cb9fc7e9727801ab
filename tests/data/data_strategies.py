"""Hypothesis strategies for layouts and records."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from fetalflex.anatomy.box import Box
from fetalflex.anatomy.layout import Layout, PlacedStructure
from fetalflex.anatomy.registry import default_registry
from fetalflex.data.paths import safe_relative
from fetalflex.data.records import Record
from fetalflex.errors import FetalFlexError

_NAMES = [structure.name for structure in default_registry().structures]
_PLANES = [plane.name for plane in default_registry().planes]
_TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=8)


@st.composite
def layouts(draw: st.DrawFn, width: int | None = None, height: int | None = None) -> Layout:
    width = width or draw(st.integers(1, 2000))
    height = height or draw(st.integers(1, 2000))
    fraction = st.floats(0.01, 0.99)
    angle = st.one_of(st.just(0.0), st.floats(-90, 89))
    box = st.builds(
        lambda cx, cy, w, h, turned: Box(cx * width, cy * height, w * width, h * height, turned),
        fraction,
        fraction,
        fraction,
        fraction,
        angle,
    )
    placed = st.builds(PlacedStructure, st.sampled_from(_NAMES), box)
    return Layout(
        draw(st.sampled_from(_PLANES)),
        width,
        height,
        tuple(draw(st.lists(placed, max_size=4))),
        draw(st.one_of(st.none(), st.floats(0.01, 2.0))),
    )


@st.composite
def record_lists(draw: st.DrawFn, width: int | None = None, height: int | None = None) -> list[Record]:
    return [
        Record(
            file_name=f"images/{number}.png",
            layout=draw(layouts(width, height)),
            patient=draw(st.none() | _TEXT),
            source=draw(st.none() | _TEXT),
            split=draw(st.sampled_from([None, "train", "val", "test"])),
            quality=draw(st.none() | st.integers(0, 3)),
            extra=draw(st.dictionaries(st.sampled_from(["device", "license", "x"]), st.integers() | _TEXT)),
        )
        for number in range(draw(st.integers(0, 3)))
    ]


@st.composite
def plane_layouts(draw: st.DrawFn, sticking_out: bool = False) -> Layout:
    """Small layouts with structures of their plane, each at most once; boxes lie inside the image or may stick out."""
    plane = draw(st.sampled_from(default_registry().planes))
    width, height = draw(st.integers(8, 60)), draw(st.integers(8, 60))
    centre = st.floats(0.01, 0.99) if sticking_out else st.floats(0.3, 0.7)
    side = st.floats(0.02, 1.5) if sticking_out else st.floats(0.02, 0.4)
    angle = st.one_of(st.just(0.0), st.just(-90.0), st.integers(-89_999, 89_999).map(lambda number: number / 1000))
    shorter = min(width, height)
    placed = [
        PlacedStructure(
            name,
            Box(draw(centre) * width, draw(centre) * height, draw(side) * shorter, draw(side) * shorter, draw(angle)),
        )
        for name in draw(st.lists(st.sampled_from(plane.structures), max_size=4, unique=True))
    ]
    return Layout(plane.name, width, height, tuple(placed), draw(st.none() | st.floats(0.01, 2.0)))


def _is_file_name(text: str) -> bool:
    try:
        safe_relative(text)
    except FetalFlexError:
        return False
    return True


FILE_NAMES = st.one_of(
    st.sampled_from(
        [
            *("a.png", "A.png", "a.jpg", "sub/a.png", "other/A", "a.png.png", "a.b.c.jpeg", "a b.png", "a_b.png"),
            *("train.png", "classes.png", "README.png", "con.png", "-rf.png", "ü.png", "名.png", "=1+1.png", "<b>.png"),
            *("labels/masks.png", "x" * 150 + ".png", "new\nline.png", "'\"`$(x).png", "\u2028.png"),
        ]
    ),
    _TEXT.filter(_is_file_name),
)


@st.composite
def exported_records(draw: st.DrawFn, sticking_out: bool = False) -> list[Record]:
    """One to four records with distinct file names of every kind."""
    names = draw(st.lists(FILE_NAMES, min_size=1, max_size=4, unique_by=lambda name: safe_relative(name).as_posix()))
    return [
        Record(
            file_name=name,
            layout=draw(plane_layouts(sticking_out)),
            patient=draw(st.none() | _TEXT),
            source=draw(st.none() | _TEXT),
            split=draw(st.sampled_from([None, "train", "val", "test"])),
            quality=draw(st.none() | st.integers(0, 3)),
            extra=draw(st.dictionaries(st.sampled_from(["device", "license", "x"]), st.integers() | _TEXT)),
        )
        for name in names
    ]


def same(first: Record, second: Record) -> bool:
    """Tell whether two records are equal but for the last digits of upright boxes."""
    if first.layout.with_structures(()) != second.layout.with_structures(()):
        return False
    if {**vars(first), "layout": None} != {**vars(second), "layout": None}:
        return False
    if [placed.name for placed in first.layout.structures] != [placed.name for placed in second.layout.structures]:
        return False
    return np.allclose(_numbers(first), _numbers(second), rtol=0, atol=1e-6)


def _numbers(record: Record) -> np.ndarray:
    return np.array([list(placed.box.to_dict().values()) for placed in record.layout.structures])

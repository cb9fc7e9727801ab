from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fetalflex.anatomy import Box, Layout, PlacedStructure, default_registry, draw_layout_map
from fetalflex.anatomy.layout_code import draw_label_maps

REGISTRY = default_registry()
SKULL, THALAMI = PlacedStructure("skull", Box(50, 50, 60, 40, 10)), PlacedStructure("thalami", Box(50, 50, 20, 15))
LAYOUT = Layout("thalamic_transverse", 100, 100, (SKULL, THALAMI))


def test_each_structure_has_its_channel_and_none_hides_another() -> None:
    maps = draw_label_maps(LAYOUT, ("thalami", "skull", "midline_falx"))
    picture = draw_layout_map(LAYOUT, REGISTRY)
    assert maps.shape == (3, 100, 100)
    assert np.array_equal(maps[0], (picture == REGISTRY.structure("thalami").colour).all(axis=2))
    assert np.array_equal(maps[1], picture.any(axis=2))
    assert not maps[2].any()


def test_exchanged_names_exchange_channels() -> None:
    exchanged = LAYOUT.with_structures([PlacedStructure("thalami", SKULL.box), PlacedStructure("skull", THALAMI.box)])
    names = ("skull", "thalami")
    assert np.array_equal(draw_label_maps(exchanged, names), draw_label_maps(LAYOUT, names)[::-1])


def test_boxes_of_one_name_share_a_channel() -> None:
    two = LAYOUT.with_structures([THALAMI, PlacedStructure("thalami", Box(20, 20, 10, 10))])
    alone = (draw_label_maps(LAYOUT.with_structures([one]), ("thalami",)) for one in two.structures)
    assert np.array_equal(draw_label_maps(two, ("thalami",)), np.logical_or(*alone))


def test_without_channels_nothing_is_drawn() -> None:
    assert draw_label_maps(LAYOUT, ()).shape == (0, 100, 100)


@given(st.floats(0, 99.9), st.floats(0, 99.9), st.floats(0.01, 3), st.floats(0.01, 3), st.floats(-90, 90))
def test_no_structure_in_the_image_is_lost(x: float, y: float, width: float, height: float, angle: float) -> None:
    layout = LAYOUT.with_structures([PlacedStructure("thalami", Box(x, y, width, height, angle))])
    assert draw_label_maps(layout, ("thalami",)).any()


def test_colours_of_a_model_replace_those_of_the_registry() -> None:
    picture = draw_layout_map(LAYOUT, REGISTRY, colours={"thalami": (1, 2, 3)})
    thalami = draw_label_maps(LAYOUT, ("thalami",))[0]
    assert (picture[thalami] == (1, 2, 3)).all()
    assert np.array_equal(picture[~thalami], draw_layout_map(LAYOUT, REGISTRY)[~thalami])

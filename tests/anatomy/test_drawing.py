from __future__ import annotations

import numpy as np
import pytest
from anatomy_strategies import boxes, layouts
from hypothesis import given, settings

from fetalflex.anatomy import (
    Box,
    Layout,
    PlacedStructure,
    default_registry,
    draw_layout_map,
    draw_overlay,
)
from fetalflex.anatomy.drawing import draw_structure_numbers, layout_palette
from fetalflex.anatomy.planes import Structure
from fetalflex.anatomy.registry import Registry
from fetalflex.errors import FetalFlexError

SKULL = (255, 255, 255)


def head(*structures: tuple[str, Box]) -> Layout:
    return Layout("thalamic_transverse", 40, 30, tuple(PlacedStructure(name, box) for name, box in structures))


class TestLayoutMap:
    def test_upright_box_fills_its_pixels(self, registry):
        drawn = draw_layout_map(head(("skull", Box.from_corners(5, 6, 15, 26))), registry)
        expected = np.zeros((30, 40, 3), np.uint8)
        expected[6:26, 5:15] = SKULL
        assert drawn.dtype == np.uint8
        assert np.array_equal(drawn, expected)

    def test_smaller_boxes_lie_on_larger_ones_in_any_order(self, registry):
        structures = [
            ("skull", Box(20, 15, 30, 20)),
            ("thalami", Box(20, 15, 10, 8)),
            ("midline_falx", Box(20, 15, 20, 2)),
        ]
        drawn = [draw_layout_map(head(*order), registry) for order in (structures, structures[::-1])]
        assert np.array_equal(*drawn)
        assert tuple(drawn[0][15, 20]) == registry.structure("midline_falx").colour
        assert tuple(drawn[0][12, 20]) == registry.structure("thalami").colour

    @given(layouts())
    @settings(max_examples=50)
    def test_holds_registry_colours_only(self, layout):
        registry = default_registry()
        drawn = draw_layout_map(layout, registry) @ (65536, 256, 1)
        allowed = [np.dot(registry.structure(name).colour, (65536, 256, 1)) for name in layout.names()]
        assert np.isin(drawn, [0, *allowed]).all()

    @given(boxes(100, 80))
    @settings(max_examples=50)
    def test_rotated_box_covers_its_area(self, box):
        layout = Layout("femur", 100, 80, (PlacedStructure("femur", box),))
        filled = draw_layout_map(layout, default_registry()).any(2).sum()
        inside = box.inside_fraction(100, 80) * box.area
        assert filled == pytest.approx(inside, abs=2 + box.width + box.height)

    def test_positive_angle_is_clockwise_on_the_screen(self, registry):
        drawn = draw_layout_map(head(("midline_falx", Box(20, 15, 30, 2, 30))), registry).any(2)
        assert drawn[20, 29]
        assert not drawn[10, 29]

    @given(layouts())
    @settings(max_examples=30)
    def test_mirroring_commutes_with_drawing(self, layout):
        registry = default_registry()
        mirrored = draw_layout_map(layout.mirrored_horizontally(), registry)
        differing = (mirrored != draw_layout_map(layout, registry)[:, ::-1]).any(2)
        assert differing.mean() < 0.1

    def test_box_smaller_than_a_pixel_is_not_lost(self, registry):
        drawn = draw_layout_map(head(("skull", Box(7.1, 9.1, 0.1, 0.1))), registry)
        assert np.argwhere(drawn.any(2)).tolist() == [[9, 7]]

    def test_other_size(self, registry):
        layout = head(("skull", Box.from_corners(0, 0, 20, 30)))
        drawn = draw_layout_map(layout, registry, size=(80, 15))
        assert drawn.shape == (15, 80, 3)
        assert drawn[:, :40].all()
        assert not drawn[:, 40:].any()

    def test_empty_layout_is_black(self, registry):
        assert not draw_layout_map(head(), registry).any()

    def test_unknown_structure(self, registry):
        with pytest.raises(FetalFlexError, match=r"unknown structure 'skul'\. Did you mean skull"):
            draw_layout_map(head(("skul", Box(5, 5, 2, 2))), registry)

    @pytest.mark.parametrize("size", [(0, 5), (5, 20000), (5.0, 5), (5,)])
    def test_bad_size(self, registry, size):
        with pytest.raises(FetalFlexError, match="size"):
            draw_layout_map(head(), registry, size)


class TestOverlay:
    @pytest.mark.parametrize("shape", [(30, 40), (30, 40, 3)])
    def test_is_a_picture_of_the_same_size_with_coloured_lines(self, registry, shape):
        image = np.full(shape, 90, np.uint8)
        picture = draw_overlay(image, head(("skull", Box.from_corners(5, 6, 35, 26))), registry, labels=False)
        assert picture.mode == "RGB"
        assert picture.size == (40, 30)
        assert SKULL in (picture.getpixel((20, 5)), picture.getpixel((20, 6)))
        assert picture.getpixel((20, 15)) == (90, 90, 90)
        assert (image == 90).all()

    def test_labels_add_text(self, registry):
        image = np.zeros((100, 200), np.uint8)
        layout = Layout("femur", 200, 100, (PlacedStructure("femur", Box(100, 60, 80, 20)),) * 3)
        plain, labelled = (np.asarray(draw_overlay(image, layout, registry, labels)) for labels in (False, True))
        assert (plain != labelled).any()

    def test_dark_colours_are_brightened(self, registry):
        image = np.zeros((100, 200), np.uint8)
        for structure in registry.structures:
            layout = Layout("femur", 200, 100, (PlacedStructure(structure.name, Box(100, 60, 80, 20)),))
            drawn = np.asarray(draw_overlay(image, layout, registry, labels=False)).astype(float)
            assert (drawn @ (0.299, 0.587, 0.114)).max() >= 75

    @given(layouts())
    @settings(max_examples=20)
    def test_any_layout_can_be_drawn(self, layout):
        picture = draw_overlay(np.zeros((layout.height, layout.width), np.uint8), layout, default_registry())
        assert picture.size == (layout.width, layout.height)

    @pytest.mark.parametrize(
        "image", [np.zeros((30, 40)), np.zeros((40, 30), np.uint8), np.zeros((30, 40, 4), np.uint8), [[0]]]
    )
    def test_other_arrays_are_refused(self, registry, image):
        with pytest.raises(FetalFlexError, match="image must"):
            draw_overlay(image, head(), registry)


class TestStructureNumbers:
    @given(layouts())
    @settings(max_examples=20)
    def test_they_are_the_layout_map_under_its_palette(self, layout):
        registry = default_registry()
        colours = {registry.structures[0].name: (1, 2, 3)}
        numbers = draw_structure_numbers(layout, registry)
        assert numbers.dtype == np.uint8
        for changed in (None, colours):
            drawn = layout_palette(registry, changed)[numbers]
            assert np.array_equal(drawn, draw_layout_map(layout, registry, colours=changed))

    def test_large_boxes_lie_under_small_ones_and_nothing_is_zero(self, registry):
        layout = head(("thalami", Box(20, 15, 4, 4)), ("skull", Box(20, 15, 20, 10)))
        numbers = draw_structure_numbers(layout, registry)
        names = [structure.name for structure in registry.structures]
        assert numbers[15, 20] == 1 + names.index("thalami")
        assert numbers[11, 12] == 1 + names.index("skull")
        assert numbers[0, 0] == 0

    def test_a_registry_of_many_structures_needs_wider_numbers(self):
        levels = range(80, 256, 25)
        colours = [(red, green, blue) for red in levels for green in levels for blue in levels]
        made = [Structure(f"part_{i}", f"part {i}", one, "isoechoic", (0.1, 0.1)) for i, one in enumerate(colours)]
        many = Registry(made, [])
        layout = Layout("any_plane", 40, 30, (PlacedStructure("part_299", Box(20, 15, 10, 10)),))
        numbers = draw_structure_numbers(layout, many)
        assert numbers.max() == 300
        assert tuple(layout_palette(many)[numbers][15, 20]) == colours[299]

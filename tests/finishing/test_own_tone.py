from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fetalflex.anatomy import Box, Layout, PlacedStructure
from fetalflex.anatomy.box_pixels import pixels_of_ellipse
from fetalflex.errors import FetalFlexError
from fetalflex.finishing import Finishing
from fetalflex.finishing.finish import finish
from fetalflex.finishing.own_tone import own_tone

SIDE = 96
TISSUE, FLUID = 90, 20


def layout(**boxes: Box) -> Layout:
    return Layout("abdominal_transverse", SIDE, SIDE, [PlacedStructure(name, box) for name, box in boxes.items()])


def picture(box: Box | None) -> np.ndarray:
    """Grey tissue with a dark bubble in a box."""
    image = np.full((SIDE, SIDE), TISSUE, np.uint8)
    if box is not None:
        image[pixels_of_ellipse(box, SIDE, SIDE)] = FLUID
    return image


def region() -> np.ndarray:
    return pixels_of_ellipse(Box(48, 48, 80, 60), SIDE, SIDE)


HERE, THERE = Box(35, 48, 20, 16), Box(62, 46, 20, 16)


def test_a_moved_structure_leaves_the_mean_as_it_is() -> None:
    tone = own_tone(picture(HERE), region(), layout(stomach=HERE), layout(stomach=THERE))
    assert tone is not None
    assert tone.mean == pytest.approx(picture(THERE)[region()].mean(), abs=0.5)
    assert np.array_equal(tone.counted, region())


def test_a_structure_that_grows_takes_its_own_grey_with_it() -> None:
    large = HERE.scaled(1.8)
    tone = own_tone(picture(HERE), region(), layout(stomach=HERE), layout(stomach=large))
    assert tone is not None
    assert tone.mean == pytest.approx(picture(large)[region()].mean(), abs=0.5)


def test_a_removed_structure_leaves_tissue() -> None:
    tone = own_tone(picture(HERE), region(), layout(stomach=HERE), layout())
    assert tone is not None
    assert tone.mean == pytest.approx(TISSUE)


def test_what_is_added_does_not_count() -> None:
    tone = own_tone(picture(None), region(), layout(), layout(stomach=THERE))
    assert tone is not None
    assert tone.mean == pytest.approx(TISSUE)
    assert not (tone.counted & pixels_of_ellipse(THERE, SIDE, SIDE)).any()


def test_exchanged_structures_each_keep_their_grey() -> None:
    source = picture(HERE)
    source[pixels_of_ellipse(THERE, SIDE, SIDE)] = 200
    small = Box(62, 46, 10, 8)
    tone = own_tone(source, region(), layout(stomach=HERE, spine=THERE), layout(stomach=small, spine=HERE))
    assert tone is not None
    wanted = picture(small)
    wanted[pixels_of_ellipse(HERE, SIDE, SIDE)] = 200
    assert tone.mean == pytest.approx(wanted[region()].mean(), abs=0.7)


def test_a_region_without_known_tissue_has_no_tone_of_its_own() -> None:
    assert own_tone(picture(None), pixels_of_ellipse(THERE, SIDE, SIDE), layout(stomach=THERE), layout()) is None
    assert own_tone(picture(None), pixels_of_ellipse(THERE, SIDE, SIDE), layout(), layout(stomach=THERE)) is None


def test_layouts_of_two_images_are_refused() -> None:
    other = Layout("abdominal_transverse", SIDE, SIDE + 1, [])
    with pytest.raises(FetalFlexError, match="one image"):
        own_tone(picture(None), region(), layout(), other)


@given(st.floats(0.8, 1.3), st.integers(0, 2**32))
def test_an_edited_region_gets_the_mean_that_the_source_says(factor: float, seed: int) -> None:
    grain = np.random.default_rng(seed).normal(0, 6, (SIDE, SIDE))
    source = np.clip(picture(HERE) + grain, 0, 255).astype(np.uint8)
    synthesis = np.clip(factor * (picture(THERE) + grain[::-1]), 0, 255).astype(np.uint8)
    tone = own_tone(source, region(), layout(stomach=HERE), layout(stomach=THERE))
    assert tone is not None
    finishing = Finishing(texture=False, membrane=False, feather=0)
    plain, told = (finish(synthesis, source, region(), finishing, 0, own=own).image for own in (None, tone))
    off = [abs(float(image[region()].mean()) - tone.mean) for image in (synthesis, plain, told)]
    assert off[2] < 1.0
    assert off[2] <= off[0] + 0.5

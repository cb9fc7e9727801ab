from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from fetalflex.anatomy.burned_in import find_words, with_whole_words


def tissue(seed: int = 0) -> np.ndarray:
    """Speckle of the width that scans of this size have, brightest in the middle and black at the sides."""
    rng = np.random.default_rng(seed)
    speckle = ndimage.gaussian_filter(rng.normal(size=(400, 576)), (2, 4))
    y, x = np.mgrid[:400, :576]
    shape = np.hypot((x - 288) / 200, (y - 200) / 140) < 1
    return np.clip(np.where(shape, 90 + 45 * speckle / speckle.std(), 4), 0, 255).astype(np.uint8)


def written(image: np.ndarray, text: str, place: tuple[int, int], size: int = 14, grey: int = 230) -> np.ndarray:
    picture = Image.fromarray(image)
    ImageDraw.Draw(picture).text(place, text, fill=grey, font=ImageFont.load_default(size=size))
    return np.asarray(picture)


def where_it_differs(first: np.ndarray, second: np.ndarray) -> tuple[slice, slice]:
    return ndimage.find_objects((first != second).astype(int))[0]


def test_a_line_of_text_on_black_is_found_as_one() -> None:
    plain = tissue()
    image = written(plain, "Dist 0.102 cm", (20, 370))
    rows, columns = where_it_differs(plain, image)
    found = [word for word in find_words(image) if word[0].stop > 360 and word[1].start < 150]
    assert found
    assert min(word[1].start for word in found) <= columns.start
    assert max(word[1].stop for word in found) >= columns.stop
    assert min(word[0].start for word in found) <= rows.start
    assert len(found) <= 2


def test_tissue_is_no_text() -> None:
    blurred = tissue(1)
    assert [word for word in find_words(blurred) if 120 < word[1].start < 420 and 90 < word[0].start < 280] == []


def test_a_word_that_the_rim_cuts_is_kept_or_gone_whole() -> None:
    image = written(np.zeros((400, 576), np.uint8), "0.102", (100, 200))
    [word] = find_words(image)
    nothing = np.zeros(image.shape, np.bool_)
    middle = (word[1].start + word[1].stop) // 2
    for edge, is_in in ((middle + 8, True), (middle - 8, False)):
        region = nothing.copy()
        region[150:250, 40:edge] = True
        whole = with_whole_words(region, image, nothing)
        assert whole[word].all() == is_in
        assert whole[word].any() == is_in
        outside = np.ones(image.shape, np.bool_)
        outside[word] = False
        assert np.array_equal(whole[outside], region[outside])
    needed = nothing.copy()
    needed[word] = True
    assert with_whole_words(region, image, needed)[word].all()


def test_a_region_that_cuts_no_word_stays_as_it_is() -> None:
    image = written(tissue(), "Dist 0.102 cm", (20, 370))
    region = np.zeros(image.shape, np.bool_)
    region[150:250, 200:350] = True
    assert np.array_equal(with_whole_words(region, image, region), region)
    small = np.zeros(image.shape, np.bool_)
    small[375, 30] = True
    assert with_whole_words(small, image, np.zeros_like(small)).any()

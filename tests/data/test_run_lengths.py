from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from pycocotools import mask as reference

from fetalflex.data.importers.run_lengths import mask_from_rle
from fetalflex.errors import FetalFlexError

MASKS = arrays(np.bool_, array_shapes(min_dims=2, max_dims=2, max_side=40))


def lengths_of(mask: np.ndarray) -> list[int]:
    """Return uncompressed counts, beginning with zeros."""
    flat = np.concatenate([[False], mask.T.ravel()])
    changes = np.flatnonzero(np.diff(flat)).tolist()
    return np.diff([0, *changes, mask.size]).tolist()


@settings(max_examples=80, deadline=None)
@given(MASKS)
def test_both_forms_agree_with_the_reference(mask):
    height, width = mask.shape
    encoded = reference.encode(np.asfortranarray(mask.astype(np.uint8)))
    compressed = {"size": encoded["size"], "counts": encoded["counts"].decode()}
    plain = {"size": [height, width], "counts": lengths_of(mask)}
    np.testing.assert_array_equal(mask_from_rle(compressed, width, height), mask)
    np.testing.assert_array_equal(mask_from_rle(plain, width, height), mask)


@pytest.mark.parametrize(
    "rle",
    [
        None,
        {},
        {"size": [4, 3]},
        {"size": [3, 4], "counts": [12]},
        {"size": [4, 3], "counts": [5]},
        {"size": [4, 3], "counts": [13]},
        {"size": [4, 3], "counts": [-1, 13]},
        {"size": [4, 3], "counts": [2**40]},
        {"size": [4, 3], "counts": [6.0, 6.0]},
        {"size": [4, 3], "counts": ["6", "6"]},
        {"size": [4, 3], "counts": 12},
        {"size": [4, 3], "counts": "P"},
        {"size": [4, 3], "counts": "\u20ac"},
        {"size": [4, 3], "counts": "o" * 100},
    ],
)
def test_counts_that_do_not_fit_are_refused(rle):
    with pytest.raises(FetalFlexError, match="mask"):
        mask_from_rle(rle, 3, 4)


@settings(max_examples=100, deadline=None)
@given(st.text(st.characters(min_codepoint=40, max_codepoint=120), max_size=30))
def test_any_text_gives_a_mask_or_an_error(text):
    try:
        mask = mask_from_rle({"size": [7, 9], "counts": text}, 9, 7)
    except FetalFlexError:
        return
    assert mask.shape == (7, 9)

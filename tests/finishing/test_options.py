from __future__ import annotations

from typing import Any

import pytest

from fetalflex.errors import FetalFlexError
from fetalflex.finishing import Finishing


def test_off_does_nothing_and_a_feather_can_be_had_alone() -> None:
    assert Finishing.off() == Finishing.chosen(False) == Finishing(False, False, False, 0)
    assert Finishing.chosen(False, feather=6) == Finishing(False, False, False, 6)
    assert Finishing.chosen(True) == Finishing()
    assert Finishing().record() == {"membrane": True, "tone": True, "texture": True, "feather": "auto"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"membrane": 1}, "finishing.membrane is 1; choose True or False"),
        ({"texture": "yes"}, "finishing.texture is 'yes'; choose True or False"),
        ({"feather": -1}, "feather must be a whole number from 0 .*got -1"),
        ({"feather": 2.5}, r"feather must be .*got 2\.5"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_name(options: dict[str, Any], message: str) -> None:
    with pytest.raises(FetalFlexError, match=message):
        Finishing(**options)

from __future__ import annotations

import contextlib

import pytest
from diffusers.utils import logging as diffusers_logging
from transformers.utils import logging as transformers_logging

from fetalflex.models.quiet import quiet

LIBRARIES = (diffusers_logging, transformers_logging)


def test_the_libraries_are_silent_inside_and_as_before_outside() -> None:
    before = [library.get_verbosity() for library in LIBRARIES]
    with quiet():
        assert [library.get_verbosity() for library in LIBRARIES] == [diffusers_logging.ERROR] * 2
    assert [library.get_verbosity() for library in LIBRARIES] == before


@pytest.mark.parametrize("shown", [True, False])
def test_the_progress_bar_is_as_before_even_after_an_error(shown: bool) -> None:
    was_shown = transformers_logging.is_progress_bar_enabled()
    switch = {True: transformers_logging.enable_progress_bar, False: transformers_logging.disable_progress_bar}
    try:
        switch[shown]()
        with contextlib.suppress(RuntimeError), quiet():
            assert not transformers_logging.is_progress_bar_enabled()
            raise RuntimeError
        assert transformers_logging.is_progress_bar_enabled() == shown
    finally:
        switch[was_shown]()

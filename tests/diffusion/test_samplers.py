from __future__ import annotations

import pytest

from fetalflex.diffusion.samplers import choose_sampler
from fetalflex.errors import FetalFlexError


def test_unknown_names_are_refused_with_those_that_are_known():
    with pytest.raises(FetalFlexError, match=r"'euler'; choose one of ddim, dpm\+\+, unipc"):
        choose_sampler("euler")


def test_eta_is_for_ddim_alone_and_between_0_and_1():
    with pytest.raises(FetalFlexError, match=r"eta is 1\.5"):
        choose_sampler("ddim", 1.5)
    with pytest.raises(FetalFlexError, match="unipc is deterministic"):
        choose_sampler("unipc", 0.5)

"""Keep samples of a batch alike where they are not to differ."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from fetalflex.diffusion.sampling import Step, Transform


def follow_leaders(leaders: Sequence[int], free: Tensor) -> Transform:
    """Return the transform that lets each sample go its own way in one region only, and follow another elsewhere.

    After each step, the last one included, with the sample's leader marked by a star:

        x_{t-1} ← free · x_{t-1} + (1 - free) · x*_{t-1}

    Where both start from the same noise and draw the same noise on the way, both are equally noisy, so a weight between
    0 and 1 leaves the level of noise as it is where they agree.

    Args:
        leaders: Index of each sample's leader in the batch, (B,); a leader is its own.
        free: 1 where a sample goes its own way, 0 where it follows, (B, 1, h, w), at latent resolution.
    """
    chosen = list(leaders)

    def transform(x: Tensor, step: Step) -> Tensor:
        del step
        return free * x + (1 - free) * x[chosen]

    return transform

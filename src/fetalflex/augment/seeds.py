"""Seeds that follow from the plan's seed and a place in it, and from nothing else."""

from __future__ import annotations

import hashlib

_BITS = 48  # so that programs that read numbers as floats get them right


def seed_at(seed: int, purpose: str, *place: int) -> int:
    """Return the seed of one draw, 0 to 2^48 - 1.

    Args:
        seed: Of the plan.
        purpose: What is drawn.
        place: Where, such as the number of a sample and of the attempt.
    """
    text = "/".join(map(str, (seed, purpose, *place)))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> (64 - _BITS)

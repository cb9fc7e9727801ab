"""Rulers: how a synthetic region differs from the real one in texture, at its rim, and in tone.

They work on grey images at their own resolution, need numpy and scipy alone, and may be used by training and
evaluation alike.
"""

from fetalflex.rulers.blur import blurred, equal_blur
from fetalflex.rulers.region import BAND_NAMES, RULER_NAMES, appearance, ruler_values
from fetalflex.rulers.seam import Seam, rim_step, seam
from fetalflex.rulers.texture import BANDS, SUMMARY_BAND, Texture, local_contrast, texture
from fetalflex.rulers.tone import Tone, tone

__all__ = [
    "BANDS",
    "BAND_NAMES",
    "RULER_NAMES",
    "SUMMARY_BAND",
    "Seam",
    "Texture",
    "Tone",
    "appearance",
    "blurred",
    "equal_blur",
    "local_contrast",
    "rim_step",
    "ruler_values",
    "seam",
    "texture",
    "tone",
]

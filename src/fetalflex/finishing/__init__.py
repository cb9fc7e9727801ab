"""Make a synthetic region part of the image it lies in: no rim, one tone, one texture."""

from fetalflex.finishing.options import Finishing

__all__ = ["Finishing"]

"""What says that an image is synthetic: the mark, how it is written into files of each kind, and how it is found.

A synthetic image carries its mark in three places, so that losing one of them does not make it pass for real: in the
metadata of its file, in the fields of its record, and, by the digest of its pixels, in `synthetic.jsonl` beside it.
"""

from __future__ import annotations

from fetalflex.provenance.appending import append_to_list
from fetalflex.provenance.file_text import mark_in_bytes, mark_in_file
from fetalflex.provenance.known import KnownSynthetic, mark_of_image
from fetalflex.provenance.listing import SYNTHETIC_LIST, SyntheticList
from fetalflex.provenance.mark import NOTICE, SYNTHETIC, SyntheticMark, mark_of_fields, mark_of_text, picture_text

__all__ = [
    "NOTICE",
    "SYNTHETIC",
    "SYNTHETIC_LIST",
    "KnownSynthetic",
    "SyntheticList",
    "SyntheticMark",
    "append_to_list",
    "mark_in_bytes",
    "mark_in_file",
    "mark_of_fields",
    "mark_of_image",
    "mark_of_text",
    "picture_text",
]

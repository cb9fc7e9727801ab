"""The mark of a synthetic image: that it is one, and what is known of how it was made."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from fetalflex.files.json_files import JsonMapping, JsonObject

SYNTHETIC = "synthetic"
"""Field of image entries that tells synthetic images."""

NOTICE = "Synthetic fetal ultrasound image made by FetalFlex; for research and education, not for diagnosis"
"""What the metadata of a synthetic image say."""

PICTURE_NOTICE = "Picture made by FetalFlex; for research and education, not for diagnosis"
"""What the metadata of a sheet or the like say that shows no synthetic image."""

_FOREIGN_NOTICE = "Synthetic image; for research and education, not for diagnosis"
_SOFTWARE = "FetalFlex"
_FACTS = ("label", "anomaly", "severity", "seed", "attempt", "model", "source_image", "source_dataset")
"""What is kept of how an image was made, as fields of its record."""

_OWN = ("seed", "model", "attempt")
"""Facts that FetalFlex alone writes."""

_TEXT_NAMES = {"source_image": "FetalFlex:source", **{name: f"FetalFlex:{name}" for name in _FACTS[:-2]}}
_NUMBERS = frozenset({"seed", "attempt"})
_LONGEST_FACT = 300
_LONGEST_NUMBER = 20
_NO = frozenset({"", "0", "0.0", "false", "no", "none", "null", "n", "f", "real"})
_SAYS_SO = re.compile(r"\bsynthetic( fetal)?( ultrasound)? images?\b", re.IGNORECASE)
_SOURCE_TYPES = re.compile(r"\b(compositeWithT|t)rainedAlgorithmicMedia\b")
"""Of the IPTC's digital source types, those of images that a trained model has made, or in part."""

_DESCRIPTIONS = frozenset({"description", "comment", "imagedescription", "usercomment", "title", "caption"})
_XMP = frozenset({"xmp", "xml:com.adobe.xmp"})


@dataclass(frozen=True)
class SyntheticMark:
    """The mark of a synthetic image.

    Args:
        facts: What is known of how it was made: label, anomaly, severity, seed, attempt, model, source_image,
            source_dataset; texts and whole numbers.
    """

    facts: Mapping[str, str | int] = field(default_factory=dict)

    @property
    def notice(self) -> str:
        """What the image's description says."""
        return NOTICE if any(name in self.facts for name in _OWN) else _FOREIGN_NOTICE

    def added_to(self, fields: JsonMapping) -> JsonObject:
        """Return the fields of a record with the mark; facts that the record states otherwise stay as it has them."""
        return {**self.facts, **{key: value for key, value in fields.items() if not _is_flag(key)}, SYNTHETIC: True}

    def png_text(self) -> dict[str, str]:
        """Return text fields for a PNG file."""
        text = {"Synthetic": "true", "Description": self.notice}
        if self.notice == NOTICE:
            text["Software"] = _SOFTWARE
        named = ((_TEXT_NAMES[name], self.facts[name]) for name in _TEXT_NAMES if name in self.facts)
        return text | {name: str(value) for name, value in named}


def mark_of_fields(fields: JsonMapping) -> SyntheticMark | None:
    """Return the mark that the fields of a record hold; None if they do not say that the image is synthetic.

    Args:
        fields: JSON values. `synthetic` counts as said unless it is false, null, 0, or a text for one of these.
    """
    if not any(_is_flag(key) and _is_yes(value) for key, value in fields.items()):
        return None
    facts = {name: fact for name in _FACTS if (fact := _fact(name, fields.get(name))) is not None}
    return SyntheticMark(facts)


def mark_of_text(text: Mapping[str, str]) -> SyntheticMark | None:
    """Return the mark that the text fields of an image file hold; None if they do not say that it is synthetic.

    Understood are FetalFlex's own fields, descriptions and comments that call it a synthetic image, and the IPTC's
    digital source type in XMP, which other makers write too.
    """
    named = {key.casefold(): value for key, value in text.items()}
    is_marked = (
        _is_yes(named.get(SYNTHETIC))
        or any(_SAYS_SO.search(named[key]) for key in _DESCRIPTIONS & named.keys())
        or any(_SOURCE_TYPES.search(named[key]) for key in _XMP & named.keys())
    )
    if not is_marked:
        return None
    found = {name: _fact(name, named.get(key.casefold())) for name, key in _TEXT_NAMES.items()}
    return SyntheticMark({name: fact for name, fact in found.items() if fact is not None})


def picture_text(what: str, synthetic: bool = True) -> dict[str, str]:
    """Return text fields for a PNG that shows images without being one.

    Args:
        what: Ends its description; may be empty.
        synthetic: Whether one of the images is.
    """
    notice = f"{NOTICE if synthetic else PICTURE_NOTICE}{what and f'; {what}'}"
    return ({"Synthetic": "true"} if synthetic else {}) | {"Description": notice, "Software": _SOFTWARE}


def _is_flag(key: str) -> bool:
    return key.casefold() == SYNTHETIC


def _is_yes(value: object) -> bool:
    if isinstance(value, str):
        return value.strip().casefold() not in _NO
    return value is not None and value is not False and value != 0


def _fact(name: str, value: object) -> str | int | None:
    """Return a fact as it may be kept; None for what is none. It may come from anybody's file."""
    if name in _NUMBERS:
        text = str(value)
        is_number = len(text) <= _LONGEST_NUMBER and text.isascii() and text.isdecimal()
        return int(text) if is_number and not isinstance(value, bool) else None
    if not isinstance(value, str) or not 0 < len(value) <= _LONGEST_FACT or not value.isprintable():
        return None
    return value

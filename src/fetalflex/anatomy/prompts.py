"""Global prompts: text that names the plane and its structures."""

from __future__ import annotations

import re
from collections.abc import Iterator

from fetalflex.anatomy.layout import Layout
from fetalflex.anatomy.planes import Plane
from fetalflex.anatomy.registry import Registry
from fetalflex.checks import shown
from fetalflex.errors import FetalFlexError

_START = "fetal ultrasound"
_LONGEST_EXTRA = 1000
_WORD = re.compile(r"[^\W_]+")
_GENERAL_TEXTS = (
    "normal appearance, abnormal appearance, anomaly, malformation",
    "mild, moderate, severe, enlarged, dilated, small, large, absent, shifted, rotated, thick, thin",
    "first trimester, second trimester, third trimester, gestational age in weeks and days",
    "left, right, near field, far field, upper, lower, anterior, posterior, oblique, transverse, sagittal, coronal",
    "anechoic, hypoechoic, isoechoic, hyperechoic, bright, dark, speckle, acoustic shadow, low contrast, high gain",
    "image of a fetus without and with a visible structure, clear, blurred, noisy, standard plane, close up",
)


def global_prompt(layout_or_plane: Layout | Plane | str, registry: Registry, extra: str | None = None) -> str:
    """Return the plane's title and the sorted structure names as one line of text.

    Args:
        layout_or_plane: a layout, or a plane (or its name) for a prompt without structures.
        registry: where titles come from; an unknown plane or structure raises FetalFlexError.
        extra: free text to add at the end, at most 1000 characters; line breaks become spaces.

    Example:
        `fetal ultrasound, thalamic transverse plane, with cavum septi pellucidi, skull, thalami`
    """
    if isinstance(layout_or_plane, Layout):
        plane, names = registry.plane(layout_or_plane.plane), layout_or_plane.names()
    else:
        plane = layout_or_plane if isinstance(layout_or_plane, Plane) else registry.plane(layout_or_plane)
        names = ()
    parts = [_START, plane.title.lower()]
    if names:
        parts.append(f"with {_words(names[0], registry)}")
        parts.extend(_words(name, registry) for name in names[1:])
    if extra is not None:
        parts.append(_checked_extra(extra))
    return ", ".join(part for part in parts if part)


def prompt_corpus(registry: Registry) -> Iterator[str]:
    """Yield texts that hold every word of the registry and of usual prompts, always in the same order."""
    for plane in registry.planes:
        yield global_prompt(plane, registry)
        yield f"{_START}, {plane.title.lower()}, with {', '.join(_words(name, registry) for name in plane.structures)}"
        yield ", ".join((*plane.synonyms, *plane.prompt_words)).lower()
    for structure in registry.structures:
        yield ", ".join((_words(structure.name, registry), structure.title, *structure.synonyms)).lower()
    yield from _GENERAL_TEXTS


def words_beyond_prompts(text: str, registry: Registry) -> tuple[str, ...]:
    """Return the words of a text that no prompt made from a layout holds, in lower case, each once, in their order.

    A model that was trained on such prompts alone has learnt nothing of them, even if its vocabulary can spell them.

    Args:
        text: any text.
        registry: whose planes and structures the prompts name.
    """
    prompts = (
        f"{global_prompt(plane, registry)} with {' '.join(_words(name, registry) for name in plane.structures)}"
        for plane in registry.planes
    )
    known = {word for prompt in prompts for word in _WORD.findall(prompt.casefold())}
    return tuple(dict.fromkeys(word for word in _WORD.findall(text.casefold()) if word not in known))


def _words(name: str, registry: Registry) -> str:
    return registry.structure(name).name.replace("_", " ")


def _checked_extra(extra: str) -> str:
    if not isinstance(extra, str):
        raise FetalFlexError(f"extra prompt must be a text, got {shown(extra)}")
    if len(extra) > _LONGEST_EXTRA:
        raise FetalFlexError(f"extra prompt has {len(extra)} characters; at most {_LONGEST_EXTRA} are allowed")
    return " ".join(extra.split())

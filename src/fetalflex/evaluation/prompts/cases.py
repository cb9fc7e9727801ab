"""Which structures are named and negated, on which images."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fetalflex.anatomy import Layout, Registry
from fetalflex.anatomy.prompts import global_prompt
from fetalflex.evaluation.alike import Asked
from fetalflex.evaluation.prompts.real import RealLook
from fetalflex.evaluation.prompts.wording import WORDINGS
from fetalflex.evaluation.samples import Sample


@dataclass(frozen=True)
class PresenceCase:
    """One image in which a structure is kept out of the layout and left to the prompt.

    Args:
        sample: The real image whose background is kept.
        structure: Which of its structures.
    """

    sample: Sample
    structure: str

    @property
    def own(self) -> str:
        """What the synthesis from the image's own layout is called; all cases of an image share it."""
        return self.sample.name

    def named(self, wording: str) -> str:
        """Return what the synthesis under the prompt that names the structure is called."""
        return f"{self.sample.name}.{self.structure}.{wording}.named"

    def negated(self, wording: str) -> str:
        """Return what the synthesis under the prompt that says the structure is absent is called."""
        return f"{self.sample.name}.{self.structure}.{wording}.negated"

    @property
    def shown_layout(self) -> Layout:
        """What the model is shown of the layout: all but the structure."""
        layout = self.sample.layout
        return layout.with_structures(one for one in layout.structures if one.name != self.structure)

    def asked(self, registry: Registry) -> dict[str, Asked]:
        """Return what is asked of each synthesis, by its name."""
        layout = self.sample.layout
        asked = {self.own: Asked(layout, global_prompt(layout, registry))}
        for wording, word in WORDINGS.items():
            prompts = word(layout, self.structure, registry)
            asked[self.named(wording)] = Asked(self.shown_layout, prompts.naming)
            asked[self.negated(wording)] = Asked(self.shown_layout, prompts.negating)
        return asked


def plan_cases(
    looks: Sequence[RealLook], registry: Registry, images_per_structure: int = 8, seed: int = 0
) -> list[PresenceCase]:
    """Choose for each structure of a plane images of different patients, the same for many structures.

    Chosen are images in which the detector finds the structure where it is; the plane's outline is left out, since it
    says where all others are.

    Args:
        looks: What the detector finds in the real images.
        registry: Knows the planes' outlines.
        images_per_structure: The most images of a structure in a plane.
        seed: Seed of the order in which images are tried.
    """
    patients: dict[tuple[str, str], set[str]] = defaultdict(set)
    chosen = []
    for index in np.random.default_rng(seed).permutation(len(looks)):
        sample, outline = looks[index].sample, registry.plane(looks[index].sample.plane).outline
        for structure in looks[index].reliable():
            seen = patients[sample.plane, structure]
            if structure != outline and len(seen) < images_per_structure and sample.patient not in seen:
                seen.add(sample.patient)
                chosen.append(PresenceCase(sample, structure))
    return sorted(chosen, key=lambda one: (one.sample.position, one.structure))

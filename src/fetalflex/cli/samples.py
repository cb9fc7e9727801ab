"""Several images of one task: their files, their seeds, and the loop that makes them. Imported while a command runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fetalflex.anatomy import Layout
from fetalflex.cli.black_images import tell_of_black
from fetalflex.cli.jobs import SEEDS_PER_SAMPLE, check_count, check_seeds
from fetalflex.cli.show import progress_bar
from fetalflex.errors import FetalFlexError
from fetalflex.files import check_outputs
from fetalflex.pipeline.synthesis import says_already
from fetalflex.progress import OnProgress, counting_from

if TYPE_CHECKING:
    from fetalflex.pipeline.synthesis import Synthesis

TOGETHER = 4
"""Images that are computed together."""


@dataclass(frozen=True)
class Sampled:
    """One image to make: its file, and the seed of its noise."""

    path: Path
    seed: int

    @property
    def layout_path(self) -> Path:
        """Return the file of the layout beside it."""
        return self.path.with_suffix(".layout.json")


def plan_samples(out: Path, seed: int, samples: int) -> list[Sampled]:
    """Return the images to make: OUT.png, or OUT-1.png, OUT-2.png, ... with a seed of its own for each.

    Raises:
        FetalFlexError: If `out` does not end in .png, there are too many images, or a seed is too large.
    """
    check_count(1, samples)
    check_seeds(seed, 0, samples)
    if out.suffix.lower() != ".png":
        raise FetalFlexError(f"--out {out} does not end in .png")
    if samples == 1:
        return [Sampled(out, seed)]
    return [
        Sampled(out.with_name(f"{out.stem}-{number + 1}{out.suffix}"), seed + SEEDS_PER_SAMPLE * number)
        for number in range(samples)
    ]


def check_sample_outputs(
    planned: Sequence[Sampled], layout: Layout, others: Sequence[Path], inputs: Sequence[Path], force: bool
) -> list[Path]:
    """Check that all files can be written without harm; a layout file that says the same already may be there.

    Args:
        planned: The images.
        layout: What they show.
        others: Further files to write.
        inputs: Files that the command reads.
        force: Allow replacing other files.

    Returns:
        All files that lie there in the end.

    Raises:
        FetalFlexError: See `check_outputs`.
    """
    images = [one.path for one in planned]
    layouts = [one.layout_path for one in planned]
    check_outputs([*images, *(path for path in layouts if not says_already(path, layout)), *others], inputs, force)
    return [*(path for one in planned for path in (one.path, one.layout_path)), *others]


def make_samples(
    planned: Sequence[Sampled],
    make: Callable[[list[int], OnProgress], list[Synthesis]],
    force: bool,
    title: str,
    together: int = TOGETHER,
) -> list[Synthesis]:
    """Make and write the images, a few together, so that an interruption keeps what is finished.

    Args:
        planned: The images.
        make: Takes seeds, and what is to be told how many of their images are done; returns one synthesis per seed.
        force: Replace files that are there.
        title: What the progress bar is called.
        together: Images that `make` computes at once.
    """
    made: list[Synthesis] = []
    with progress_bar(title, len(planned)) as show:
        for start in range(0, len(planned), together):
            batch = planned[start : start + together]
            syntheses = make([one.seed for one in batch], counting_from(start, show))
            for one, synthesis in zip(batch, syntheses, strict=True):
                synthesis.save(one.path, force=force)
            made += syntheses
    tell_of_black(len(made), [one.path for one, synthesis in zip(planned, made, strict=True) if synthesis.is_black])
    return made

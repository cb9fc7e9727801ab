"""`fetalflex refine`: re-synthesise organs of a draft image (OSM)."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from fetalflex.cli import options
from fetalflex.cli.sampling_options import WITHOUT_EDITS, with_sampling_options
from fetalflex.errors import FetalFlexError
from fetalflex.pipeline.sampling import REFINEMENT_STRENGTH, Sampling

_DEFAULTS = WITHOUT_EDITS.replace(strength=REFINEMENT_STRENGTH)


_Draft = Annotated[
    str,
    typer.Argument(
        metavar="DRAFT",
        help="Image to refine, from this program or any other; with --dataset, the name of an image in it.",
    ),
]
_Layout = Annotated[
    Path | None, typer.Option("--layout", help="Layout file: what the result shows.", show_default=False)
]
_Organs = Annotated[
    list[str] | None,
    typer.Option(
        "--organ",
        metavar="STRUCTURE",
        help="Refine the region of this structure of the layout; repeatable, all are refined in one pass.",
        show_default=False,
    ),
]
_Masks = Annotated[
    list[Path] | None,
    typer.Option(
        "--mask",
        metavar="ORGAN.png",
        help="Region of an organ, as a two-valued image of the draft's size; repeatable, also with --organ.",
        show_default=False,
    ),
]


@with_sampling_options("strength")
def refine(
    draft: _Draft,
    out: Annotated[Path, typer.Option("--out", metavar="OUT.png", help="Image file to write.")],
    layout: _Layout = None,
    dataset: options.FromDataset = None,
    organs: _Organs = None,
    masks: _Masks = None,
    compare: options.Compare = None,
    model: options.Model = "mini",
    prompt: options.Prompt = None,
    seed: Annotated[int, typer.Option("--seed", min=0, max=2**63 - 1, help="Seed of the noise.")] = 0,
    samples: options.Samples = 1,
    negative_prompt: options.NegativePrompt = None,
    sampling: Sampling = _DEFAULTS,
    device: options.Device = "auto",
    registry_file: options.RegistryFile = None,
    force: options.Force = False,
) -> None:
    """Re-synthesise organs of a draft image: the second sampling stage (OSM).

    Inside the organs' regions the draft is noised to the level that --strength sets and denoised under prompt and
    layout; every pixel outside stays as it was. The layout is written beside the image, as OUT.layout.json.
    """
    import numpy as np

    from fetalflex.anatomy import draw_organ_mask
    from fetalflex.cli import inputs
    from fetalflex.cli.prompt_notes import tell_of_layouts, tell_of_prompts
    from fetalflex.cli.samples import check_sample_outputs, make_samples, plan_samples
    from fetalflex.cli.scans import read_scan
    from fetalflex.experiments.before_after import check_comparison_file, write_comparison

    planned = plan_samples(out, seed, samples)
    check_comparison_file(compare)
    if not organs and not masks:
        raise FetalFlexError("there is nothing to refine; give --organ with a structure of the layout, or --mask")
    registry = inputs.load_registry(registry_file, model)
    scan = read_scan(draft, layout, dataset, registry)
    regions = [scan.mask(path) for path in masks or []]
    if organs:
        regions.append(draw_organ_mask(scan.layout, registry, organs))
    others = [] if compare is None else [compare]
    outputs = check_sample_outputs(planned, scan.layout, others, [*scan.files, *(masks or [])], force)

    pipeline = inputs.load_pipeline(model, registry, device)
    tell_of_prompts(pipeline, model, prompt, negative_prompt)
    tell_of_layouts(pipeline, model, [scan.layout])
    again = partial(pipeline.refine, scan.image, scan.layout, np.stack(regions), prompt)
    again = partial(again, negative_prompt=negative_prompt, sampling=sampling)
    made = make_samples(
        planned, lambda seeds, tell: [again(seed, on_progress=tell) for seed in seeds], force, "refining", together=1
    )
    if compare is not None:
        write_comparison(compare, scan.image, scan.layout, made, registry, scan.name, force, scan.is_synthetic)
    typer.echo(f"wrote {', '.join(map(str, outputs))}")

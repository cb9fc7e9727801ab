"""`fetalflex counterfactual`: an image normal and with an anomaly, and what differs between both."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fetalflex.cli import options
from fetalflex.cli.anomaly import AnomaliesFile
from fetalflex.cli.black_images import tell_of_black
from fetalflex.cli.sampling_options import with_sampling_options
from fetalflex.cli.show import progress_bar
from fetalflex.errors import FetalFlexError
from fetalflex.files.json_files import JsonObject
from fetalflex.pipeline.sampling import Sampling

if TYPE_CHECKING:
    from fetalflex.anatomy import Registry
    from fetalflex.anatomy.anomalies import Variant
    from fetalflex.cli.scans import Scan
    from fetalflex.counterfactuals import CounterfactualPair

MARGIN = 0.03
"""That of `draw_change_mask`, named again because importing it there takes time."""


_Image = Annotated[
    str, typer.Argument(metavar="IMAGE", help="Normal image; with --dataset, the name of an image in it.")
]
_Layout = Annotated[
    Path | None, typer.Option("--layout", help="Layout file: what the image shows.", show_default=False)
]
_Dataset = Annotated[
    Path | None,
    typer.Option("--dataset", help="Data set folder or packed file to take image and layout from.", show_default=False),
]
_Severity = Annotated[
    str | None,
    typer.Option("--severity", help="Grade of the anomaly; drawn at random by default.", show_default=False),
]
_Structure = Annotated[
    str | None,
    typer.Option(
        "--structure",
        help="Structure of displacement, size_change and absence; drawn at random by default.",
        show_default=False,
    ),
]
_Seed = Annotated[int, typer.Option("--seed", min=0, max=2**63 - 1, help="Seed of the variant and of the noise.")]
_Margin = Annotated[
    float,
    typer.Option(
        "--margin",
        min=0,
        max=1,
        help="How far around the structures that the anomaly changes the images may differ, as a fraction of the "
        "longer image side; all else is the source's, unless --roi says otherwise.",
    ),
]
_WholeRegion = Annotated[
    bool, typer.Option("--whole-region", help="Synthesise the whole body, and let the images differ there.")
]
_PlainPrompt = Annotated[
    bool, typer.Option("--plain-prompt", help="Omit the anomaly's words from the abnormal image's prompt.")
]


@with_sampling_options("guidance_edit")
def counterfactual(
    context: typer.Context,
    image: _Image,
    anomaly: Annotated[str, typer.Option("--anomaly", metavar="NAME", help="Name or title of an anomaly.")],
    out: Annotated[Path, typer.Option("--out", help="Folder to make.")],
    layout: _Layout = None,
    dataset: _Dataset = None,
    severity: _Severity = None,
    structure: _Structure = None,
    seed: _Seed = 0,
    margin: _Margin = MARGIN,
    whole_region: _WholeRegion = False,
    plain_prompt: _PlainPrompt = False,
    model: options.Model = "mini",
    roi: options.EditRoiMode = None,
    mask: options.Mask = None,
    negative_prompt: options.NegativePrompt = None,
    sampling: Sampling = Sampling(),
    device: options.Device = "auto",
    anomalies: AnomaliesFile = None,
    registry_file: options.RegistryFile = None,
    force: options.Force = False,
    as_json: options.AsJson = False,
) -> None:
    """Synthesise an image twice, normal and with an anomaly.

    Both have the same background and start from the same noise. They are drawn, and differ, only around what the
    anomaly changes; everywhere else they equal the source, pixel for pixel.
    OUT holds both images with their layouts, the anomaly's recipe, the mask of where they may differ, the difference
    (exact, and as a picture), what was measured (pair.json), and a sheet that shows it all.
    """
    from fetalflex.anatomy.anomalies import default_library
    from fetalflex.cli import inputs
    from fetalflex.cli.prompt_notes import tell_of_layouts, tell_of_prompts
    from fetalflex.cli.scans import read_scan
    from fetalflex.counterfactuals import PAIR_FOLDER, synthesise_pairs
    from fetalflex.files import check_not_inside, reserved

    if whole_region and options.was_given(context, "margin"):
        raise FetalFlexError("--margin and --whole-region both say where the images may differ; give one of them")
    inputs.check_roi_options(True, roi, mask, sampling.finishing.feather)
    registry = inputs.load_registry(registry_file, model)
    library = default_library() if anomalies is None else default_library().extended_with(anomalies, registry)
    scan = read_scan(image, layout, dataset, registry)
    variant = library.anomaly(anomaly).sample(scan.layout, severity, seed, structure, registry)
    region = scan.region(mask, roi, options.EditRoi.AUTO if whole_region else options.EditRoi.CHANGED)
    check_not_inside([*scan.files, *([] if mask is None else [mask])], out)
    with reserved(out, PAIR_FOLDER, force):
        pipeline = inputs.load_pipeline(model, registry, device)
        tell_of_prompts(pipeline, model, negative_prompt)
        tell_of_layouts(pipeline, model, [scan.layout, variant.after])
        with progress_bar("synthesising", 2) as show:
            synthesise = partial(synthesise_pairs, roi=region, negative_prompt=negative_prompt, sampling=sampling)
            around = None if whole_region else margin
            words = not plain_prompt
            [pair] = synthesise(
                pipeline, scan.image, [variant], around, prompt_words=words, seed=seed, on_progress=show
            )
        story = _write(pair, out, scan, registry, library.anomaly(anomaly).title, force)
    _tell(story, variant, seed, out, as_json)


def _write(pair: CounterfactualPair, out: Path, scan: Scan, registry: Registry, title: str, force: bool) -> JsonObject:
    """Write the folder of a pair; return what was measured."""
    from fetalflex.counterfactuals import PAIR_FOLDER, write_pair
    from fetalflex.counterfactuals.sheet import write_pair_sheet
    from fetalflex.files import new_folder

    with new_folder(out, PAIR_FOLDER, force) as folder:
        story = write_pair(pair, folder, scan.name, registry, scan.is_synthetic)
        write_pair_sheet(folder / "sheet.png", [pair], registry, title, scan.name, scan.is_synthetic)
    made = {"normal.png": pair.normal, "abnormal.png": pair.abnormal}
    tell_of_black(len(made), [out / name for name, synthesis in made.items() if synthesis.is_black])
    return story


def _tell(story: JsonObject, variant: Variant, seed: int, out: Path, as_json: bool) -> None:
    """Say what was made, and what of it is not seen."""
    if as_json:
        typer.echo(json.dumps({"folder": str(out)} | story, indent=2, ensure_ascii=False))
        return
    inside, outside = story["measures"]["inside"], story["measures"]["outside"]
    typer.echo(f"{variant.anomaly}, {variant.severity}, seed {seed}")
    for sentence in variant.repairs:
        typer.echo(sentence)
    typer.echo(
        f"{inside['changed_pixels']} of {story['measures']['may_differ_pixels']} pixels that may differ do, "
        f"by {inside['mean_absolute_difference']:.1f} grey levels on average; {outside['changed_pixels']} others do"
    )
    for demand in story["demands"]:
        if demand["met"] is False:
            typer.echo(f"NOT SEEN: {demand['demand']} ({demand['value']:.2f}, limit {demand['limit']:g})")
    typer.echo(f"wrote {out}")

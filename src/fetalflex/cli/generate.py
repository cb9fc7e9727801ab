"""`fetalflex generate`: layouts in, synthetic images out."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fetalflex.cli import options
from fetalflex.cli.black_images import tell_of_black
from fetalflex.cli.sampling_options import WITHOUT_EDITS, with_sampling_options
from fetalflex.cli.show import progress_bar
from fetalflex.errors import FetalFlexError
from fetalflex.files.json_files import JsonObject
from fetalflex.pipeline.sampling import Sampling

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from fetalflex.cli.generated import GeneratedImages
    from fetalflex.cli.jobs import Job
    from fetalflex.pipeline.pipeline import FetalFlexPipeline
    from fetalflex.pipeline.requests import Request

_SHOWN_DIFFERENCES = 5


_Layouts = Annotated[list[Path] | None, typer.Argument(metavar="LAYOUT.json", help="Layout files.", show_default=False)]
_Dataset = Annotated[
    Path | None,
    typer.Option(
        "--dataset", help="Data set folder or packed file to take layouts and images from.", show_default=False
    ),
]
_Split = Annotated[
    str | None,
    typer.Option("--split", help="Only this split of the data set: train, val or test.", show_default=False),
]
_Plane = Annotated[str | None, typer.Option("--plane", help="Only this plane of the data set.", show_default=False)]
_Limit = Annotated[
    int | None, typer.Option("--limit", min=1, help="Only the first N images of the data set.", show_default=False)
]
_NoSource = Annotated[
    bool, typer.Option("--no-source", help="Synthesise whole images; keep nothing of those in the data set.")
]
_Image = Annotated[
    Path | None,
    typer.Option("--image", help="Source image of a single layout; its background is kept.", show_default=False),
]
_Seed = Annotated[
    int,
    typer.Option(
        "--seed",
        min=0,
        max=2**63 - 1,
        help="Sample k of layout i has the seed SEED + i + 1000000 k, both counted from 0; in a data set, i counts "
        "all records. So an image does not depend on --limit, --samples, --batch-size or the choice of records.",
    ),
]
_Samples = Annotated[
    int, typer.Option("--samples", min=1, max=1_000_000, help="Images per layout, named NAME-1, NAME-2, ...")
]


@with_sampling_options()
def generate(
    out: Annotated[Path, typer.Option("--out", help="Folder to write to.")],
    layouts: _Layouts = None,
    dataset: _Dataset = None,
    split: _Split = None,
    plane: _Plane = None,
    limit: _Limit = None,
    no_source: _NoSource = False,
    image: _Image = None,
    model: options.Model = "mini",
    prompt: options.Prompt = None,
    roi: options.RoiMode = None,
    mask: options.Mask = None,
    seed: _Seed = 0,
    samples: _Samples = 1,
    negative_prompt: options.NegativePrompt = None,
    sampling: Sampling = WITHOUT_EDITS,
    batch_size: options.BatchSize = 4,
    device: options.Device = "auto",
    registry_file: options.RegistryFile = None,
    force: options.Force = False,
    as_json: options.AsJson = False,
) -> None:
    """Synthesise images from layouts.

    The layouts come from files or, with --dataset, from the records of a data set. Each image is written as NAME.png,
    with NAME.layout.json beside it. With a source image (--image, or the images of a data set) only the region to
    synthesise changes; every pixel outside stays as it was. The same command resumes an interrupted run.
    """
    from fetalflex.cli.generated import GeneratedImages
    from fetalflex.cli.inputs import check_roi_options, load_pipeline, load_registry, read_region
    from fetalflex.cli.jobs import items_from_dataset, items_from_layouts, items_with_region, plan_jobs
    from fetalflex.cli.prompt_notes import tell_of_layouts, tell_of_prompts
    from fetalflex.files import check_not_read, check_outputs, locked, remove_leftovers

    registry = load_registry(registry_file, model)
    if dataset is None:
        _check_layout_options(layouts, {"--split": split, "--plane": plane, "--limit": limit, "--no-source": no_source})
        check_roi_options(image is not None, roi, mask, sampling.finishing.feather)
        items = items_from_layouts(layouts or [], image, registry)
    else:
        _check_dataset_options({"layout files": layouts, "--image": image})
        check_roi_options(not no_source, roi, mask, sampling.finishing.feather)
        items = items_from_dataset(dataset, registry, split, plane, keep_source=not no_source)
    region = read_region(mask, roi)
    usable = items_with_region(items, region, registry, may_leave_out=dataset is not None)
    jobs = plan_jobs(usable[:limit], out, seed, samples)
    inputs = [file for job in jobs for file in job.item.files] + ([] if mask is None else [mask])
    with locked(out):
        remove_leftovers(out)
        known = GeneratedImages(out)
        check_outputs([path for job in jobs if not known.knows(job) for path in job.outputs], inputs, force)
        check_not_read([path for job in jobs for path in job.outputs], inputs)
        _tell_of_left_out(len(items) - len(usable), len(items))
        pipeline = load_pipeline(model, registry, device)
        tell_of_prompts(pipeline, model, prompt, negative_prompt)
        tell_of_layouts(pipeline, model, {job.item.origin: job.item.layout for job in jobs}.values())
        rows = _make(pipeline, jobs, known, batch_size, force, _Wanted(region, prompt, negative_prompt, sampling))
    tell_of_black(len(rows), [Path(row["image"]) for row in rows if row["black"]])
    typer.echo(json.dumps({"model": pipeline.identity, "images": rows}, indent=2) if as_json else _summary(rows, out))


def _summary(rows: list[JsonObject], out: Path) -> str:
    there = sum(row["finished_before"] for row in rows)
    told = f"; {there} of them were finished before" if there else ""
    return f"wrote {len(rows)} {'image' if len(rows) == 1 else 'images'} to {out}{told}"


def _tell_of_left_out(count: int, found: int) -> None:
    if count:
        typer.echo(f"left out {count} of {found} records: their layouts give no region to synthesise", err=True)


def _check_layout_options(layouts: list[Path] | None, dataset_options: JsonObject) -> None:
    if not layouts:
        raise FetalFlexError("there is nothing to draw; give layout files, or --dataset")
    if given := [name for name, value in dataset_options.items() if value not in (None, False)]:
        raise FetalFlexError(f"{given[0]} chooses from a data set; give it together with --dataset")


def _check_dataset_options(layout_options: JsonObject) -> None:
    if given := [name for name, value in layout_options.items() if value]:
        raise FetalFlexError(f"--dataset and {given[0]} do not go together; give one of them")


@dataclass(frozen=True)
class _Wanted:
    """What all images of a run share."""

    region: str | NDArray[np.bool_]
    prompt: str | None
    negative_prompt: str | None
    sampling: Sampling

    def request(self, job: Job) -> Request:
        from fetalflex.pipeline.requests import Request

        item = job.item
        image = None if item.read_source is None else item.read_source()
        return Request(item.layout, image, self.region, self.prompt, job.seed, negative_prompt=self.negative_prompt)

    def facts(self, job: Job, pipeline: FetalFlexPipeline) -> JsonObject:
        """Return all that the image of a job depends on."""
        from fetalflex.cli.generated import facts_of

        texts = {"prompt": self.prompt, "negative_prompt": self.negative_prompt}
        return facts_of(job, pipeline.identity, pipeline.registry, self.sampling.record() | texts, self.region)


def _make(
    pipeline: FetalFlexPipeline,
    jobs: list[Job],
    known: GeneratedImages,
    batch_size: int,
    force: bool,
    wanted: _Wanted,
) -> list[JsonObject]:
    """Synthesise and write batch by batch, so that an interruption keeps what is finished.

    A batch of which something is missing is computed as a whole, so that its images are those of a run that was not
    interrupted, up to the last bit.

    Returns:
        For each image its files, its origin, seed and prompt, whether it was there, and whether it shows nothing.
    """
    from fetalflex.cli.generated import prompt_of
    from fetalflex.progress import counting_from

    begun = {job.path for job in jobs if known.knows(job)}
    finished = set() if force else _finished(jobs, known, pipeline, wanted)
    rows: list[JsonObject] = []
    with progress_bar("synthesising", len(jobs)) as show:
        for start in range(0, len(jobs), batch_size):
            batch = jobs[start : start + batch_size]
            if finished.issuperset(range(start, start + len(batch))):
                rows += [_row(job, prompt_of(job)) for job in batch]
                continue
            made = pipeline.batch(
                [wanted.request(job) for job in batch],
                wanted.sampling,
                batch_size=batch_size,
                on_progress=counting_from(start, show),
            )
            known.note([(job, wanted.facts(job, pipeline)) for job in batch])
            for number, (job, synthesis) in enumerate(zip(batch, made, strict=True), start):
                if number not in finished:
                    synthesis.save(job.path, force=force or job.path in begun)
                rows.append(_row(job, synthesis.prompt, number in finished, synthesis.is_black))
    return rows


def _finished(jobs: list[Job], known: GeneratedImages, pipeline: FetalFlexPipeline, wanted: _Wanted) -> set[int]:
    """Return the positions of the images that are there.

    Raises:
        FetalFlexError: If one was made of something else.
    """
    finished = set()
    for number, job in enumerate(jobs):
        if not known.knows(job) or not any(path.exists() for path in job.outputs):
            continue
        if differences := known.differences(job, wanted.facts(job, pipeline)):
            raise FetalFlexError(
                f"{job.path} was made with other settings ({'; '.join(differences[:_SHOWN_DIFFERENCES])}); give "
                "another folder, the same settings to resume, or --force to start over"
            )
        if known.is_finished(job):
            finished.add(number)
    return finished


def _row(job: Job, prompt: str, finished_before: bool = True, black: bool = False) -> JsonObject:
    image, layout = job.outputs
    return {
        "image": str(image),
        "layout": str(layout),
        "origin": job.item.origin,
        "seed": job.seed,
        "prompt": prompt,
        "finished_before": finished_before,
        "black": black,
    }

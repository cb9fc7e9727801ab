"""`fetalflex study report`: what came out of a study."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fetalflex.cli import options

if TYPE_CHECKING:
    from fetalflex.study.report.results import Results


def report(
    study_folder: Annotated[Path, typer.Argument(metavar="STUDY", help="Study folder.", show_default=False)],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for page, charts and tables.")],
    random_answers: Annotated[
        bool,
        typer.Option(
            "--random-answers",
            help="Draw answers in place of the readers', to see what a report looks like; it says so everywhere.",
        ),
    ] = False,
    seed: Annotated[int, typer.Option("--seed", min=0, max=2**63 - 1, help="Seed of --random-answers.")] = 0,
    registry_file: options.RegistryFile = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an older report.")] = False,
    as_json: options.AsJson = False,
) -> None:
    """Report what readers said, while they are at it or when they have finished.

    DIR/report.html shows means with intervals, radar charts, paired tests with Holm's correction, a proportional odds
    model, agreement between readers and of each with themselves, and whether real and synthetic images were told apart.
    report.json has the same for programs, answers.csv every answer, imrmc.csv the readings for iMRMC.
    """
    from fetalflex.cli.inputs import load_registry
    from fetalflex.files import check_replaceable
    from fetalflex.study.folder import Study
    from fetalflex.study.ratings import random_ratings, read_ratings
    from fetalflex.study.report.results import analyse
    from fetalflex.study.report.writing import REPORT_FOLDER, check_statistics_installed, write_report

    check_statistics_installed()
    registry = load_registry(registry_file)
    study = Study(study_folder)
    check_replaceable(out, REPORT_FOLDER, force)
    ratings = random_ratings(study, seed) if random_answers else read_ratings(study)
    results = analyse(ratings)
    page = write_report(study, ratings, results, out, registry, force)
    question = study.questions.criteria[-1].name
    typer.echo(json.dumps(results.to_dict(), indent=2) if as_json else _told(results, question, page))


def _told(results: Results, question: str, page: Path) -> str:
    lines = ["Random answers; nobody has given them."] if results.are_random else []
    done = [one for one in results.progress if one.rated == one.total]
    lines.append(f"{len(done)} of {len(results.progress)} readers have rated all images")
    lines += [f"  {one.reader}: {one.rated} of {one.total}" for one in results.unfinished]
    for method in results.methods:
        mean = results.mean(question, method)
        if mean is not None:
            ends = "" if mean.low is None else f" ({mean.low:.2f} to {mean.high:.2f})"
            lines.append(f"  {method}: {question} {mean.value:.2f}{ends}, {mean.count} ratings")
    return "\n".join([*lines, f"wrote {page}"])

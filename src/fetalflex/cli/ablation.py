"""`fetalflex experiment ablation`: what each part of the method is worth."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fetalflex.cli import options
from fetalflex.cli.exit_codes import ExitCode
from fetalflex.cli.locking import keep_for_this_command
from fetalflex.cli.show import progress_bar, progress_console

_Config = Annotated[
    Path, typer.Option("--config", metavar="RUN.yaml", help="Control run of the whole method, with its budget.")
]
_Limit = Annotated[
    int | None,
    typer.Option("--limit", min=1, help="Of each plane, only N images, spread over it.", show_default=False),
]
_Edits = Annotated[bool, typer.Option("--edits/--no-edits", help="Test adherence to edited layouts too; takes longer.")]
_Device = Annotated[
    str | None, typer.Option("--device", help="auto, cpu or cuda in place of the file's.", show_default=False)
]


def ablation(
    config: _Config,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for runs, evaluations and the table.")],
    split: options.Split = "val",
    limit: _Limit = None,
    edits: _Edits = True,
    steps: options.Steps = 50,
    guidance_layout: options.GuidanceLayout = 1.0,
    seed: Annotated[int, typer.Option("--seed", min=0, max=2**63 - 1, help="Seed of the syntheses.")] = 0,
    device: _Device = None,
    allow_synthetic: options.AllowSynthetic = False,
    registry_file: options.RegistryFile = None,
    as_json: options.AsJson = False,
) -> None:
    """Train the control branch from scratch without one part of the method at a time, and compare.

    All variants start from the denoiser of the file's `init` and have its budget of images. Left out in turn are the
    pre-alignment, the condition dropout and the SSIM term; and the whole method is sampled with SSA too. Guidance is
    off by default, since without dropout no null condition is learnt. DIR/ablation.md shows the table; the same
    command resumes an interrupted run.
    """
    import json

    from fetalflex.anatomy import default_registry, model_registry
    from fetalflex.cli.inputs import load_registry
    from fetalflex.data import open_dataset
    from fetalflex.diffusion.guidance import Guidance
    from fetalflex.evaluation.evaluate import EvaluationSettings
    from fetalflex.experiments.ablation import TABLE, run_ablation
    from fetalflex.pipeline.sampling import Sampling
    from fetalflex.training.config import load_run_config

    run = load_run_config(config, {} if device is None else {"device": device})
    if registry_file is not None:
        registry = load_registry(registry_file)
    else:
        registry = default_registry() if run.init is None else model_registry(run.init)
    datasets = [open_dataset(path, registry) for path in run.data.paths]
    settings = EvaluationSettings(
        split=split,
        limit=limit,
        min_quality=run.data.min_quality,
        sampling=Sampling(steps=steps, guidance=Guidance(layout=guidance_layout, edit=0.0)),
        seed=seed,
        with_edits=edits,
        with_audit=False,
        allow_synthetic=allow_synthetic,
    )
    keep_for_this_command(out)
    values = run_ablation(run, datasets, registry, out, settings, progress_console(), progress_bar)
    if values is None:
        raise typer.Exit(ExitCode.INTERRUPTED)
    table = (out / TABLE).read_text(encoding="utf-8")
    typer.echo(json.dumps(values, indent=2) if as_json else f"{table}wrote {out / TABLE}")

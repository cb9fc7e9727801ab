"""`fetalflex studio`: the editor in the browser."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fetalflex.cli import options


def studio(
    datasets: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[DATASET]...",
            help="Data set folders or packed files to open images from.",
            show_default="examples, where there is such a folder",
        ),
    ] = None,
    out: Annotated[Path, typer.Option("--out", help="Folder in which the work is saved.")] = Path("out/studio"),
    model: options.Model = "mini",
    detector: Annotated[
        str, typer.Option("--detector", help="Detector folder, or the name of one in weights/.")
    ] = "detector",
    correct: Annotated[
        bool, typer.Option("--correct", help="Let corrected boxes be written back into the data set folders.")
    ] = False,
    device: options.Device = "auto",
    registry_file: options.RegistryFile = None,
    anomalies: Annotated[
        Path | None,
        typer.Option(
            "--anomalies", help="YAML file with anomalies in addition to the built-in ones.", show_default=False
        ),
    ] = None,
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Port; 0 is any free one.")] = 0,
    host: Annotated[
        str, typer.Option("--host", help="Address to listen on; others than this machine's own need --token.")
    ] = "127.0.0.1",
    token: Annotated[
        str | None,
        typer.Option(
            "--token",
            help="Secret that visitors must know, 16 characters or more; drawn at each start by default.",
            show_default=False,
        ),
    ] = None,
    open_browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Open the page in the browser, or only print its address.")
    ] = True,
) -> None:
    """Edit anatomy in the browser, on this machine and offline.

    Prints an address to open. The page works with images of the data sets given, and with image files that you drop
    onto it; nothing leaves this machine. What you do is saved in OUT, and is there again at the next start. Stop with
    Ctrl-C.
    """
    from fetalflex.web.requirements import check_installed

    check_installed("fetalflex studio")
    from fetalflex.anatomy.anomalies import default_library
    from fetalflex.cli import inputs
    from fetalflex.data import open_dataset
    from fetalflex.studio.desk import desk_at
    from fetalflex.studio.shelf import Shelf
    from fetalflex.studio.starting import run_studio
    from fetalflex.web import check_token, listen, new_token

    registry = inputs.load_registry(registry_file, model)
    library = default_library()
    if anomalies is not None:
        library = library.extended_with(anomalies, registry)
    chosen = datasets or [path for path in (Path("examples"),) if (path / "annotations.json").is_file()]
    shelf = Shelf(tuple((path.name or str(path), open_dataset(path, registry)) for path in chosen), correct)
    secret = new_token() if token is None else check_token(token)
    listening, address = listen(host, port, has_token=token is not None)
    with listening, desk_at(out) as desk:
        run_studio(
            listening,
            address,
            secret,
            desk,
            shelf,
            library,
            model,
            inputs.load_pipeline(model, registry, device),
            lambda: inputs.load_detector(detector, device),
            typer.echo,
            open_browser,
        )

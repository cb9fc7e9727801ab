"""`fetalflex studio`: the editor in the browser."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fetalflex.cli import options

_Datasets = Annotated[
    list[Path] | None,
    typer.Argument(
        metavar="[DATASET]...",
        help="Data set folders or packed files to open images from.",
        show_default="examples, where there is such a folder",
    ),
]
_Out = Annotated[Path, typer.Option("--out", help="Folder in which the work is saved.")]
_Detector = Annotated[str, typer.Option("--detector", help="Detector folder, or the name of one in weights/.")]
_Correct = Annotated[
    bool, typer.Option("--correct", help="Let corrected boxes be written back into the data set folders.")
]
_Anomalies = Annotated[
    Path | None,
    typer.Option("--anomalies", help="YAML file with anomalies in addition to the built-in ones.", show_default=False),
]
_Port = Annotated[int, typer.Option("--port", min=0, max=65535, help="Port; 0 is any free one.")]
_Host = Annotated[
    str, typer.Option("--host", help="Address to listen on; others than this machine's own need --token.")
]
_Token = Annotated[
    str | None,
    typer.Option(
        "--token",
        help="Secret that visitors must know, 16 characters or more; drawn at each start by default.",
        show_default=False,
    ),
]
_Browser = Annotated[
    bool, typer.Option("--browser/--no-browser", help="Open the page in the browser, or only print its address.")
]


def studio(
    datasets: _Datasets = None,
    out: _Out = Path("out/studio"),
    model: options.Model = "mini",
    detector: _Detector = "detector",
    correct: _Correct = False,
    device: options.Device = "auto",
    registry_file: options.RegistryFile = None,
    anomalies: _Anomalies = None,
    port: _Port = 0,
    host: _Host = "127.0.0.1",
    token: _Token = None,
    open_browser: _Browser = True,
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
    from fetalflex.studio.desk import desk_at
    from fetalflex.studio.engine import Engine
    from fetalflex.studio.shelf import Shelf
    from fetalflex.studio.starting import run_studio
    from fetalflex.studio.state import Studio
    from fetalflex.web import check_token, listen, new_token

    registry = inputs.load_registry(registry_file, model)
    library = default_library()
    if anomalies is not None:
        library = library.extended_with(anomalies, registry)
    chosen = datasets or [path for path in (Path("examples"),) if (path / "annotations.json").is_file()]
    shelf = Shelf.of_paths(chosen, registry, correct)
    secret = new_token() if token is None else check_token(token)
    listening, address = listen(host, port, has_token=token is not None)
    with listening, desk_at(out) as desk:
        engine = Engine(inputs.load_pipeline(model, registry, device), lambda: inputs.load_detector(detector, device))
        parts = Studio(engine, desk, shelf, library, model)
        run_studio(parts, listening, address, secret, typer.echo, open_browser)

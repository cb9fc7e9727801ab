"""`fetalflex study run`: serve a study to its readers."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from fetalflex.study.answers import AnswerStore
    from fetalflex.study.folder import Study
    from fetalflex.web import Address


def run(
    study_folder: Annotated[Path, typer.Argument(metavar="STUDY", help="Study folder.", show_default=False)],
    host: Annotated[
        str,
        typer.Option(
            "--host",
            help="Address to listen on. Another than this machine's own lets readers in from other machines; what they "
            "send is not encrypted, so use it in a network that you trust.",
        ),
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="Port; 0 takes a free one, and links then change each time.")
    ] = 8770,
    names: Annotated[
        str | None,
        typer.Option(
            "--names",
            metavar="A,B",
            help="Further names under which browsers reach this machine; links show the first.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Serve a study to its readers in the browser.

    Each reader has a link of their own, whose end is secret: whoever has it answers as that reader. Answers are on disk
    before the next image shows, so the server may be stopped (Ctrl-C) and started again at any time; readers go on from
    the same link.
    """
    from fetalflex.web import check_installed

    check_installed("fetalflex study run")

    from fetalflex.cli.options import names_in
    from fetalflex.files import locked
    from fetalflex.study.answers import AnswerStore
    from fetalflex.study.folder import Study
    from fetalflex.study.server import study_app
    from fetalflex.web import Server, listen

    study = Study(study_folder)
    with locked(study.answers_path), AnswerStore(study.answers_path, study.id) as answers:
        # Every reader's link holds a secret, hence no token of the server's own is asked for.
        listening, address = listen(host, port, has_token=True, names=names_in(names))
        app = study_app(study, answers, address)
        with contextlib.closing(listening), contextlib.suppress(KeyboardInterrupt):  # the way to stop it
            Server(app, lambda: _show_links(study, answers, address)).run([listening])
    typer.echo(f"stopped; all answers are kept in {study.answers_path}")


def _show_links(study: Study, answers: AnswerStore, address: Address) -> None:
    typer.echo(f"{study.questions.title}\nEach reader opens a link of their own:")
    for reader in study.readers:
        done, total = len(answers.latest(reader.name)), len(reader.order)
        typer.echo(f"  {reader.name} ({done} of {total} rated): {address.link(reader.token)}")
    typer.echo("Ctrl-C stops the server; answers are kept.")

"""Writes the command reference from the commands themselves, at every build: it cannot differ from `--help`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import typer.main
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from navigation import filled

from fetalflex.cli.app import app

FOLDER = "commands"
_INTRODUCTION = (
    "One command per task. `fetalflex COMMAND --help` prints what these pages say; they are made from the same texts. "
    "Exit status: 0 done, 1 an unexpected error, 2 bad input, 3 training diverged, 4 some images are missing in the "
    "end, 130 interrupted."
)


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Put a page per command in the place of the navigation's entry `commands`."""
    pages = [f"{FOLDER}/index.md", *(f"{FOLDER}/{name}.md" for name in _commands())]
    config.nav = filled(config.nav, FOLDER, pages)
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages."""
    commands = _commands()
    texts = {"index": _index(commands)} | {name: page_of(name, command) for name, command in commands.items()}
    for name, text in texts.items():
        files.append(File.generated(config, f"{FOLDER}/{name}.md", content=text))
    return files


def _commands() -> dict[str, Any]:
    return dict(typer.main.get_command(app).commands)  # type: ignore[attr-defined]


def _index(commands: dict[str, Any]) -> str:
    rows = [f"| [`fetalflex {name}`]({name}.md) | {_cell(_summary(command))} |" for name, command in commands.items()]
    return "\n".join(["# Commands", "", _INTRODUCTION, "", "| command | what it does |", "|---|---|", *rows, ""])


def page_of(name: str, command: Any) -> str:
    """Return the page of a command and its subcommands as Markdown."""
    lines = [f"# fetalflex {name}", "", *_described(f"fetalflex {name}", command)]
    for sub, subcommand in getattr(command, "commands", {}).items():
        lines += [f"## fetalflex {name} {sub}", "", *_described(f"fetalflex {name} {sub}", subcommand)]
    return "\n".join(lines)


def _described(path: str, command: Any) -> Iterator[str]:
    """Yield the Markdown of one command: usage, text, arguments and options."""
    context = command.make_context(path, [], resilient_parsing=True)
    yield from ("```text", " ".join(command.get_usage(context).removeprefix("Usage: ").split()), "```", "")
    yield from (_text(command.help or ""), "")
    for kind, title in (("argument", "Arguments"), ("option", "Options")):
        records = [
            record
            for parameter in command.params
            if parameter.param_type_name == kind and (record := parameter.get_help_record(context))
        ]
        if records:
            yield from (f"| {title} | |", "|---|---|")
            yield from (f"| `{names}` | {_cell(text)} |" for names, text in records)
            yield ""


def _summary(command: Any) -> str:
    return (command.help or "").split("\n\n")[0]


def _text(text: str) -> str:
    """Return a command's text as Markdown: names of options in code, metavariables as they are."""
    return re.sub(r"(?<![`\w-])(--[a-z][a-z-]*)(?![`\w])", r"`\1`", text.strip())


def _cell(text: str) -> str:
    return _text(" ".join(text.split())).replace("|", "\\|").replace("<", "&lt;")

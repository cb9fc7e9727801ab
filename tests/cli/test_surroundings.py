"""Places that cannot be written to, numbers beyond reason and a lost working directory end in one line."""

from __future__ import annotations

import errno
from pathlib import Path

import numpy as np
import pytest
import typer
from cli_helpers import LAYOUT, RunCommand

from fetalflex.cli import app as app_module
from fetalflex.data import DatasetFolder, Record


@pytest.fixture
def place(workplace: Path) -> Path:
    """A working directory with a layout, its image, a data set, a file and a folder that are in the way."""
    record = Record("a.png", LAYOUT, split="train")
    DatasetFolder.write(workplace / "set", [(record, np.zeros((LAYOUT.height, LAYOUT.width), np.uint8))])
    (workplace / "file").write_text("x")
    (workplace / "folder.safetensors").mkdir()
    (workplace / "folder.safetensors" / "mine").write_text("x")
    return workplace


@pytest.mark.parametrize(
    "arguments",
    [
        "pack set --out file/x.safetensors",
        "pack set --out file/deeper/x.safetensors",
        "pack set --out folder.safetensors --force",
        "pack set --out folder.safetensors",
        "pack set --out set --force",
        "export set --format coco --out file/x",
        "export set --format coco --out file --force",
        "prepare set --format coco --out file/x",
        "grow scan.layout.json --pixel-spacing 0.3 --set AC=90mm --out file/x.layout.json",
        "anomaly apply dilated_stomach scan.layout.json --out file/x.layout.json",
        "generate scan.layout.json --out file/x",
        "generate scan.layout.json --out file",
        "edit scan.png --layout scan.layout.json --move stomach:1,1 --out file/x.png",
        "info nothing",
        "info file",
    ],
)
def test_what_is_in_the_way_is_told_in_one_line_and_stays(
    run: RunCommand, place: Path, tiny_model: Path, arguments: str
) -> None:
    if arguments.split()[0] in ("generate", "edit"):
        arguments += f" --model {tiny_model} --steps 1"
    told = run(*arguments.split(), code=2).stderr.strip().splitlines()
    assert told[-1].lower().startswith(("error: ", "usage"))
    assert (place / "file").read_text() == "x"
    assert (place / "folder.safetensors" / "mine").read_text() == "x"


@pytest.mark.parametrize(
    "arguments",
    [
        f"generate scan.layout.json --out o --samples {10**30}",
        f"generate scan.layout.json --out o --samples {10**6} --seed {2**63 - 1}",
        f"generate scan.layout.json --out o --seed {2**63}",
        f"generate scan.layout.json --out o --batch-size {10**30}",
        f"edit scan.png --layout scan.layout.json --move stomach:1,1 --out o.png --samples {10**30}",
        f"edit scan.png --layout scan.layout.json --move stomach:1,1 --out o.png --samples 3 --seed {2**63 - 2}",
        f"refine scan.png --layout scan.layout.json --organ stomach --out o.png --samples {10**30}",
        "measure scan.layout.json --pixel-spacing 1e308",
        "measure scan.layout.json --pixel-spacing 1e-300",
        "measure scan.layout.json --pixel-spacing nan",
        "measure scan.layout.json --pixel-spacing inf",
        "grow scan.layout.json --pixel-spacing 1e308 --set AC=90mm --out o.layout.json",
        f"init o --seed {2**32}",
    ],
)
def test_numbers_beyond_reason_are_refused_before_anything_is_done(
    run: RunCommand, place: Path, arguments: str
) -> None:
    told = run(*arguments.split(), code=2).stderr
    assert "Traceback" not in told
    assert told.strip()
    assert not (place / "o").exists()


def test_a_working_directory_that_is_gone_is_told(
    run: RunCommand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert "the working directory no longer exists; change to one that does" in run("info", "mini", code=2).stderr
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (MemoryError(), "error: there is not enough memory for this"),
        *(
            (OSError(number, "it is so", "some/file"), "error: some/file: it is so")
            for number in (errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.EIO, errno.EFBIG, errno.EMFILE, errno.ELOOP)
        ),
    ],
)
def test_what_the_machine_refuses_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: Exception, told: str
) -> None:
    trouble = typer.Typer(cls=app_module._Commands)

    @trouble.command()
    def fail() -> None:
        raise error

    @trouble.command()
    def other() -> None: ...

    monkeypatch.setattr(app_module, "app", trouble)
    with pytest.raises(SystemExit) as stopped:
        app_module.main(["fail"])
    assert stopped.value.code == 2
    assert capsys.readouterr().err.strip().startswith(told)

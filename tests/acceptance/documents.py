"""The blocks of code in the documents, and how a test runs them."""

from __future__ import annotations

import re
import shlex
import textwrap
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from fetalflex.augment import load_plan
from fetalflex.cli.app import main
from fetalflex.training.config import load_run_config

ROOT = Path(__file__).parents[2]
DOCUMENTS = {path.stem: path for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))}
_FENCE = re.compile(r'^( *)```(\w*)(?: title="([^"]*)")?\n(.*?)^\1```$', re.MULTILINE | re.DOTALL)
_SAMPLING = {"generate", "edit", "refine", "counterfactual", "evaluate", "experiment"}
_TESTED_ELSEWHERE = (["experiment", "names"], ["experiment", "abilities"], ["experiment", "strengths"])
"""They measure what a model has learnt, on more images than the examples are; tests of their own run them."""

_TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


@dataclass(frozen=True)
class Block:
    """A fenced block of a document, and what its title says: a file's name, or what it needs to run."""

    language: str
    title: str
    text: str

    @property
    def is_marked(self) -> bool:
        """Whether readers are told that the block needs what a test has not."""
        return self.title.startswith(("Needs ", "Serves "))

    @property
    def commands(self) -> list[str]:
        """The lines of a shell block; a quoted text may span several."""
        found: list[str] = []
        for line in self.text.splitlines():
            if found and found[-1].count('"') % 2:
                found[-1] += f"\n{line}"
            elif line.strip() and not line.lstrip().startswith("#"):
                found.append(line)
        return found


def blocks_of(document: str) -> list[Block]:
    """Return the blocks of a document in their order."""
    text = DOCUMENTS[document].read_text(encoding="utf-8")
    return [Block(found[2], found[3] or "", textwrap.dedent(found[4])) for found in _FENCE.finditer(text)]


def run(command: str) -> int:
    """Run a command of FetalFlex in this process, and return its exit status."""
    with pytest.raises(SystemExit) as stopped:
        main(shlex.split(command, comments=True)[1:])
    return int(stopped.value.code or 0)


def run_block(block: Block, shortened: bool = True) -> None:
    """Do what a block says, in the working directory.

    Args:
        block: Commands are run, Python is executed, a file with a name is written, and other YAML has to be a run or
            a plan.
        shortened: Whether commands take few steps, and runs few images.
    """
    if block.title and not block.is_marked:
        Path(block.title).parent.mkdir(parents=True, exist_ok=True)
        Path(block.title).write_text(block.text, encoding="utf-8")
    elif block.language == "python":
        exec(compile(block.text, "document", "exec"), {})
    elif block.language == "yaml":
        path = Path("block.yaml")
        path.write_text(block.text, encoding="utf-8")
        (load_plan if "entries:" in block.text else load_run_config)(path)
    elif block.language == "sh":
        for command in block.commands:
            _run_line(command, shortened)


def _run_line(command: str, shortened: bool) -> None:
    words = shlex.split(command, comments=True)
    if words[1:3] in _TESTED_ELSEWHERE or "--names" in words:
        assert "fetalflex" in words, command
    elif words[0] == "make":
        assert set(words[1:]) <= _TARGETS, command
    elif words[:2] == ["python", "-c"]:
        exec(compile(words[2], "document", "exec"), {})
    elif words[:2] != ["pip", "install"]:
        assert words[0] == "fetalflex", command
        assert run(short(command) if shortened else command) == 0, command


def short(command: str) -> str:
    """Return a command that does the same in less time: few steps, images and cases, on the images that there are."""
    words, added = shlex.split(command, comments=True), []
    if "--steps" in words:
        words[words.index("--steps") + 1] = "2"
    elif words[1] in _SAMPLING:
        added = ["--steps", "2"]
    if words[1] == "evaluate" or words[1:3] == ["experiment", "ablation"]:
        added += ["--limit", "1"] if "--split" in words else ["--limit", "1", "--split", "val"]
    if words[1:3] == ["prepare", "out/found"]:
        added += ["--split", "100,0,0"]  # few as they are, every plane of the plan needs some
    if words[1] == "generate" and "--split" in words:
        words[words.index("--split") + 1] = "train"
    if "--config" in words:
        place = words.index("--config") + 1
        words[place] = str(_short_run(Path(words[place])))
    if "--plan" in words:
        place = words.index("--plan") + 1
        words[place] = str(_lenient_plan(Path(words[place])))
    return shlex.join([*words, *added])


def _short_run(path: Path) -> Path:
    """Return a copy of a run's file that stops after a few images; it learns from whatever split has images."""
    values = yaml.safe_load(path.read_text(encoding="utf-8"))
    values |= {"images": 16, "batch_size": 8, "warmup_images": 8, "device": "cpu"}
    values |= {"checkpoint_every": 16, "validate_every": 16, "precision": "fp32"}
    values["data"] |= {"train_split": "train", "validation_split": "train", "cache": f"cache-{path.stem}"}
    return _written(path, values)


def _lenient_plan(path: Path) -> Path:
    """Return a copy of a plan that takes what an untrained model draws, one image of each grade."""
    values = yaml.safe_load(path.read_text(encoding="utf-8"))
    values["entries"] = [entry | {"count": len(entry.get("severity", [None]))} for entry in values["entries"]]
    values |= {"sampling": {"steps": 1}, "checks": {"layout": False, "anomaly": False, "least_contrast": 0}}
    return _written(path, values)


def _written(path: Path, values: object) -> Path:
    shorter = Path("short") / path
    shorter.parent.mkdir(parents=True, exist_ok=True)
    shorter.write_text(yaml.safe_dump(values), encoding="utf-8")
    return shorter

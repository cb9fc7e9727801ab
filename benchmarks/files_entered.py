"""How many source files a command enters on its way: `python -m benchmarks.files_entered edit IMAGE --out ...`.

A file counts if one of its functions is called; what runs while modules are imported does not count, so the command
runs twice, into `--out` and again with `--force`, and the second run is counted.
"""

from __future__ import annotations

import sys
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import fetalflex

SOURCES = Path(fetalflex.__file__).parent


def files_entered(run: Callable[[], object]) -> Counter[str]:
    """Return how often functions of each source file, relative to the package, are called while something runs."""
    entered: Counter[str] = Counter()
    root = f"{SOURCES}/"

    def profile(frame: FrameType, event: str, _: object) -> None:
        code = frame.f_code
        if event == "call" and code.co_name != "<module>" and code.co_filename.startswith(root):
            entered[code.co_filename.removeprefix(root)] += 1

    threading.setprofile(profile)
    sys.setprofile(profile)
    try:
        run()
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
    return entered


def by_room(entered: Counter[str]) -> dict[str, list[str]]:
    """Return the files by the folder that they lie in, the fullest folder first."""
    rooms: dict[str, list[str]] = {}
    for name in sorted(entered):
        rooms.setdefault(str(Path(name).parent), []).append(Path(name).stem)
    return dict(sorted(rooms.items(), key=lambda room: -len(room[1])))


def command(arguments: list[str]) -> Callable[[], None]:
    """Return a function that runs a command line and raises if it fails."""
    from fetalflex.cli.app import main

    def run() -> None:
        try:
            main(arguments)
        except SystemExit as stopped:
            if stopped.code:
                raise

    return run


def main() -> None:
    """Run the command line twice, and print what the second run enters."""
    arguments = sys.argv[1:]
    command(arguments)()
    entered = files_entered(command([*arguments, "--force"]))
    print(f"{len(entered)} files", file=sys.stderr)
    for room, names in by_room(entered).items():
        print(f"{len(names):3}  {room}: {', '.join(names)}", file=sys.stderr)


if __name__ == "__main__":
    main()

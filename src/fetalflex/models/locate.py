"""Find a model folder by its path or its name."""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn

from fetalflex.errors import FetalFlexError

WEIGHTS_FOLDER = "weights"
_INDEX_FILE = "model_index.json"


_REMEDY = "give the folder that training wrote, or copy weights/mini of the FetalFlex source code to weights/mini here"


def find_model(
    name_or_path: str | Path, checkout: Path | None = None, marker: str = _INDEX_FILE, remedy: str = _REMEDY
) -> Path:
    """Return the folder of a model.

    A folder of that path comes first. A plain name, such as `mini`, is then looked for in `weights/` of the working
    directory and in `weights/` of the source checkout that this package runs from; `owner/name` or
    `owner/name@revision` in the local cache of the hub. Nothing is fetched.

    Args:
        name_or_path: Path of a model folder, or the name of one.
        checkout: Root of the source checkout; found by itself if None.
        marker: File that a folder in `weights/` must hold to be of the wanted kind.
        remedy: What the error says to do if there is none.

    Raises:
        FetalFlexError: If there is none, or the path is a file; the message says where was looked.
    """
    path = Path(name_or_path)
    if path.is_dir():
        return path
    if path.exists():
        raise FetalFlexError(f"{path} is a file; a model is a folder that holds {marker}")
    if path.name != str(name_or_path):
        return _from_hub(str(name_or_path), marker) or _refuse(path, remedy)
    places = _places(checkout or _source_checkout())
    for place in places:
        if (place / path / marker).is_file():
            return place / path
    looked = " or ".join(str(place) for place in places)
    raise FetalFlexError(f"model {str(path)!r} is neither a folder nor found in {looked}; {remedy}")


def _from_hub(name: str, marker: str) -> Path | None:
    """Return the folder of a model in the local cache of the hub; None if the name is no name of the hub.

    Raises:
        FetalFlexError: If that repository is in the cache but holds no such model.
    """
    from fetalflex.models.hub import HubName

    found = HubName.parse(name)
    if found is None or not found.cache_folder.is_dir():
        return None
    folder = found.snapshot()
    if folder is None or not (folder / marker).is_file():
        raise FetalFlexError(f"{name} is in the hub's cache, but without {marker}; fetch it: hf download {found.repo}")
    return folder


def _refuse(path: Path, remedy: str) -> NoReturn:
    hint = f"; if that is a name on the hub, fetch it first: hf download {path}" if len(path.parts) == 2 else ""
    raise FetalFlexError(f"there is no model folder {path}; {remedy}{hint}")


def _places(checkout: Path | None) -> list[Path]:
    roots = [Path.cwd()] if checkout is None else [Path.cwd(), checkout]
    return list(dict.fromkeys(root / WEIGHTS_FOLDER for root in roots))


def _source_checkout() -> Path | None:
    """Return the root of the source tree, or None if the package is installed apart from it."""
    root = Path(__file__).resolve().parents[3]
    return root if (root / "src" / "fetalflex" / "models" / "locate.py").is_file() else None

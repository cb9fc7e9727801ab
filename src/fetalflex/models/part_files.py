"""Find the files of a model's published parts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fetalflex.errors import FetalFlexError
from fetalflex.models.hub import HubName
from fetalflex.models.sources import ModelSources

GUIDE = "docs/sd15.md"
_PICKLED = (".bin", ".ckpt", ".pt", ".pth", ".pkl")
_VOCABULARIES = ("tokenizer.json", "vocab.txt")


@dataclass(frozen=True)
class _Names:
    """Name what makes up a part in diffusers layout: sub-folder of the pipeline, config, and weights, best first."""

    folder: str
    config: str = "config.json"
    weights: tuple[str, ...] = (
        "diffusion_pytorch_model.safetensors",
        "diffusion_pytorch_model.fp16.safetensors",
    )
    single_file: bool = True


_PARTS = {
    "unet": _Names("unet"),
    "vae": _Names("vae"),
    "text_encoder": _Names("text_encoder", weights=("model.safetensors",), single_file=False),
    "controlnet": _Names("controlnet"),
    "scheduler": _Names("scheduler", "scheduler_config.json", (), single_file=False),
}


@dataclass(frozen=True)
class PartFiles:
    """Where the files of one part lie.

    Args:
        part: Name of the part.
        source: The source as it was named.
        config: Its `config.json`; None for a single-file checkpoint.
        weights: Its safetensors; None for the noise schedule.
        tokenizer: Folder of the text encoder's vocabulary.
    """

    part: str
    source: str
    config: Path | None
    weights: Path | None = None
    tokenizer: Path | None = None

    @property
    def path(self) -> Path:
        """Return the file that stands for the part in messages."""
        path = self.weights or self.config
        assert path is not None
        return path

    @property
    def variant(self) -> str | None:
        """Return which of several files of weights was found, such as `fp16`."""
        return "fp16" if self.weights is not None and ".fp16." in self.weights.name else None


class _MissingError(Exception):
    """A part lacks a file; says which, and what to fetch.

    Args:
        problem: What is missing, and each path where it was sought.
        name: Where on the hub it may be found.
        files: The part's files there.
    """

    def __init__(self, problem: str, name: HubName | None = None, files: tuple[str, ...] = ()) -> None:
        super().__init__(problem)
        self.problem = problem
        self.name = name
        self.files = files


@dataclass(frozen=True)
class LocatedParts:
    """The files of every part.

    Args:
        unet: The denoiser's.
        vae: The autoencoder's.
        text_encoder: The text encoder's.
        controlnet: The published ControlNet's; None to start from the U-Net.
        scheduler: The noise schedule that was named; None for the U-Net's own.
        own_schedule: The noise schedule beside the U-Net, if there is one.
    """

    unet: PartFiles
    vae: PartFiles
    text_encoder: PartFiles
    controlnet: PartFiles | None = None
    scheduler: PartFiles | None = None
    own_schedule: PartFiles | None = None


def locate_parts(sources: ModelSources, download: bool = False) -> LocatedParts:
    """Find the files of every part, in local folders and in the local hub cache.

    Args:
        sources: Where the parts come from.
        download: Fetch from the hub what the cache lacks. Nothing is fetched otherwise.

    Raises:
        FetalFlexError: If something is missing or pickled; one message says what, where it was sought and how to get
            it, for all parts together.
    """
    wanted = {part: source for part, source in sources if source is not None}
    found: dict[str, PartFiles] = {}
    missing: list[_MissingError] = []
    for part, source in wanted.items():
        try:
            found[part] = _locate(part, source, download)
        except _MissingError as lack:
            missing.append(lack)
    own = None
    try:
        own = _own_schedule(found["unet"], download) if "unet" in found else None
    except _MissingError as lack:
        if sources.scheduler is None:
            missing.append(lack)
    if missing:
        raise FetalFlexError(_explain(missing, download))
    return LocatedParts(**found, own_schedule=own)


def _own_schedule(unet: PartFiles, download: bool) -> PartFiles | None:
    """Return the noise schedule that a U-Net was trained with; None if nothing beside the U-Net names it."""
    if unet.config is None:
        return None
    folder, names = unet.config.parent, _PARTS["scheduler"]
    beside = folder.parent / names.folder / names.config
    if beside.is_file():
        return PartFiles("scheduler", unet.source, beside)
    named_alone = folder.name != _PARTS["unet"].folder or folder == Path(unet.source).expanduser()
    return None if named_alone else _locate("scheduler", unet.source, download)


def _locate(part: str, source: str, download: bool) -> PartFiles:
    if not source.strip():
        raise _MissingError(f"{part}: its source is empty; name a folder, a file or a repository of the hub")
    path = Path(source).expanduser()
    if path.suffix.lower() in _PICKLED and not path.is_dir():
        raise _MissingError(
            f"{part}: {source} is a pickle, which can run code when it is opened, and is not read; give a .safetensors "
            f"file of the same weights ({GUIDE} says how to get one)"
        )
    if path.is_file():
        return _single_file(part, source, path)
    if path.is_dir():
        return _search(part, source, path, None)
    name = None if path.suffix.lower() == ".safetensors" else HubName.parse(source)
    if name is None:
        raise _MissingError(f"{part}: {source} is neither a folder nor a file, nor a name on the hub (owner/name)")
    if download:
        _fetch(name, part)
    root = name.snapshot()
    if root is None:
        files = _files_of(part)
        raise _MissingError(f"{part}: {' and '.join(files)} of {source}, sought in {name.cache_folder}", name, files)
    return _search(part, source, root, name)


def _single_file(part: str, source: str, path: Path) -> PartFiles:
    if not _PARTS[part].single_file:
        raise _MissingError(f"{part}: {source} is a file; give a folder in diffusers layout, or a name on the hub")
    if path.suffix.lower() != ".safetensors":
        raise _MissingError(f"{part}: {source} is no .safetensors file; give one, or a folder in diffusers layout")
    return PartFiles(part, source, None, path)


def _search(part: str, source: str, root: Path, name: HubName | None) -> PartFiles:
    """Find a part in a pipeline folder, or in the part's own folder."""
    names = _PARTS[part]
    folders = (root / names.folder, root)
    folder = next((folder for folder in folders if (folder / names.config).is_file()), None)
    files = _files_of(part)
    if folder is None:
        sought = " and ".join(str(folder / names.config) for folder in folders)
        raise _MissingError(f"{part}: {names.config} of {source}, sought as {sought}", name, files)
    if folder == root:
        files = tuple(file.rpartition("/")[2] for file in files)
    weights = next((folder / file for file in names.weights if (folder / file).is_file()), None)
    if names.weights and weights is None:
        raise _without_weights(part, source, folder, name, files)
    tokenizer = _vocabulary(source, folder, root, name, files) if part == "text_encoder" else None
    return PartFiles(part, source, folder / names.config, weights, tokenizer)


def _without_weights(
    part: str, source: str, folder: Path, name: HubName | None, files: tuple[str, ...]
) -> _MissingError:
    weights = _PARTS[part].weights
    pickled = sorted(path.name for path in folder.iterdir() if path.suffix.lower() in _PICKLED)
    problem = f"{part}: {weights[0]} of {source}, sought as {' and '.join(str(folder / file) for file in weights)}"
    if not pickled:
        return _MissingError(problem, name, files)
    return _MissingError(  # fetching would not help
        f"{problem}; there are only pickled weights, {', '.join(pickled)}, which can run code when they are opened and "
        f"are not read ({GUIDE} says how to get safetensors instead)"
    )


def _vocabulary(source: str, folder: Path, root: Path, name: HubName | None, files: tuple[str, ...]) -> Path:
    """Return the folder with the text encoder's vocabulary: its own, or `tokenizer` of its pipeline."""
    folders = (folder,) if folder == root else (folder, root / "tokenizer")
    for place in folders:
        if any((place / file).is_file() for file in _VOCABULARIES):
            return place
    sought = " and ".join(str(place / file) for place in folders for file in _VOCABULARIES)
    raise _MissingError(f"text_encoder: the vocabulary of {source}, sought as {sought}", name, files)


def _files_of(part: str) -> tuple[str, ...]:
    """Return a part's files on the hub: text encoders have a repository of their own, as have ControlNets."""
    names = _PARTS[part]
    prefix = "" if part in ("text_encoder", "controlnet") else f"{names.folder}/"
    files = [names.config, *names.weights[:1]]
    if part == "text_encoder":
        files += ["vocab.txt", "tokenizer_config.json"]
    return tuple(prefix + file for file in files)


def _fetch(name: HubName, part: str) -> None:
    """Fetch a part from wherever it may lie in its repository; half-precision weights only if there are no others."""
    names = _PARTS[part]
    small = [f"{folder}{names.config}" for folder in ("", f"{names.folder}/")]
    if part == "text_encoder":
        small += [
            f"{folder}{file}" for folder in ("", "tokenizer/") for file in (*_VOCABULARIES, "tokenizer_config.json")
        ]
    name.fetch(small)
    for file in names.weights:
        places = [file, f"{names.folder}/{file}"]
        name.fetch(places)
        root = name.snapshot()
        if root is not None and any((root / place).is_file() for place in places):
            return


def _explain(missing: list[_MissingError], download: bool) -> str:
    parts = ["parts of the model are missing or not usable. " + ". ".join(lack.problem for lack in missing)]
    wanted: dict[HubName, list[str]] = {}
    for lack in missing:
        if lack.name is not None:
            wanted.setdefault(lack.name, []).extend(lack.files)
    if wanted and download:
        parts.append(
            f"Fetching left this out: a repository may hold only pickled weights; {GUIDE} says what to do then"
        )
    elif wanted:
        commands = "; ".join(name.fetch_command(dict.fromkeys(files)) for name, files in wanted.items())
        parts.append(
            f"To fetch what is missing, where there is a network: run again with --download, or {commands}. Without a "
            f"network: copy the repositories' folders from another machine's hub cache, or name local folders; {GUIDE} "
            "has the steps"
        )
    return ". ".join(parts)

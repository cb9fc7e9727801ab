from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest
from huggingface_hub import constants

from fetalflex.errors import FetalFlexError
from fetalflex.models.hub import HubName
from fetalflex.models.part_files import locate_parts
from fetalflex.models.sources import STABLE_DIFFUSION, ModelSources
from published_parts import into_hub_cache

WEIGHTS = "diffusion_pytorch_model.safetensors"
BERT, CONTROLNET = ModelSources().text_encoder, str(ModelSources().controlnet)


def write(folder: Path, *files: str) -> Path:
    for file in files:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text("{}")
    return folder


@pytest.fixture
def folders(tmp_path: Path) -> dict[str, Path]:
    """The default repositories as folders: the files alone, without content."""
    pipeline = [f"{part}/{file}" for part in ("unet", "vae") for file in ("config.json", WEIGHTS)]
    return {
        STABLE_DIFFUSION: write(tmp_path / "sd", *pipeline, "scheduler/scheduler_config.json", "model_index.json"),
        BERT: write(tmp_path / "bert", "config.json", "model.safetensors", "vocab.txt"),
        CONTROLNET: write(tmp_path / "controlnet", "config.json", WEIGHTS),
    }


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty hub cache, and no network."""

    def refuse(*_: Any, **options: Any) -> str:
        assert options.get("local_files_only"), "nothing may be fetched unless it is asked for"
        return look_up(*_, **options)

    look_up = huggingface_hub.snapshot_download
    monkeypatch.setattr(huggingface_hub, "snapshot_download", refuse)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def fill(cache: Path, folders: dict[str, Path]) -> dict[str, Path]:
    return {name: into_hub_cache(cache, name, folder) for name, folder in folders.items()}


def refusal(sources: ModelSources, **options: Any) -> str:
    with pytest.raises(FetalFlexError) as caught:
        locate_parts(sources, **options)
    return str(caught.value)


def test_the_defaults_are_found_in_the_hub_cache(cache: Path, folders: dict[str, Path]) -> None:
    snapshots = fill(cache, folders)
    parts = locate_parts(ModelSources())
    assert parts.unet.weights == snapshots[STABLE_DIFFUSION] / "unet" / WEIGHTS
    assert parts.vae.weights == snapshots[STABLE_DIFFUSION] / "vae" / WEIGHTS
    assert parts.text_encoder.weights == snapshots[BERT] / "model.safetensors"
    assert parts.text_encoder.tokenizer == snapshots[BERT]
    assert parts.controlnet is not None
    assert parts.controlnet.weights == snapshots[CONTROLNET] / WEIGHTS
    assert parts.own_schedule is not None
    assert parts.own_schedule.config == snapshots[STABLE_DIFFUSION] / "scheduler" / "scheduler_config.json"
    assert parts.scheduler is None


def test_an_empty_cache_is_explained_once_for_all_parts(cache: Path) -> None:
    message = refusal(ModelSources())
    for name, part in ((STABLE_DIFFUSION, "unet"), (STABLE_DIFFUSION, "vae"), (BERT, "text_encoder")):
        folder = cache / f"models--{name.replace('/', '--')}"
        assert re.search(rf"{part}: \S+ and \S+.* of {name}, sought in {folder}", message)
    assert f"unet: unet/config.json and unet/{WEIGHTS} of {STABLE_DIFFUSION}" in message
    assert f"hf download {STABLE_DIFFUSION} unet/config.json unet/{WEIGHTS} vae/config.json vae/{WEIGHTS}" in message
    assert f"hf download {BERT} config.json model.safetensors vocab.txt tokenizer_config.json" in message
    assert f"hf download {CONTROLNET} config.json {WEIGHTS}" in message
    assert "--download" in message
    assert "docs/sd15.md" in message
    assert "copy the repositories' folders from another machine's hub cache" in message


def test_one_missing_file_is_named_with_every_path_where_it_was_sought(cache: Path, folders: dict[str, Path]) -> None:
    snapshot = fill(cache, folders)[STABLE_DIFFUSION]
    (snapshot / "vae" / WEIGHTS).unlink()
    (snapshot / "scheduler" / "scheduler_config.json").unlink()
    message = refusal(ModelSources())
    half = WEIGHTS.replace(".safetensors", ".fp16.safetensors")
    assert f"vae: {WEIGHTS} of {STABLE_DIFFUSION}, sought as {snapshot / 'vae' / WEIGHTS} and" in message
    assert str(snapshot / "vae" / half) in message
    assert "scheduler: scheduler_config.json of" in message
    assert "unet: " not in message
    assert f"hf download {STABLE_DIFFUSION} vae/config.json vae/{WEIGHTS} scheduler/scheduler_config.json" in message


def test_a_missing_schedule_does_not_matter_if_another_is_named(cache: Path, folders: dict[str, Path]) -> None:
    snapshot = fill(cache, folders)[STABLE_DIFFUSION]
    (snapshot / "scheduler" / "scheduler_config.json").unlink()
    folder = write(cache.parent / "schedule", "scheduler_config.json")
    parts = locate_parts(ModelSources(scheduler=str(folder)))
    assert parts.own_schedule is None
    assert parts.scheduler is not None


def test_a_revision_may_be_named(cache: Path, folders: dict[str, Path]) -> None:
    fill(cache, folders)
    snapshot = into_hub_cache(cache, "someone/bert", folders[BERT], revision="refs/pr/3")
    parts = locate_parts(ModelSources(text_encoder="someone/bert@refs/pr/3"))
    assert parts.text_encoder.weights == snapshot / "model.safetensors"
    shutil.rmtree(cache / "models--someone--bert")
    assert "tokenizer_config.json --revision refs/pr/3" in refusal(ModelSources(text_encoder="someone/bert@refs/pr/3"))


def test_a_local_path_comes_before_a_name_on_the_hub(
    cache: Path, folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(cache, folders)
    monkeypatch.chdir(cache.parent)
    write(Path("owner/bert"), "config.json", "model.safetensors", "tokenizer.json")
    assert locate_parts(ModelSources(text_encoder="owner/bert")).text_encoder.weights == Path(
        "owner/bert/model.safetensors"
    )


def test_a_pipelines_tokenizer_is_found_beside_its_text_encoder(cache: Path, folders: dict[str, Path]) -> None:
    fill(cache, folders)
    both = [f"text_encoder/{file}" for file in ("config.json", "model.safetensors")]
    pipeline = write(cache.parent / "pipeline", *both, "tokenizer/vocab.txt")
    assert locate_parts(ModelSources(text_encoder=str(pipeline))).text_encoder.tokenizer == pipeline / "tokenizer"
    (pipeline / "tokenizer" / "vocab.txt").unlink()
    message = refusal(ModelSources(text_encoder=str(pipeline)))
    assert "text_encoder: the vocabulary of" in message
    for folder in ("text_encoder", "tokenizer"):
        for file in ("tokenizer.json", "vocab.txt"):
            assert str(pipeline / folder / file) in message


@pytest.mark.parametrize("part", ["unet", "vae", "controlnet"])
@pytest.mark.parametrize("file", ["model.ckpt", "model.pth", "model.pt", "MODEL.CKPT", "model.bin"])
@pytest.mark.parametrize("there", [True, False])
def test_a_pickle_is_refused_before_it_is_looked_at(
    cache: Path, folders: Any, part: str, file: str, there: bool
) -> None:
    fill(cache, folders)
    path = cache.parent / file
    if there:
        path.write_bytes(b"cos\nsystem\n(S'false'\ntR.")
    message = refusal(ModelSources(**{part: str(path)}))
    assert f"{part}: {path} is a pickle, which can run code when it is opened, and is not read" in message
    assert "hf download" not in message


@pytest.mark.parametrize(
    ("name", "part", "folder", "pickled"),
    [
        (STABLE_DIFFUSION, "unet", "unet", "diffusion_pytorch_model.bin"),
        (BERT, "text_encoder", "", "pytorch_model.bin"),
        (CONTROLNET, "controlnet", "", "diffusion_pytorch_model.ckpt"),
    ],
)
def test_a_folder_with_pickled_weights_alone_is_refused(
    cache: Path, folders: dict[str, Path], name: str, part: str, folder: str, pickled: str
) -> None:
    place = folders[name] / folder
    next(place.glob("*.safetensors")).rename(place / pickled)
    snapshots = fill(cache, folders)
    for sources, root in (
        (ModelSources(), snapshots[name]),
        (ModelSources(**{part: str(folders[name])}), folders[name]),
    ):
        message = refusal(sources)
        assert f"{part}: " in message
        assert f"sought as {root / folder}" in message
        assert f"there are only pickled weights, {pickled}, which can run code" in message
        assert "docs/sd15.md" in message
        assert "hf download" not in message, "fetching does not help"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("nowhere", "unet: nowhere is neither a folder nor a file, nor a name on the hub"),
        ("./a/b", "unet: ./a/b is neither a folder nor a file"),
        ("/a/b", "unet: /a/b is neither a folder nor a file"),
        ("../a", "unet: ../a is neither a folder nor a file"),
        ("a/../b", "unet: a/../b is neither a folder nor a file"),
        ("a/b@../../c", "is neither a folder nor a file"),
        ("a/b.safetensors", "unet: a/b.safetensors is neither a folder nor a file"),
        ("https://example.org/a/b", "is neither a folder nor a file"),
        ("", "unet: its source is empty"),
        (" ", "unet: its source is empty"),
        ("notes.txt", "unet: notes.txt is no .safetensors file"),
        ("empty", "unet: config.json of empty, sought as empty/unet/config.json and empty/config.json"),
    ],
)
def test_a_source_that_is_none_is_refused(
    cache: Path, folders: Any, monkeypatch: pytest.MonkeyPatch, source: str, message: str
) -> None:
    fill(cache, folders)
    monkeypatch.chdir(cache.parent)
    Path("notes.txt").write_text("hello")
    Path("empty").mkdir()
    assert message in refusal(ModelSources(unet=source))


@pytest.mark.parametrize("part", ["text_encoder", "scheduler"])
def test_what_cannot_be_a_single_file_is_refused_as_one(cache: Path, folders: Any, part: str) -> None:
    fill(cache, folders)
    path = cache.parent / "a.safetensors"
    path.write_bytes(b"")
    assert f"{part}: {path} is a file; give a folder" in refusal(ModelSources(**{part: str(path)}))


class Hub:
    """A hub that holds folders, in place of the network."""

    def __init__(self, cache: Path, folders: dict[str, Path]) -> None:
        self.cache, self.folders = cache, folders
        self.look_up = huggingface_hub.snapshot_download
        self.asked: list[str] = []
        self.calls = 0

    def __call__(self, name: str, **options: Any) -> str:
        if options.get("local_files_only"):
            return self.look_up(name, **options)
        if name not in self.folders:
            raise OSError(f"no repository {name}\nmore about it")
        held = {
            path.relative_to(self.folders[name]).as_posix() for path in self.folders[name].rglob("*") if path.is_file()
        }
        wanted = held & set(options["allow_patterns"])
        self.asked += sorted(wanted)
        self.calls += 1
        part = self.cache.parent / f"call-{self.calls}"
        for file in wanted:
            write(part, file)
        snapshot = self.cache / f"models--{name.replace('/', '--')}" / "snapshots"
        into_hub_cache(self.cache, name, part)
        return str(snapshot)


def test_what_is_missing_is_fetched_if_asked_for(
    cache: Path, folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    half = WEIGHTS.replace(".safetensors", ".fp16.safetensors")
    write(
        folders[STABLE_DIFFUSION],
        f"unet/{half}",
        "unet/diffusion_pytorch_model.bin",
        "safety_checker/model.safetensors",
    )
    (folders[CONTROLNET] / WEIGHTS).rename(folders[CONTROLNET] / half)
    hub = Hub(cache, folders)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", hub)
    parts = locate_parts(ModelSources(), download=True)
    assert parts.controlnet is not None
    assert (parts.unet.variant, parts.controlnet.variant) == (None, "fp16")
    assert parts.own_schedule is not None
    assert set(hub.asked) == {
        *(f"{part}/{file}" for part in ("unet", "vae") for file in ("config.json", WEIGHTS)),
        *("scheduler/scheduler_config.json", "config.json", "model.safetensors", "vocab.txt", half),
    }


def test_what_fetching_did_not_bring_is_named(
    cache: Path, folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    (folders[BERT] / "model.safetensors").rename(folders[BERT] / "pytorch_model.bin")
    monkeypatch.setattr(huggingface_hub, "snapshot_download", Hub(cache, folders))
    message = refusal(ModelSources(), download=True)
    assert f"text_encoder: model.safetensors of {BERT}, sought as " in message
    assert "Fetching left this out: a repository may hold only pickled weights; docs/sd15.md" in message


def test_a_repository_that_cannot_be_reached_is_named(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub, "snapshot_download", Hub(cache, {}))
    message = refusal(ModelSources(), download=True)
    assert message.startswith(
        f"{STABLE_DIFFUSION} (revision main) cannot be fetched: no repository {STABLE_DIFFUSION}; check"
    )


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("a/b", HubName("a/b", "main")),
        ("a-1/b_2.c@v1.0", HubName("a-1/b_2.c", "v1.0")),
        ("a/b@refs/pr/2", HubName("a/b", "refs/pr/2")),
        ("a", None),
        ("a/b/c", None),
        (".a/b", None),
        ("a/b@", None),
        ("a/b@/c", None),
        ("a/b..c", None),
    ],
)
def test_names_on_the_hub(text: str, name: HubName | None) -> None:
    assert HubName.parse(text) == name

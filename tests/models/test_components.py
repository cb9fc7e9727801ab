from __future__ import annotations

import copy
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from diffusers import AutoencoderKL, ControlNetModel, DDIMScheduler, UNet2DConditionModel
from safetensors.torch import load_file, save_file
from transformers import AutoTokenizer, BertModel

from fetalflex.errors import FetalFlexError
from fetalflex.files import MARKER, folders
from fetalflex.models.build import build_components
from fetalflex.models.components import NETWORKS, Components, model_identity, weights_digest
from fetalflex.models.configs import get_preset
from fetalflex.models.prealignment import PreAlignment
from fetalflex.models.text import encode_prompts
from fetalflex.pipeline.conditioning import predict


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory, shared_model: Components) -> Path:
    """A model folder; not to be changed."""
    return shared_model.save(tmp_path_factory.mktemp("models") / "model")


@pytest.fixture
def folder(saved: Path, tmp_path: Path) -> Path:
    """A model folder of the test's own."""
    return Path(shutil.copytree(saved, tmp_path / "model"))


@torch.no_grad()
def output(components: Components) -> torch.Tensor:
    """Return what all networks make of fixed inputs."""
    generator = torch.Generator().manual_seed(0)
    x, layout, background = torch.randn(3, 1, 4, 16, 16, generator=generator)
    text = encode_prompts(components.tokenizer, components.text_encoder, ["fetal heart"])
    condition = components.prealignment(layout, background, torch.ones(1, 1, 16, 16))
    noise = predict(components.unet, components.controlnet, x, torch.tensor(300), text, condition)
    return components.vae.decode(noise).sample


@torch.no_grad()
def test_a_saved_model_loads_as_it_was(shared_model: Components, saved: Path) -> None:
    loaded = Components.load(saved)
    before = output(loaded)
    assert model_identity(loaded) == model_identity(shared_model)
    assert loaded.config == shared_model.config
    assert torch.equal(loaded.scheduler.alphas_cumprod, shared_model.scheduler.alphas_cumprod)
    assert loaded.scheduler.config.timestep_spacing == shared_model.scheduler.config.timestep_spacing
    for name, network in loaded.networks().items():
        assert not network.training, name
        theirs = getattr(shared_model, name).state_dict()
        assert all(torch.equal(tensor, theirs[key]) for key, tensor in network.state_dict().items())
        network.load_state_dict(theirs)  # in place: weights at another place in memory may round otherwise
    assert torch.equal(output(loaded), before)
    torch.testing.assert_close(before, output(shared_model))


def test_a_model_stored_as_float16_is_half_as_large_and_as_good_as_half_precision(
    shared_model: Components, saved: Path, tmp_path: Path
) -> None:
    half = shared_model.save(tmp_path / "half", half=True)
    loaded = Components.load(half)
    assert next(loaded.unet.parameters()).dtype == torch.float32
    assert model_identity(loaded) == model_identity(shared_model)
    for name, network in loaded.networks().items():
        for (key, ours), theirs in zip(
            network.state_dict().items(), getattr(shared_model, name).state_dict().values(), strict=True
        ):
            assert torch.equal(ours, theirs.half().to(ours.dtype)), f"{name}.{key}"
    torch.testing.assert_close(output(loaded), output(shared_model), rtol=0.01, atol=0.01)
    sizes = [sum(path.stat().st_size for path in folder.rglob("*.safetensors")) for folder in (half, saved)]
    assert sizes[0] < 0.55 * sizes[1]


def test_saving_as_float16_leaves_the_model_as_it_is(random_model: Components, tmp_path: Path) -> None:
    before = output(random_model)
    random_model.save(tmp_path / "half", half=True)
    assert torch.equal(output(random_model), before)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("vae", AutoencoderKL),
        ("unet", UNet2DConditionModel),
        ("controlnet", ControlNetModel),
        ("text_encoder", BertModel),
        ("prealignment", PreAlignment),
    ],
)
def test_each_network_loads_by_itself_with_the_library_it_comes_from(
    saved: Path, shared_model: Components, name: str, kind: type
) -> None:
    options = {"add_pooling_layer": False} if kind is BertModel else {"low_cpu_mem_usage": False}
    network = kind.from_pretrained(saved / name, **options)
    assert weights_digest(network) == weights_digest(getattr(shared_model, name))


def test_tokenizer_and_scheduler_load_by_themselves(saved: Path, shared_model: Components) -> None:
    tokenizer = AutoTokenizer.from_pretrained(saved / "tokenizer")
    assert tokenizer("fetal heart")["input_ids"] == shared_model.tokenizer("fetal heart")["input_ids"]
    scheduler = DDIMScheduler.from_pretrained(saved / "scheduler")
    assert torch.equal(scheduler.alphas_cumprod, shared_model.scheduler.alphas_cumprod)


def test_the_index_names_every_part(saved: Path) -> None:
    index = json.loads((saved / "model_index.json").read_text())
    assert index["_class_name"] == "FetalFlexPipeline"
    assert set(index) - {"_class_name"} == {*NETWORKS, "tokenizer", "scheduler"}
    assert {path.name for path in saved.iterdir() if path.is_dir()} == {*NETWORKS, "tokenizer", "scheduler"}


def test_a_model_holds_no_pickle(saved: Path) -> None:
    endings = {path.suffix for path in saved.rglob("*") if path.is_file() and path.name != MARKER}
    assert endings <= {".json", ".safetensors", ".txt"}


def test_a_model_does_not_tell_where_its_parts_lay(saved: Path, tmp_path: Path) -> None:
    again = Components.load(saved).save(tmp_path / "again")
    for path in again.rglob("*.json"):
        assert str(saved.parent) not in path.read_text(), path


def remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def drop_a_tensor(path: Path) -> None:
    tensors = load_file(path)
    del tensors[sorted(tensors)[0]]
    save_file(tensors, path)


def spoil_json(path: Path) -> None:
    path.write_text("{")


WEIGHTS = "diffusion_pytorch_model.safetensors"


@pytest.mark.parametrize(
    ("part", "damage", "named"),
    [
        ("unet", remove, "unet"),
        ("tokenizer", remove, "tokenizer"),
        ("scheduler", remove, "scheduler"),
        (f"vae/{WEIGHTS}", remove, "vae"),
        (f"vae/{WEIGHTS}", truncate, "vae"),
        (f"unet/{WEIGHTS}", drop_a_tensor, "unet"),
        (f"prealignment/{WEIGHTS}", drop_a_tensor, "prealignment"),
        ("text_encoder/model.safetensors", truncate, "text_encoder"),
        ("text_encoder/model.safetensors", drop_a_tensor, "text_encoder"),
        ("controlnet/config.json", spoil_json, "controlnet"),
        ("tokenizer/tokenizer.json", spoil_json, "tokenizer"),
        ("scheduler/scheduler_config.json", spoil_json, "scheduler"),
        ("fetalflex_config.json", spoil_json, "fetalflex_config.json"),
        ("fetalflex_config.json", remove, ""),
        ("model_index.json", remove, ""),
    ],
)
def test_what_is_missing_or_damaged_is_named(folder: Path, part: str, damage: Callable, named: str) -> None:
    damage(folder / part)
    with pytest.raises(FetalFlexError) as caught:
        Components.load(folder)
    assert str(folder / named) in str(caught.value)
    assert ";" in str(caught.value) or ":" in str(caught.value)


def test_a_folder_that_is_no_model_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nothing"):
        with pytest.raises(FetalFlexError, match=f"{path}: not a FetalFlex model folder"):
            Components.load(path)


def test_a_config_with_an_unknown_field_is_refused(folder: Path) -> None:
    path = folder / "fetalflex_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"colour": "red"}))
    with pytest.raises(FetalFlexError, match=r"fetalflex_config\.json: not a valid model config"):
        Components.load(folder)


@pytest.fixture(scope="module")
def other() -> Components:
    """A model of another preset."""
    return build_components(get_preset("mini"), ["fetal"])


@pytest.mark.parametrize("part", ["vae", "unet", "controlnet", "text_encoder", "prealignment"])
def test_a_part_of_another_model_is_refused(folder: Path, other: Components, part: str) -> None:
    shutil.rmtree(folder / part)
    getattr(other, part).save_pretrained(folder / part)
    with pytest.raises(FetalFlexError, match=part):
        Components.load(folder)


def test_an_interrupted_save_leaves_the_old_model(
    folder: Path, random_model: Components, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = model_identity(Components.load(folder))
    changed = copy.deepcopy(random_model)
    torch.nn.init.ones_(changed.vae.quant_conv.weight)

    def fail(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(changed.scheduler, "save_pretrained", fail)
    with pytest.raises(KeyboardInterrupt):
        changed.save(folder)
    assert model_identity(Components.load(folder)) == before
    assert [path.name for path in folder.parent.iterdir()] == ["model"]


def test_a_save_that_cannot_be_renamed_leaves_the_old_model(
    folder: Path, random_model: Components, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = model_identity(Components.load(folder))
    monkeypatch.setattr(folders, "_renameat2", lambda: None)  # as on file systems that cannot exchange folders
    rename = Path.rename

    def fail_on_new(self: Path, target: Path) -> Path:
        if self.suffix == ".partial":
            raise OSError("disk full")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", fail_on_new)
    with pytest.raises(FetalFlexError, match="model cannot be written: disk full"):
        random_model.save(folder)
    assert model_identity(Components.load(folder)) == before
    assert [path.name for path in folder.parent.iterdir()] == ["model"]


def test_a_save_replaces_the_whole_folder(folder: Path, random_model: Components) -> None:
    old = folder / "unet" / "diffusion_pytorch_model.safetensors"
    torch.nn.init.ones_(random_model.vae.quant_conv.weight)
    random_model.save(folder, shard_size="10KB")
    assert not old.exists()
    assert model_identity(Components.load(folder)) == model_identity(random_model)


def test_a_model_is_not_replaced_with_what_others_put_there(folder: Path, random_model: Components) -> None:
    (folder / "README.md").write_text("my model card")
    with pytest.raises(FetalFlexError, match=r"did not write \(README\.md\), so it is not replaced"):
        random_model.save(folder)
    assert (folder / "README.md").read_text() == "my model card"


def test_a_digest_changes_with_the_weights_and_not_with_their_precision_or_memory_format() -> None:
    module = torch.nn.Conv2d(3, 4, 3)
    before = weights_digest(module)
    assert weights_digest(copy.deepcopy(module).to(memory_format=torch.channels_last)) == before
    assert weights_digest(copy.deepcopy(module).half()) == before
    assert weights_digest(copy.deepcopy(module).double()) == before
    with torch.no_grad():
        module.weight[0, 0, 0, 0] += 0.01
    assert weights_digest(module) != before


def test_a_digest_tells_apart_weights_of_equal_values_under_other_names() -> None:
    first, second = torch.nn.Module(), torch.nn.Module()
    first.a, second.b = torch.nn.Linear(2, 2), torch.nn.Linear(2, 2)
    second.b.load_state_dict(first.a.state_dict())
    assert weights_digest(first) != weights_digest(second)


@pytest.mark.parametrize("part", NETWORKS)
def test_the_identity_covers_every_network(random_model: Components, part: str) -> None:
    before = model_identity(random_model)
    assert before.startswith("tiny-")
    with torch.no_grad():
        next(getattr(random_model, part).parameters()).view(-1)[0].add_(1)
    assert model_identity(random_model) != before


def test_freezing_stops_gradients_and_dropout(random_model: Components) -> None:
    for network in random_model.networks().values():
        network.train().requires_grad_(True)
    random_model.freeze()
    for network in random_model.networks().values():
        assert not network.training
        assert not any(parameter.requires_grad for parameter in network.parameters())

from __future__ import annotations

import json
import os
import shutil
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from fetalflex.errors import FetalFlexError
from fetalflex.models import components as components_module
from fetalflex.models.components import NETWORKS, Components
from fetalflex.models.part_configs import differences, expected

WEIGHTS = "diffusion_pytorch_model.safetensors"


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory, shared_model: Components) -> Path:
    """A model folder; not to be changed."""
    return shared_model.save(tmp_path_factory.mktemp("models") / "model")


@pytest.fixture
def folder(saved: Path, tmp_path: Path) -> Path:
    """A model folder of the test's own."""
    return Path(shutil.copytree(saved, tmp_path / "model"))


def config_of(part: str) -> str:
    return {"scheduler": "scheduler/scheduler_config.json", "tokenizer": "tokenizer/tokenizer_config.json"}.get(
        part, f"{part}/config.json"
    )


def change(path: Path, *place: str, value: Any) -> None:
    """Change one value of a JSON file; `...` removes it."""
    content = json.loads(path.read_text())
    inner = content
    for key in place[:-1]:
        inner = inner[key]
    if value is ...:
        del inner[place[-1]]
    else:
        inner[place[-1]] = value
    path.write_text(json.dumps(content))


def nothing_is_built(*_: Any, **__: Any) -> Any:
    raise AssertionError("a part was built")


@pytest.mark.parametrize(
    ("part", "field", "value"),
    [
        ("scheduler", "num_train_timesteps", 7),
        ("scheduler", "num_train_timesteps", 10**9),
        ("scheduler", "prediction_type", "epsilon"),
        ("scheduler", "beta_start", 0.001),
        ("scheduler", "beta_end", None),
        ("scheduler", "beta_schedule", "scaled_linear"),
        ("scheduler", "timestep_spacing", "leading"),
        ("scheduler", "trained_betas", [0.1] * 10),
        ("scheduler", "rescale_betas_zero_snr", True),
        ("scheduler", "steps_offset", 10**9),
        ("vae", "scaling_factor", 0),
        ("vae", "scaling_factor", 77),
        ("vae", "scaling_factor", "1"),
        ("vae", "block_out_channels", [8, 16, 10**6]),
        ("vae", "layers_per_block", 10**6),
        ("vae", "act_fn", "gelu"),
        ("unet", "layers_per_block", 10**6),
        ("unet", "layers_per_block", [1, 10**6]),
        ("unet", "block_out_channels", [4000, 8000]),
        ("unet", "transformer_layers_per_block", 10**6),
        ("unet", "num_class_embeds", 10**9),
        ("unet", "time_embedding_dim", 10**9),
        ("unet", "attention_head_dim", [1, 1]),
        ("unet", "norm_num_groups", 4),
        ("unet", "center_input_sample", True),
        ("controlnet", "layers_per_block", 10**6),
        ("controlnet", "conditioning_channels", 10**9),
        ("controlnet", "conditioning_embedding_out_channels", [10**9]),
        ("controlnet", "global_pool_conditions", True),
        ("prealignment", "hidden_channels", 10**9),
        ("text_encoder", "num_hidden_layers", 10**6),
        ("text_encoder", "num_attention_heads", 1),
        ("text_encoder", "vocab_size", 10**9),
        ("text_encoder", "intermediate_size", 10**9),
        ("text_encoder", "type_vocab_size", 10**9),
        ("text_encoder", "max_position_embeddings", 10**9),
        ("text_encoder", "model_type", "t5"),
        ("tokenizer", "model_max_length", ...),
        ("tokenizer", "model_max_length", 10**9),
        ("tokenizer", "model_max_length", 47),
        ("tokenizer", "padding_side", "left"),
    ],
)
def test_a_part_that_says_other_than_the_model_is_refused_before_anything_is_built(
    folder: Path, monkeypatch: pytest.MonkeyPatch, part: str, field: str, value: Any
) -> None:
    change(folder / config_of(part), field, value=value)
    monkeypatch.setattr(components_module, "_load_part", nothing_is_built)
    with pytest.raises(FetalFlexError, match=f"{part}: belongs to another model: {field} is .*; fetch or train"):
        Components.load(folder)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("image_size",), 10**9),
        (("image_size",), 2048),
        (("autoencoder", "channels"), []),
        (("autoencoder", "channels"), [8] * 40),
        (("autoencoder", "channels"), [10**6, 16, 16]),
        (("autoencoder", "channels"), [9, 16, 16]),
        (("autoencoder", "layers_per_block"), 10**6),
        (("autoencoder", "latent_channels"), 10**6),
        (("autoencoder", "scaling_factor"), 0),
        (("autoencoder", "scaling_factor"), 1e30),
        (("text", "hidden_size"), 10**6),
        (("text", "layers"), 10**6),
        (("text", "heads"), 3),
        (("text", "max_tokens"), 10**9),
        (("text", "positions"), 10**9),
        (("text", "pieces"), 10**9),
        (("denoiser", "channels"), []),
        (("denoiser", "channels"), [4000, 8000]),
        (("denoiser", "layers_per_block"), 10**6),
        (("denoiser", "norm_groups"), 0),
        (("denoiser", "norm_groups"), 7),
        (("control", "embedding_channels"), 10**9),
        (("control", "label_channels"), ["a"] * 10_000),
        (("noise", "train_timesteps"), 10**15),
        (("noise", "train_timesteps"), 50_000),
        (("noise", "beta_start"), 0),
        (("noise", "beta_end"), 0.9999),
        (("name",), "x" * 1000),
    ],
)
def test_sizes_beyond_reason_are_refused_by_arithmetic(
    folder: Path, monkeypatch: pytest.MonkeyPatch, place: tuple[str, ...], value: Any
) -> None:
    change(folder / "fetalflex_config.json", *place, value=value)
    monkeypatch.setattr(components_module, "_load_part", nothing_is_built)
    started = time.process_time()
    with pytest.raises(FetalFlexError, match=r"fetalflex_config\.json: not a valid model config: ") as caught:
        Components.load(folder)
    assert place[-1] in str(caught.value) or place[0] in str(caught.value)
    assert time.process_time() - started < 1


def test_a_model_that_is_larger_than_its_weights_is_refused(folder: Path) -> None:
    """All configs agree on 4000 channels; only the files tell that no such weights are there."""
    wide = [4000, 4000]
    change(folder / "fetalflex_config.json", "denoiser", "channels", value=wide)
    heads = [channels // 16 for channels in wide]
    for part in ("unet", "controlnet"):
        change(folder / config_of(part), "block_out_channels", value=wide)
        change(folder / config_of(part), "attention_head_dim", value=heads)
    with pytest.raises(FetalFlexError, match=r"unet: cannot be loaded \(it holds .* weights, its config describes at"):
        Components.load(folder)


@pytest.mark.parametrize("part", NETWORKS)
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_weights_that_are_not_finite_are_refused_naming_part_and_weight(folder: Path, part: str, value: float) -> None:
    path = next((folder / part).glob("*.safetensors"))
    tensors = load_file(path)
    name = sorted(tensors)[-1]
    tensors[name].view(-1)[-1] = value
    save_file(tensors, path, {"format": "pt"})
    with pytest.raises(FetalFlexError, match=f"{part}: cannot be loaded .*not finite, the first in {name}"):
        Components.load(folder)


@pytest.mark.parametrize(
    "part", ["vae", "unet", "controlnet", "prealignment", "text_encoder", "scheduler", "tokenizer"]
)
@pytest.mark.parametrize(
    "content", [b"", b"[]", b"null", b"\xff\xfe", b'{"a": NaN}', b"[" * 10_000, b'{"a": 1, "a": 2}', b" " * 2_000_000]
)
def test_damaged_configs_are_named(folder: Path, part: str, content: bytes) -> None:
    path = folder / config_of(part)
    path.write_bytes(content)
    with pytest.raises(FetalFlexError, match=config_of(part)):
        Components.load(folder)


@pytest.mark.parametrize("name", ["tokenizer/tokenizer.json", f"unet/{WEIGHTS}.index.json", "fetalflex_config.json"])
def test_endless_files_are_not_read(folder: Path, name: str) -> None:
    (folder / name).unlink(missing_ok=True)
    with (folder / name).open("wb") as file:
        os.truncate(file.fileno(), 2**40)  # sparse
    with pytest.raises(FetalFlexError, match=name):
        Components.load(folder)


def test_a_vocabulary_beyond_the_text_encoder_is_refused(folder: Path) -> None:
    path = folder / "tokenizer" / "tokenizer.json"
    content = json.loads(path.read_text())
    content["model"]["vocab"]["zz"] = 10**6
    path.write_text(json.dumps(content))
    with pytest.raises(FetalFlexError, match="tokenizer: belongs to another model: it has a word piece 1000000"):
        Components.load(folder)


def test_what_training_writes_fits_itself(shared_model: Components) -> None:
    for part in ("vae", "unet", "controlnet", "prealignment", "scheduler"):
        assert list(differences(shared_model.config, part, getattr(shared_model, part).config)) == []
    text = shared_model.text_encoder.config.to_dict()
    assert list(differences(shared_model.config, "text_encoder", text)) == []


def test_shorter_configs_have_the_defaults_of_their_class(shared_model: Components) -> None:
    values = dict(shared_model.unet.config)
    short = {name: value for name, value in values.items() if name in expected(shared_model.config)["unet"]}
    assert list(differences(shared_model.config, "unet", short)) == []


@pytest.mark.parametrize("part", NETWORKS)
@pytest.mark.parametrize(
    ("value", "half", "told"), [(1e6, True, "do not fit 16 bits"), (float("nan"), False, "are not")]
)
def test_what_could_not_be_loaded_is_not_written(
    random_model: Components, tmp_path: Path, part: str, value: float, half: bool, told: str
) -> None:
    with torch.no_grad():
        next(getattr(random_model, part).parameters()).view(-1)[0] = value
    with pytest.raises(FetalFlexError, match=f"{part}: its weights {told}.*so the model is not written"):
        random_model.save(tmp_path / "model", half=half)
    assert list(tmp_path.iterdir()) == []

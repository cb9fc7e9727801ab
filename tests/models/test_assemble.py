from __future__ import annotations

import copy
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import AutoencoderKL, ControlNetModel, DDIMScheduler, UNet2DConditionModel
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import AutoTokenizer, BertModel

from fetalflex.errors import FetalFlexError
from fetalflex.models.assemble import Assembly, assemble
from fetalflex.models.build import has_learnt
from fetalflex.models.components import Components, model_identity
from fetalflex.models.text import encode_prompts, tokenize
from fetalflex.pipeline.conditioning import predict
from published_parts import SMALL, Published, write_published, write_single_file

WEIGHTS = "diffusion_pytorch_model.safetensors"


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Published:
    """Published parts; not to be changed."""
    return write_published(tmp_path_factory.mktemp("published"))


@pytest.fixture(scope="module")
def made(published: Published) -> Assembly:
    """A model made of them; not to be changed."""
    return assemble(published.sources, SMALL, seed=5)


@pytest.fixture
def own(published: Published, tmp_path: Path) -> Published:
    """Published parts of the test's own."""
    shutil.copytree(published.folder, tmp_path / "own")
    return Published(tmp_path / "own", published.unet, published.vae, published.text_encoder, published.controlnet)


def put_together(published: Published, **sources: Any) -> Assembly:
    return assemble(published.sources.model_copy(update=sources), SMALL, seed=5)


def same_weights(ours: nn.Module, theirs: nn.Module, but: str = "nothing") -> bool:
    first, second = ({k: v for k, v in m.state_dict().items() if not k.startswith(but)} for m in (ours, theirs))
    return first.keys() == second.keys() and all(torch.equal(first[key], second[key]) for key in first)


def change_json(path: Path, **values: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def message_of(published: Published, **sources: Any) -> str:
    with pytest.raises(FetalFlexError) as caught:
        put_together(published, **sources)
    return str(caught.value)


def test_every_published_weight_is_kept_but_those_of_the_hint_network(published: Published, made: Assembly) -> None:
    components = made.components
    assert same_weights(components.unet, published.unet)
    assert same_weights(components.vae, published.vae)
    assert same_weights(components.text_encoder, published.text_encoder.bert)
    assert same_weights(components.controlnet, published.controlnet, but="controlnet_cond_embedding")
    assert has_learnt(components.controlnet)


def test_the_config_describes_the_parts(published: Published, made: Assembly) -> None:
    text = SMALL.text.model_copy(
        update={"pieces": 600, "positions": 96, "vocabulary_size": len(made.components.tokenizer)}
    )
    assert made.components.config == SMALL.model_copy(update={"text": text})
    assert made.warnings == ()
    assert made.origins == {
        "unet": published.pipeline / "unet" / WEIGHTS,
        "vae": published.pipeline / "vae" / WEIGHTS,
        "text_encoder": published.folder / "bert" / "model.safetensors",
        "controlnet": published.folder / "controlnet" / WEIGHTS,
        "scheduler": published.pipeline / "scheduler" / "scheduler_config.json",
    }


@torch.no_grad()
def test_the_new_projection_starts_at_zero_and_takes_our_condition(made: Assembly) -> None:
    projection = made.components.controlnet.controlnet_cond_embedding
    assert not projection(torch.randn(1, 8, 8, 8)).any()
    assert projection.conv_in.weight.any()
    assert made.components.controlnet.config.conditioning_channels == 8


@torch.no_grad()
def test_the_model_denoises_and_is_as_the_published_parts_without_condition(
    published: Published, made: Assembly
) -> None:
    components = made.components
    x, timestep = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(0)), torch.tensor(300)
    text = encode_prompts(components.tokenizer, components.text_encoder, ["fetal heart"])
    assert text.shape == (1, 77, 32)
    layout = torch.randn(1, 4, 8, 8)
    condition = components.prealignment(layout, layout, torch.ones(1, 1, 8, 8))
    predicted = predict(components.unet, components.controlnet, x, timestep, text, condition)
    assert torch.isfinite(predicted).all()
    silent = copy.deepcopy(published.controlnet)
    for parameter in silent.controlnet_cond_embedding.conv_out.parameters():
        nn.init.zeros_(parameter)
    expected = predict(published.unet, silent, x, timestep, text, torch.randn(1, 3, 64, 64))
    torch.testing.assert_close(predicted, expected)


def test_a_model_is_saved_and_loaded_as_it_was(made: Assembly, tmp_path: Path) -> None:
    loaded = Components.load(made.components.save(tmp_path / "model"))
    assert model_identity(loaded) == model_identity(made.components)
    assert loaded.config == made.components.config
    assert torch.equal(loaded.scheduler.alphas_cumprod, made.components.scheduler.alphas_cumprod)
    for prompt in ("", "Fetal ULTRASOUND, thalami"):
        ours, theirs = (tokenize(model.tokenizer, [prompt])[0] for model in (loaded, made.components))
        assert torch.equal(ours, theirs)


def test_new_weights_are_repeatable_and_leave_the_global_random_state(published: Published, made: Assembly) -> None:
    torch.manual_seed(9)
    state = torch.get_rng_state()
    again, other = put_together(published), assemble(published.sources, SMALL, seed=6)
    assert torch.equal(torch.get_rng_state(), state)
    identities = [model_identity(assembly.components) for assembly in (made, again, other)]
    assert identities[0] == identities[1] != identities[2]


def test_without_a_published_controlnet_the_unets_encoder_is_taken(published: Published) -> None:
    components = put_together(published, controlnet=None).components
    assert not has_learnt(components.controlnet)
    for part in ("conv_in", "time_embedding", "down_blocks", "mid_block"):
        assert same_weights(getattr(components.controlnet, part), getattr(published.unet, part))
    components.controlnet.conv_in.weight.data.add_(1)
    assert same_weights(components.unet, published.unet)


def test_parts_may_be_named_by_their_own_folders(own: Published, made: Assembly) -> None:
    shutil.copytree(own.pipeline / "vae", own.folder / "my-vae")
    assembly = put_together(own, unet=str(own.pipeline / "unet"), vae=str(own.folder / "my-vae"))
    assert model_identity(assembly.components) == model_identity(made.components)
    assert assembly.origins["scheduler"] == own.pipeline / "scheduler" / "scheduler_config.json"
    assert assembly.warnings == ()


def test_original_single_files_give_the_same_weights(published: Published, made: Assembly, tmp_path: Path) -> None:
    """Converted back from the original key layout, and compared weight for weight by the model's identity."""
    networks = {"unet": published.unet, "vae": published.vae, "controlnet": published.controlnet}
    whole = str(write_single_file(tmp_path / "whole.safetensors", **networks))
    assembly = put_together(published, unet=whole, vae=whole, controlnet=whole)
    assert same_weights(assembly.components.unet, published.unet)
    assert same_weights(assembly.components.vae, published.vae)
    assert model_identity(assembly.components) == model_identity(made.components)
    assert all(
        not weight.is_meta for network in assembly.components.networks().values() for weight in network.parameters()
    )
    assert len(assembly.warnings) == 1
    assert "nothing beside the U-Net names its noise schedule; Stable Diffusion 1.5's is taken" in assembly.warnings[0]
    assert torch.allclose(assembly.components.scheduler.alphas_cumprod, made.components.scheduler.alphas_cumprod)


@pytest.mark.parametrize("variant", ["half", "old names"])
def test_other_forms_of_the_same_weights_are_read(own: Published, made: Assembly, variant: str) -> None:
    path = own.pipeline / "vae" / WEIGHTS
    tensors = load_file(path)
    path.unlink()
    if variant == "half":
        save_file({key: tensor.half() for key, tensor in tensors.items()}, path.with_suffix(".fp16.safetensors"))
    else:  # as the autoencoder of Stable Diffusion 1.5 is published
        renamed = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}
        for ours, theirs in renamed.items():
            tensors = {key.replace(f"attentions.0.{ours}", f"attentions.0.{theirs}"): t for key, t in tensors.items()}
        assert any("proj_attn" in key for key in tensors)
        save_file(tensors, path)
    components = put_together(own).components
    assert next(components.vae.parameters()).dtype == torch.float32
    assert model_identity(components) == model_identity(made.components)


def test_configs_may_be_as_short_as_those_of_old(own: Published, made: Assembly) -> None:
    """Published configs do not name what their class has learnt since."""
    short = {"_class_name", "attention_head_dim", "block_out_channels", "cross_attention_dim", "norm_num_groups"}
    short |= {"sample_size", "layers_per_block", "down_block_types", "up_block_types", "latent_channels"}
    for folder in (own.pipeline / "unet", own.pipeline / "vae", own.folder / "controlnet"):
        values = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps({key: values[key] for key in values if key in short}))
    assembly = put_together(own)
    assert assembly.components.config == made.components.config
    assert model_identity(assembly.components) == model_identity(made.components)


def test_a_text_encoder_converted_as_the_guide_says_is_the_same(own: Published, made: Assembly) -> None:
    source, folder = own.folder / "bert", own.folder / "converted"
    BertModel.from_pretrained(source, add_pooling_layer=False).save_pretrained(folder)
    AutoTokenizer.from_pretrained(source).save_pretrained(folder)
    components = put_together(own, text_encoder=str(folder)).components
    assert model_identity(components) == model_identity(made.components)
    ours, theirs = (tokenize(model.tokenizer, ["Fetal Heart"])[0] for model in (components, made.components))
    assert torch.equal(ours, theirs)


def test_the_unets_own_schedule_is_taken_whatever_scheduler_it_came_with(own: Published) -> None:
    path = own.pipeline / "scheduler" / "scheduler_config.json"
    assert json.loads(path.read_text())["_class_name"] == "PNDMScheduler"
    change_json(path, beta_end=0.013, prediction_type="v_prediction")
    assembly = put_together(own)
    assert assembly.components.scheduler.config.prediction_type == "v_prediction"
    assert assembly.components.config.noise.beta_end == 0.013
    assert assembly.warnings == ()


def test_another_schedule_is_taken_with_a_warning_that_names_both(published: Published, tmp_path: Path) -> None:
    DDIMScheduler(beta_start=1e-4, beta_end=0.02, beta_schedule="linear").save_pretrained(tmp_path)
    assembly = put_together(published, scheduler=str(tmp_path))
    assert assembly.components.config.noise.beta_schedule == "linear"
    (warning,) = assembly.warnings
    assert "beta_start is 0.0001, the U-Net's own is 0.00085" in warning
    assert "beta_schedule is linear, the U-Net's own is scaled_linear" in warning


def test_the_same_schedule_named_gives_no_warning(published: Published) -> None:
    assert put_together(published, scheduler=str(published.pipeline)).warnings == ()


def test_another_image_size_is_taken_with_a_warning(published: Published) -> None:
    assembly = assemble(published.sources, SMALL, image_size=128)
    assert assembly.components.config.image_size == 128
    assert assembly.warnings == ("unet: it was trained at 64 px (sample_size 8), image_size is 128",)
    with pytest.raises(FetalFlexError, match="image_size 100 is not a multiple of the total downsampling 64"):
        assemble(published.sources, SMALL, image_size=100)


def test_prompts_may_be_longer(published: Published) -> None:
    components = assemble(published.sources, SMALL, max_tokens=90).components
    assert tokenize(components.tokenizer, ["fetal"])[0].shape == (1, 90)
    with pytest.raises(FetalFlexError, match="max_position_embeddings is 96, max_tokens is 97; choose fewer"):
        assemble(published.sources, SMALL, max_tokens=97)


def unet(**changes: Any) -> UNet2DConditionModel:
    return UNet2DConditionModel.from_config(
        {
            "sample_size": 8,
            "block_out_channels": (8, 16, 32, 32),
            "cross_attention_dim": 32,
            "attention_head_dim": 2,
            "norm_num_groups": 4,
        }
        | changes
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"in_channels": 9}, "unet: in_channels is 9, out_channels 4: an inpainting U-Net"),
        ({"in_channels": 8}, "unet: in_channels is 8, out_channels 4, but it must return as many"),
        ({"cross_attention_dim": 48}, "text_encoder: hidden_size is 32, the U-Net's cross_attention_dim is 48; give"),
        ({"cross_attention_dim": 48}, "controlnet: cross_attention_dim is 32, the U-Net's is 48; give a ControlNet"),
        (
            {"in_channels": 8, "out_channels": 8},
            "vae: latent_channels is 4, the U-Net's in_channels is 8; give the auto",
        ),
        ({"block_out_channels": (8, 16, 32, 40)}, r"controlnet: block_out_channels is \[8, 16, 32, 32\], the U-Net's"),
        ({"class_embed_type": "timestep"}, "unet: class_embed_type is timestep, not None: it takes more than noise"),
        ({"sample_size": None}, "the parts make no model that FetalFlex can describe"),
        ({"sample_size": 9}, "image_size 72 is not a multiple of the total downsampling 64"),
    ],
)
def test_a_unet_that_does_not_fit_is_refused(
    published: Published, tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    unet(**changes).save_pretrained(tmp_path / "unet")
    with pytest.raises(FetalFlexError, match=message):
        put_together(published, unet=str(tmp_path / "unet"))


@pytest.mark.parametrize(
    ("part", "changes"),
    [
        ("unet", {"layers_per_block": 10**6}),
        ("unet", {"act_fn": "gelu"}),
        ("unet", {"block_out_channels": [4000, 8000, 8000, 8000]}),
        ("unet", {"attention_head_dim": [2, 2, 2, 4]}),
        ("vae", {"act_fn": "gelu"}),
        ("scheduler", {"steps_offset": 10**9}),
        ("scheduler", {"rescale_betas_zero_snr": True}),
    ],
)
def test_what_the_model_could_not_say_of_itself_is_refused_before_weights_are_read(
    own: Published, part: str, changes: dict[str, Any]
) -> None:
    path = own.pipeline / part / ("scheduler_config.json" if part == "scheduler" else "config.json")
    change_json(path, **changes)
    assert next(iter(changes)) in message_of(own)


def test_a_published_controlnet_that_averages_its_layout_is_refused(own: Published) -> None:
    change_json(own.folder / "controlnet" / "config.json", global_pool_conditions=True)
    assert "controlnet: global_pool_conditions is True, which averages the layout away" in message_of(own)


def test_the_colour_order_of_a_published_controlnet_does_not_turn_our_channels_round(own: Published) -> None:
    change_json(own.folder / "controlnet" / "config.json", controlnet_conditioning_channel_order="bgr")
    assert put_together(own).components.controlnet.config.controlnet_conditioning_channel_order == "rgb"


def test_an_autoencoder_with_another_latent_is_refused(published: Published, tmp_path: Path) -> None:
    AutoencoderKL(block_out_channels=(8,), latent_channels=16, norm_num_groups=4, shift_factor=0.1).save_pretrained(
        tmp_path
    )
    message = message_of(published, vae=str(tmp_path))
    assert "vae: latent_channels is 16, the U-Net's in_channels is 4" in message
    assert "vae: shift_factor is 0.1" in message


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"beta_schedule": "squaredcos_cap_v2"},
            "beta_schedule: Input should be 'linear' or 'scaled_linear' (got 'squaredcos_cap_v2')",
        ),
        ({"prediction_type": "sample"}, "prediction: Input should be 'epsilon' or 'v_prediction' (got 'sample')"),
        ({"trained_betas": [0.1] * 1000}, "trained_betas is a list"),
        ({"num_train_timesteps": "many"}, "train_timesteps: Input should be a valid integer"),
        ({"num_train_timesteps": 10**9}, "train_timesteps: Input should be less than or equal to 100000"),
        ({"beta_start": float("nan")}, "NaN is not allowed"),
        ({"beta_end": 0.99}, "leave no signal that can be computed with"),
    ],
)
def test_a_schedule_that_we_do_not_know_is_refused(own: Published, changes: dict[str, Any], message: str) -> None:
    path = own.pipeline / "scheduler" / "scheduler_config.json"
    change_json(path, **changes)
    assert f"scheduler: {path}" in message_of(own)
    assert message in message_of(own)


@pytest.mark.parametrize(
    ("part", "folder", "message"),
    [
        ("text_encoder", "stable-diffusion", "model_type is 'clip_text_model', not 'bert'; give a BERT, such as"),
        ("controlnet", "stable-diffusion/unet", "describes a UNet2DConditionModel, not a ControlNetModel"),
        ("vae", "controlnet", "describes a ControlNetModel, not a AutoencoderKL"),
    ],
)
def test_a_part_of_another_kind_is_refused(own: Published, part: str, folder: str, message: str) -> None:
    (own.pipeline / "text_encoder" / "vocab.txt").write_text("[PAD]\n")
    assert message in message_of(own, **{part: str(own.folder / folder)})


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def drop_a_tensor(path: Path) -> None:
    tensors = load_file(path)
    del tensors[next(key for key in sorted(tensors) if key.endswith("conv_in.weight") or "query" in key)]
    save_file(tensors, path, {"format": "pt"})


def widen_a_tensor(path: Path) -> None:
    tensors = load_file(path)
    key = sorted(tensors)[0]
    save_file(tensors | {key: torch.zeros(3, 3)}, path, {"format": "pt"})


def spoil(path: Path) -> None:
    path.write_text("{")


@pytest.mark.parametrize(
    ("file", "damage", "named"),
    [
        (f"stable-diffusion/unet/{WEIGHTS}", truncate, "unet: "),
        (f"stable-diffusion/unet/{WEIGHTS}", drop_a_tensor, "1 weights are missing, the first is conv_in.weight"),
        (f"stable-diffusion/vae/{WEIGHTS}", widen_a_tensor, "vae: "),
        ("stable-diffusion/unet/config.json", spoil, "unet: "),
        ("bert/model.safetensors", drop_a_tensor, "1 weights are missing"),
        ("bert/config.json", spoil, "text_encoder: "),
        (f"controlnet/{WEIGHTS}", truncate, "controlnet: "),
        ("stable-diffusion/scheduler/scheduler_config.json", spoil, "scheduler: "),
    ],
)
def test_what_is_damaged_is_named(own: Published, file: str, damage: Any, named: str) -> None:
    damage(own.folder / file)
    message = message_of(own)
    assert str(own.folder / file) in message
    assert named in message
    assert "fetch it again" in message


def test_a_vocabulary_that_does_not_belong_to_the_text_encoder_is_refused(own: Published) -> None:
    with (own.folder / "bert" / "vocab.txt").open("a") as file:
        file.write("".join(f"piece{number}\n" for number in range(200)))
    assert "text_encoder: vocab_size is 600, the vocabulary in" in message_of(own)


def test_code_that_comes_with_a_part_is_not_run(own: Published) -> None:
    folder = own.folder / "bert"
    (folder / "evil.py").write_text("raise SystemExit('run')\n")
    code = {
        "AutoConfig": "evil.Config",
        "AutoModel": "evil.Model",
        "AutoTokenizer": ["evil.Tokenizer", "evil.Tokenizer"],
    }
    change_json(folder / "config.json", auto_map=code)
    change_json(folder / "tokenizer_config.json", auto_map=code)
    components = put_together(own).components
    Components.load(components.save(own.folder / "model"))


def test_a_checkpoint_of_another_architecture_is_refused(published: Published, tmp_path: Path) -> None:
    inpainting, wider = unet(in_channels=9), unet(cross_attention_dim=48)
    path = str(write_single_file(tmp_path / "inpainting.safetensors", unet=inpainting))
    assert "is an inpainting U-Net, in_channels is 9, not 4" in message_of(published, unet=path)
    path = str(write_single_file(tmp_path / "wider.safetensors", unet=wider))
    message = message_of(published, unet=path)
    assert "attn2.to_k.weight is 8 x 48, not 8 x 32; single files are read as Stable Diffusion 1.5" in message
    alone = str(write_single_file(tmp_path / "unet.safetensors", unet=published.unet))
    more = {"model.diffusion_model.input_blocks.12.0.in_layers.0.weight": torch.zeros(1)}
    save_file(load_file(alone) | more, tmp_path / "deeper.safetensors")
    message = message_of(published, unet=str(tmp_path / "deeper.safetensors"))
    assert "holds 1 weights too many, the first is down_blocks.3.resnets.2.norm1.weight" in message
    assert "vae: " in message_of(published, vae=alone)
    assert "does not hold this part in the original layout" in message_of(published, vae=alone)
    assert "is in diffusers layout" in message_of(published, unet=str(published.pipeline / "unet" / WEIGHTS))


def test_a_published_controlnet_is_unlike_its_unet(published: Published) -> None:
    """Else the tests above would not tell one from the other."""
    assert not same_weights(published.controlnet.conv_in, published.unet.conv_in)
    assert isinstance(published.controlnet, ControlNetModel)

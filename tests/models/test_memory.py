from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode

from fetalflex.models.build import build_components
from fetalflex.models.components import Components
from fetalflex.models.configs import get_preset
from fetalflex.models.memory import _LiveBytes, _training_pass, control_memory, generation_memory


def test_only_what_is_alive_counts() -> None:
    layer = nn.Linear(8, 8)
    with _LiveBytes([layer]) as live:
        x = torch.zeros(4, 8)  # 128 bytes
        y = layer(x)  # 128 bytes; the view of the weights is none
        assert live.peak == 256
        del y
        z = x.view(32)[:16]
        assert live.peak == 256
        w = torch.zeros(16)  # 64 bytes
        assert live.peak == 256
        v = torch.zeros(32)  # 128 bytes
    assert live.peak == 128 + 64 + 128
    assert [len(tensor) for tensor in (z, w, v)] == [16, 16, 32]


def test_weights_gradients_and_optimiser_follow_from_the_number_of_parameters(shared_model: Components) -> None:
    memory = control_memory(get_preset("tiny"), batch=2)
    counts = shared_model.parameter_count()
    assert {name: size for name, size in memory.weights.items() if name != "text_encoder"} == {
        name: 4 * count for name, count in counts.items() if name != "text_encoder"
    }
    trained = 4 * (counts["controlnet"] + counts["prealignment"])
    assert (memory.gradients, memory.optimiser, memory.average) == (trained, 2 * trained, trained)
    assert memory.pass_ > trained
    assert memory.at_rest == sum(memory.weights.values()) + 4 * trained
    assert memory.in_training == memory.at_rest + memory.pass_
    assert memory.in_validation == memory.at_rest + trained + memory.validation
    assert memory.in_encoding == sum(memory.weights.values()) + memory.encoding
    assert generation_memory(get_preset("tiny")) > sum(memory.weights.values())


def test_activations_grow_with_the_batch_and_shrink_with_checkpointing() -> None:
    with FakeTensorMode():
        components = build_components(get_preset("tiny"), ["fetal"])
        plain, larger = (_training_pass(components, batch, False, False) for batch in (4, 8))
        half = _training_pass(components, 8, True, False)
        recomputed = _training_pass(components, 8, False, True)
    assert 1.5 * plain < larger <= 2 * plain
    assert half < 0.8 * larger
    assert recomputed < 0.8 * larger


@pytest.mark.slow
def test_the_guide_tells_the_computed_numbers() -> None:
    memory = control_memory(get_preset("sd15"), batch=2, bf16=True, gradient_checkpointing=True)
    sizes = {
        "weights: U-Net": memory.weights["unet"],
        "weights: ControlNet and pre-alignment": memory.weights["controlnet"] + memory.weights["prealignment"],
        "weights: text encoder": memory.weights["text_encoder"],
        "weights: autoencoder": memory.weights["vae"],
        "gradients, summed over the parts of a batch": memory.gradients,
        "AdamW, two moments": memory.optimiser,
        "moving average of the weights": memory.average,
        "forward and backward pass of 2 images": memory.pass_,
        "**a training step**": memory.in_training,
        "passes of a validation, and the weights kept aside": memory.validation + memory.average,
        "**a validation**": memory.in_validation,
        "**encoding the data set**": memory.in_encoding,
        "**generating 1 image**": generation_memory(get_preset("sd15"), 1),
        "**generating 4 images at a time**": generation_memory(get_preset("sd15"), 4),
    }
    guide = (Path(__file__).parents[2] / "docs" / "sd15.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| (.+?) \| \**(\d+\.\d\d)\** \|$", guide, re.MULTILINE))
    for title, size in sizes.items():
        told = next(float(number) for name, number in rows.items() if name.startswith(title))
        assert told == pytest.approx(size / 2**30, rel=0.02), title

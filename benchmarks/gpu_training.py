"""Training of the control branch on a GPU: our step, against a loop such as diffusers' example script has."""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
import torch.nn.functional as F
from diffusers.optimization import get_scheduler
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.timing import Case
from fetalflex.anatomy import Layout, default_registry
from fetalflex.compute.processes import Processes
from fetalflex.models.components import Components
from fetalflex.models.flops import shapes_only
from fetalflex.pipeline.conditioning import predict
from fetalflex.training.checkpoints import RunProgress
from fetalflex.training.config import ControlStage, DataConfig, RunConfig
from fetalflex.training.control import ControlTraining
from fetalflex.training.latent_cache import Latents
from fetalflex.training.steps import Steps


class TrainingCases:
    """Makes the cases of one model: steps of the control branch from latents in memory, ControlNet from the U-Net.

    Both ways train the same networks in bfloat16 with float32 weights, on squared error. Ours also trains the
    pre-alignment, weights the region, drops prompts and layouts, and keeps a moving average.

    Args:
        components: The model, float32, on the device; it is copied.
        device: Where to compute.
        samples: Latents in memory.
    """

    def __init__(self, components: Components, device: torch.device, samples: int) -> None:
        self._name, self._device, self._samples = components.config.name, device, samples
        self._flops = _step_flops(components)
        own = copy.deepcopy(components)
        training, shown = _latents(own, samples, device), _latents(own, 8, device)
        size = own.config.image_size
        layouts = [Layout("abdominal_transverse", size, size)] * len(shown)
        settings = ControlStage(ssim_weight=0.0)
        self._stage = ControlTraining(own, device, training, shown, layouts, default_registry(), settings)
        self._components = components

    def case(self, batch: int) -> Case:
        """Return the case of a batch size."""
        return Case(f"{self._name} control training", batch, self._ours(batch), self._theirs(batch), self._flops)

    def _ours(self, batch: int) -> Callable[[], object]:
        config = RunConfig(
            stage="control",
            output="unused",
            data=DataConfig(paths=("unused",)),
            init="unused",
            images=10**6,
            batch_size=batch,
            precision="bf16",
        )
        steps, progress = Steps(self._stage, config, Processes()), RunProgress()
        return lambda: steps.take(progress, 0.5)

    def _theirs(self, batch: int) -> Callable[[], object]:
        """Return a step as diffusers' `train_controlnet.py` takes it with `--mixed_precision bf16`."""
        device, scheduler = self._device, self._components.scheduler
        unet = copy.deepcopy(self._components.unet).to(torch.bfloat16, memory_format=torch.channels_last)
        unet.requires_grad_(False).eval()
        controlnet = copy.deepcopy(self._components.controlnet).to(memory_format=torch.channels_last)
        controlnet.requires_grad_(True).train()
        optimizer = torch.optim.AdamW(controlnet.parameters(), lr=3e-4, weight_decay=0.01)
        rates = get_scheduler("cosine", optimizer, num_warmup_steps=100, num_training_steps=10_000)
        held = self._stage.training
        assert held.layout is not None
        assert held.background is not None
        images = held.image.bfloat16()
        conditions = torch.cat([held.layout, held.background], dim=1).bfloat16()
        config = self._components.config.text
        texts = torch.randn(len(images), config.max_tokens, config.hidden_size, device=device).bfloat16()

        def step() -> Tensor:
            chosen = torch.randint(len(images), (batch,), device=device)
            latents, text = images[chosen], texts[chosen]
            noise = torch.randn_like(latents)
            timesteps = torch.randint(scheduler.config.num_train_timesteps, (batch,), device=device)
            noisy = scheduler.add_noise(latents.float(), noise.float(), timesteps).bfloat16()
            with torch.autocast(device.type, torch.bfloat16):
                down, middle = controlnet(noisy, timesteps, text, conditions[chosen], return_dict=False)
            residuals = [one.bfloat16() for one in down], middle.bfloat16()
            predicted = unet(noisy, timesteps, text, None, None, None, None, None, *residuals, return_dict=False)[0]
            velocity = scheduler.config.prediction_type == "v_prediction"
            target = scheduler.get_velocity(latents, noise, timesteps) if velocity else noise
            loss = F.mse_loss(predicted.float(), target.float())
            loss.backward()
            torch.nn.utils.clip_grad_norm_(controlnet.parameters(), 1.0)
            optimizer.step()
            rates.step()
            optimizer.zero_grad(set_to_none=True)
            return loss.detach()

        return step


def _latents(components: Components, count: int, device: torch.device) -> Latents:
    config = components.config
    side, channels = config.latent_size, config.autoencoder.latent_channels
    shape = (count, channels, side, side)

    def random() -> Tensor:
        return torch.randn(shape, device=device).half()

    labels = torch.zeros(count, config.control.layout_channels, side, side, device=device).half()
    region = torch.zeros(count, 1, side, side, dtype=torch.uint8, device=device)
    region[..., side // 4 : -side // 4, side // 4 : -side // 4] = 1
    prompts = [f"ultrasound image {number % 8}" for number in range(count)]
    return Latents(random(), prompts, torch.cat([random(), labels], dim=1), random(), region, region)


def _step_flops(components: Components) -> float:
    """Return what one sample costs, forward and backward; a multiply-add is 2, element-wise work is left out."""
    config, shapes = components.config, shapes_only(components)
    shapes.unet.requires_grad_(False)
    shapes.controlnet.requires_grad_(True)
    channels, side = config.autoencoder.latent_channels, config.latent_size
    x = torch.zeros(1, channels, side, side, device="meta")
    condition = torch.zeros(1, 2 * channels + config.control.layout_channels, side, side, device="meta")
    text = torch.zeros(1, config.text.max_tokens, config.text.hidden_size, device="meta")
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        predicted = predict(shapes.unet, shapes.controlnet, x, torch.zeros(1, device="meta"), text, condition)
        predicted.sum().backward()
    return float(counter.get_total_flops())

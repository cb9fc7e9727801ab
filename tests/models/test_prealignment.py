from __future__ import annotations

import json
from pathlib import Path

import torch
from torch import Tensor

from fetalflex.models.prealignment import PreAlignment


def inputs() -> tuple[Tensor, Tensor, Tensor]:
    """Return layout, background and ROI mask at latent resolution."""
    generator = torch.Generator().manual_seed(0)
    layout, background = torch.randn(2, 3, 4, 8, 8, generator=generator)
    mask = (torch.rand(3, 1, 8, 8, generator=generator) < 0.5).float()
    return layout, background, mask


def trained() -> PreAlignment:
    """Return one that has taken a gradient step towards an arbitrary target."""
    torch.manual_seed(0)
    network = PreAlignment(4, 8)
    optimizer = torch.optim.SGD(network.parameters(), lr=1.0)
    (network(*inputs())[:, :4] - 1).square().mean().backward()
    optimizer.step()
    return network.requires_grad_(False)


def test_it_starts_with_the_layout_as_it_is_whatever_the_background() -> None:
    layout, background, mask = inputs()
    condition = PreAlignment(4, 8)(layout, background, mask)
    assert condition.shape == (3, 8, 8, 8)
    assert torch.equal(condition, torch.cat([layout, layout], dim=1))


def test_a_gradient_step_makes_it_depend_on_background_and_mask() -> None:
    network = trained()
    layout, background, mask = inputs()
    aligned = network(layout, background, mask)[:, :4]
    assert not torch.allclose(aligned, layout)
    assert not torch.allclose(network(layout, -background, mask)[:, :4], aligned)
    assert not torch.allclose(network(layout, background, 1 - mask)[:, :4], aligned)


def test_the_plain_layout_always_follows_unchanged() -> None:
    layout, background, mask = inputs()
    assert torch.equal(trained()(layout, background, mask)[:, 4:], layout)


def test_scale_and_shift_follow_the_formula() -> None:
    """Aligned is affine in the layout, with scale and shift given by the background alone."""
    network = trained()
    layout, background, mask = inputs()
    shift = network(torch.zeros_like(layout), background, mask)[:, :4]
    scale = network(torch.ones_like(layout), background, mask)[:, :4] - shift
    assert not torch.allclose(scale, torch.ones_like(scale))
    torch.testing.assert_close(network(layout, background, mask)[:, :4], scale * layout + shift)


def test_label_channels_pass_as_they_are() -> None:
    layout, background, mask = inputs()
    labels = torch.rand(3, 2, 8, 8, generator=torch.Generator().manual_seed(1))
    condition = trained()(torch.cat([layout, labels], dim=1), background, mask)
    assert torch.equal(condition[:, :8], trained()(layout, background, mask))
    assert torch.equal(condition[:, 8:], labels)


def test_without_modulation_background_and_region_are_told_beside_the_layout() -> None:
    network = trained()
    network.modulate(False)
    layout, background, mask = inputs()
    condition = network(layout, background, mask)
    assert condition.shape == (3, 8, 8, 8)
    assert torch.equal(condition[:, 4:], layout)
    known = (mask == 0).expand_as(background)
    assert torch.equal(condition[:, :4][known], background[known])
    assert (condition[:, :4][~known] == 4).all()


def test_what_is_saved_keeps_whether_it_modulates(tmp_path: Path) -> None:
    network = trained()
    with_modulation = network(*inputs())
    network.save_pretrained(tmp_path / "on")
    network.modulate(False)
    network.save_pretrained(tmp_path / "off")
    on, off = (PreAlignment.from_pretrained(tmp_path / name) for name in ("on", "off"))
    assert torch.equal(on(*inputs()), with_modulation)
    assert torch.equal(off(*inputs()), network(*inputs()))


def test_files_without_the_field_modulate(tmp_path: Path) -> None:
    network = trained()
    network.save_pretrained(tmp_path)
    values = json.loads((tmp_path / "config.json").read_text())
    del values["modulates"]
    (tmp_path / "config.json").write_text(json.dumps(values))
    assert torch.equal(PreAlignment.from_pretrained(tmp_path)(*inputs()), network(*inputs()))

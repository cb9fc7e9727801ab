from __future__ import annotations

import torch

from fetalflex.evaluation.metrics.features import channel_normalised, copy_features


def test_normalised_features_have_length_1_at_every_position() -> None:
    lengths = channel_normalised(torch.randn(2, 5, 4, 3)).square().sum(dim=1)
    torch.testing.assert_close(lengths, torch.ones(2, 4, 3))


def test_features_of_length_0_stay_finite() -> None:
    assert not bool(channel_normalised(torch.zeros(1, 5, 2, 2)).any())


def test_copy_features_know_where_things_lie() -> None:
    maps = [torch.randn(1, 6, 16, 16), torch.randn(1, 2, 8, 8)]
    mirrored = [one.flip(3) for one in maps]
    assert (copy_features(maps) - copy_features(mirrored)).norm() > 0.1


def test_copy_features_average_over_cells() -> None:
    chosen = torch.randn(2, 6, 16, 16)
    x = copy_features([torch.randn(2, 3, 32, 32), chosen, torch.randn(2, 5, 8, 8)])
    cells = channel_normalised(chosen).unfold(2, 2, 2).unfold(3, 2, 2).mean(dim=(4, 5))
    torch.testing.assert_close(x, cells.flatten(1) / 8)


def test_maps_smaller_than_the_grid_are_taken_as_they_are() -> None:
    assert copy_features([torch.randn(2, 6, 4, 3), torch.randn(2, 5, 2, 2)]).shape == (2, 6 * 4 * 3)

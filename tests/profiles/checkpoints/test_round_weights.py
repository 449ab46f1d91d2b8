"""Rounding to nearest, on weights small enough to check by hand."""

from __future__ import annotations

import pytest
import torch

from profiles.checkpoints.round_weights import quantize


class Tiny(torch.nn.Module):
    def __init__(self, weight: torch.Tensor) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(weight.shape[1], weight.shape[0], bias=False)
        self.lm_head = torch.nn.Linear(weight.shape[1], weight.shape[0], bias=False)
        self.layer.weight.data = weight.clone()
        self.lm_head.weight.data = weight.clone()


def quantized(weight: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    model = Tiny(weight)
    quantize(model, "W8A8")
    tensors = model.state_dict()
    assert torch.equal(tensors["lm_head.weight"], weight)
    return tensors["layer.weight"], tensors["layer.weight_scale"]


def test_the_largest_weight_of_each_channel_becomes_127() -> None:
    integers, scale = quantized(torch.tensor([[1.0, -2.0, 254.0], [-127.0, 0.0, 1.0]]))
    assert integers.dtype == torch.int8
    assert scale.tolist() == [[2.0], [1.0]]
    assert integers.tolist() == [[0, -1, 127], [-127, 0, 1]]


def test_ties_go_to_the_even_integer() -> None:
    integers, _ = quantized(torch.tensor([[0.5, 1.5, 2.5, -0.5, -1.5, 127.0]]))
    assert integers.tolist() == [[0, 2, 2, 0, -2, 127]]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_integers_times_scale_are_the_nearest_values_there_are(dtype: torch.dtype) -> None:
    weight = torch.randn(16, 64, generator=torch.Generator().manual_seed(0)).to(dtype)
    integers, scale = quantized(weight)
    largest = weight.abs().amax(dim=1, keepdim=True).float() / 127
    assert torch.equal(scale, largest.to(dtype))
    expected = torch.round(weight / scale).clamp(-128, 127) * scale
    assert torch.equal(integers.to(dtype) * scale, expected)


def test_a_channel_of_zeros_stays_zeros() -> None:
    integers, scale = quantized(torch.zeros(2, 4))
    assert not integers.any()
    assert torch.isfinite(scale).all()


def test_a_scheme_with_groups_is_refused() -> None:
    with pytest.raises(ValueError, match="one per channel"):
        quantize(Tiny(torch.ones(2, 128)), "W4A16")

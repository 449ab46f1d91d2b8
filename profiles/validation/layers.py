"""Which linear layers a checkpoint holds, in how many bits, quantized or not."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from safetensors import safe_open

from profiles.validation.claims import UNQUANTIZED_BITS
from profiles.validation.tensors import Tensor

Parts = Mapping[str, Tensor]

MAIN = ("weight", "weight_packed", "qweight")
FLOATS = {"BF16": 16, "F16": 16, "F32": 32, "F64": 64}
# Of these tensors a quantization keeps the original, or has them next to the weights.
_KEPT = re.compile(r"(^|[._])(embed\w*|lm_head|wte|wpe|\w*norm\w*|ln_\w+)([._]|$)")
_SUFFIX = re.compile(
    r"\.(?P<part>weight(?:_packed|_scale(?:_inv|_2)?|_zero_point|_global_scale|_shape|_g_idx)?"
    r"|weight\.(?:absmax|nested_absmax|quant_map|nested_quant_map|quant_state\.\S+)"
    r"|qweight|qzeros|scales|g_idx|SCB|weight_format|input_scale|input_global_scale)$"
)
# Experts that are kept in one tensor for all have no `.weight`; in MXFP4 they are two tensors.
_EXPERTS = re.compile(r"\.experts\.\w+_proj(?P<part>|_blocks|_scales)$")
_EXPERT_PARTS = {"": "weight", "_blocks": "weight_packed", "_scales": "scales"}
# They say how the weights lie, or belong to the activations.
_NO_WEIGHTS = {
    "weight_shape", "weight_g_idx", "g_idx", "weight_format", "input_scale", "input_global_scale",
}  # fmt: skip
_FOUR_BIT_STATES = ("weight.quant_state.bitsandbytes__nf4", "weight.quant_state.bitsandbytes__fp4")


@dataclass(frozen=True, slots=True, kw_only=True)
class LinearLayer:
    """A linear layer on disk: `stored_bits` of all its tensors, scales included, biases not."""

    name: str
    weights: int
    stored_bits: int
    quantized: bool


def linear_layers(tensors: Parts, config_bits: int | None) -> tuple[LinearLayer, ...]:
    """Every linear layer but the embedding and the output.

    `config_bits` is from the configuration, for packed weights that do not state it.
    """
    parts: defaultdict[str, dict[str, Tensor]] = defaultdict(dict)
    for name, tensor in tensors.items():
        if (found := _split(name)) and not _KEPT.search(found[0]):
            parts[found[0]][found[1]] = tensor
    return tuple(_layers(parts, config_bits))


def _split(name: str) -> tuple[str, str] | None:
    """The layer that a tensor belongs to, and which part of it that is."""
    if found := _SUFFIX.search(name):
        return name[: found.start()], found["part"]
    if found := _EXPERTS.search(name):
        return name[: found.start("part")], _EXPERT_PARTS[found["part"]]
    return None


def _layers(parts: Mapping[str, Parts], config_bits: int | None) -> Iterator[LinearLayer]:
    for name, tensors in parts.items():
        main = next((part for part in MAIN if part in tensors), None)
        if main is None or len(tensors[main].shape) < 2:
            continue
        stored = sum(t.size_bytes for part, t in tensors.items() if part not in _NO_WEIGHTS)
        yield LinearLayer(
            name=name,
            weights=_weights(tensors, main, config_bits),
            stored_bits=stored * 8,
            quantized=tensors[main].dtype not in FLOATS,
        )


def _weights(tensors: Parts, main: str, config_bits: int | None) -> int:
    """How many weights lie in the part `main`, however they are packed."""
    packed = tensors[main]
    if "weight_shape" in tensors:
        rows, columns = _values(tensors["weight_shape"])
        return rows * columns
    if any(state in tensors for state in _FOUR_BIT_STATES):
        return packed.size_bytes * 2
    if main == "weight_packed" and packed.dtype == "U8":
        return packed.size_bytes * 2
    if main == "qweight" or packed.dtype == "I32":
        return packed.size_bytes * 8 // (config_bits or 4)
    return packed.elements


def _values(tensor: Tensor) -> list[int]:
    with safe_open(tensor.file, framework="np") as opened:
        values: list[int] = opened.get_tensor(tensor.name).tolist()
    return values


def bits_per_weight(layers: tuple[LinearLayer, ...]) -> float:
    """Mean bits of a weight over all linear layers, scales included."""
    weights = sum(layer.weights for layer in layers)
    return sum(layer.stored_bits for layer in layers) / weights if weights else UNQUANTIZED_BITS


def quantized_share(layers: tuple[LinearLayer, ...]) -> float:
    """Share of all linear layers' weights that are quantized."""
    weights = sum(layer.weights for layer in layers)
    return sum(layer.weights for layer in layers if layer.quantized) / weights if weights else 0.0

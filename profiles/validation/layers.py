"""Which linear layers a checkpoint holds, in how many bits, quantized or not."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from safetensors import safe_open

from profiles.validation.tensors import Tensor

Parts = Mapping[str, Tensor]

MAIN = ("weight", "weight_packed", "qweight")
FLOATS = {"BF16", "F16", "F32", "F64"}
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
        if found := _SUFFIX.search(name):
            layer, part = name[: found.start()], found["part"]
        elif found := _EXPERTS.search(name):
            layer, part = name[: found.start("part")], _EXPERT_PARTS[found["part"]]
        else:
            continue
        if not _KEPT.search(layer):
            parts[layer][part] = tensor
    layers: list[LinearLayer] = []
    for layer, of_layer in parts.items():
        main = next((part for part in MAIN if part in of_layer), None)
        if main is None or len(of_layer[main].shape) < 2:
            continue
        stored = sum(t.size_bytes for part, t in of_layer.items() if part not in _NO_WEIGHTS)
        layers.append(
            LinearLayer(
                name=layer,
                weights=_weights(of_layer, main, config_bits),
                stored_bits=stored * 8,
                quantized=of_layer[main].dtype not in FLOATS,
            )
        )
    return tuple(layers)


def _weights(tensors: Parts, main: str, config_bits: int | None) -> int:
    """How many weights lie in the part `main`, however they are packed."""
    packed = tensors[main]
    if shape := tensors.get("weight_shape"):
        with safe_open(shape.file, framework="np") as opened:
            return int(opened.get_tensor(shape.name).prod())
    if any(state in tensors for state in _FOUR_BIT_STATES):
        return packed.size_bytes * 2
    if main == "weight_packed" and packed.dtype == "U8":
        return packed.size_bytes * 2
    if main == "qweight" or packed.dtype == "I32":
        return packed.size_bytes * 8 // (config_bits or 4)
    return packed.elements

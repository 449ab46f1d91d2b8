"""What a checkpoint may claim to be: bits of its weights, numbers of its activations."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict
from types import MappingProxyType

from serve_app.core.profile import Activations, Quantization

UNQUANTIZED_BITS = 16.0
ALLOWED = (
    "bf16, fp16, fp8, int8, int4, awq, gptq, nf4, mxfp4, w<bits>a<bits> (as w8a8, w4a16), "
    "or a GGUF type (as q4_k_m, q8_0)"
)

_BY_NAME: Mapping[str, tuple[float, Activations]] = MappingProxyType(
    {
        "bf16": (16, "bf16"),
        "fp16": (16, "fp16"),
        "fp8": (8, "fp8"),
        "int8": (8, "int8"),
        "int4": (4, "bf16"),
        "awq": (4, "fp16"),
        "gptq": (4, "fp16"),
        "nf4": (4, "bf16"),
        "mxfp4": (4, "bf16"),
        "q2_k": (2.6, "fp16"),
        "q3_k_m": (3.9, "fp16"),
        "q4_0": (4.5, "fp16"),
        "q4_1": (5.0, "fp16"),
        "q4_k_s": (4.6, "fp16"),
        "q4_k_m": (4.85, "fp16"),
        "q5_k_m": (5.7, "fp16"),
        "q6_k": (6.6, "fp16"),
        "q8_0": (8.5, "fp16"),
    }
)
_BITS = re.compile(r"w(?P<weights>\d{1,2})a(?P<activations>8|16)")


class UnknownClaim(ValueError):
    """No quantization has this name."""


class Claim(Quantization):
    """A quantization by name, and what follows from it."""

    @property
    def quantized(self) -> bool:
        return self.weight_bits < UNQUANTIZED_BITS


def claim_named(name: str) -> Claim:
    """The claim that `name` stands for. Raises `UnknownClaim`."""
    wanted = name.strip().lower().replace("-", "_")
    if known := _BY_NAME.get(wanted):
        return Claim(name=name, weight_bits=known[0], activations=known[1])
    found = _BITS.fullmatch(wanted)
    if not found or not 1 < int(found["weights"]) <= UNQUANTIZED_BITS:
        raise UnknownClaim(f"claim {name!r} is unknown; allowed: {ALLOWED}")
    activations: Activations = "int8" if found["activations"] == "8" else "bf16"
    return Claim(name=name, weight_bits=float(found["weights"]), activations=activations)


def claim_of(quantization: Quantization) -> Claim:
    """What a pair's settings claim."""
    return Claim(**asdict(quantization))

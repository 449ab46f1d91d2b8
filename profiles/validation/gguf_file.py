"""The linear layers of a GGUF file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from gguf import GGUFReader

from profiles.validation.layers import LinearLayer

_FLOATS = {"F16", "F32", "F64", "BF16"}


@dataclass(frozen=True, slots=True, kw_only=True)
class GgufFacts:
    """`other_bytes` is what all but the linear layers takes; `problems` what is wrong with it."""

    layers: tuple[LinearLayer, ...] = ()
    other_bytes: int = 0
    problems: tuple[str, ...] = ()


def read_gguf(file: Path) -> GgufFacts:
    """Reads the file's header; never a tensor."""
    try:
        reader = GGUFReader(file)
    except (ValueError, IndexError, KeyError, OSError) as exc:
        return GgufFacts(problems=(f"{file.name}: is cut off or no GGUF file: {exc}",))
    layers = tuple(
        LinearLayer(
            name=tensor.name.removesuffix(".weight"),
            weights=int(tensor.n_elements),
            stored_bits=int(tensor.n_bytes) * 8,
            quantized=tensor.tensor_type.name not in _FLOATS,
        )
        for tensor in reader.tensors
        if tensor.name.startswith("blk.")
        and tensor.name.endswith(".weight")
        and len(tensor.shape) > 1
    )
    whole = sum(int(tensor.n_bytes) for tensor in reader.tensors)
    in_layers = sum(layer.stored_bits for layer in layers) // 8
    return GgufFacts(layers=layers, other_bytes=whole - in_layers)

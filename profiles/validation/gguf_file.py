"""The linear layers of a GGUF file."""

from __future__ import annotations

from pathlib import Path

from gguf import GGUFReader

from profiles.validation.layers import LinearLayer

_FLOATS = {"F16", "F32", "F64", "BF16"}


def gguf_layers(file: Path) -> tuple[tuple[LinearLayer, ...], tuple[str, ...]]:
    """Its layers, and a line for what is wrong with the file."""
    try:
        reader = GGUFReader(file)
    except (ValueError, IndexError, KeyError, OSError) as exc:
        return (), (f"{file.name}: is cut off or no GGUF file: {exc}",)
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
    return layers, ()

"""What a checkpoint is by its own files, without an engine; the layers of a GGUF file too."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gguf import GGUFReader

from profiles.validation.claims import UNQUANTIZED_BITS
from profiles.validation.layers import FLOATS, LinearLayer, linear_layers
from profiles.validation.tensors import BadValues, bad_values, read_shards
from profiles.validation.tokenizer import (
    TokenizerFacts,
    TokenizerUnreadable,
    generation_settings,
    tokenizer_facts,
)

CONFIG = "config.json"
# What a model computes with its weights; each may be missing where a version does not write it.
SHAPE = (
    "model_type", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads",
    "num_key_value_heads", "head_dim", "vocab_size", "hidden_act", "rms_norm_eps", "rope_theta",
    "rope_scaling", "rope_parameters", "tie_word_embeddings", "sliding_window",
)  # fmt: skip
# What a quantization method calls the bits of a packed weight.
BITS_FIELDS = ("bits", "w_bit", "num_bits")


class NoCheckpoint(ValueError):
    """There is nothing at the path that could be a checkpoint."""

    def __str__(self) -> str:
        path, cause = self.args
        return (
            f"{path} is no checkpoint: {cause}; give a folder with config.json and "
            f"*.safetensors, a .gguf file, or a pair of the fleet"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointFacts:
    """All that its files tell. `problems` are lines on files that are missing, cut or unreadable.

    `method` is the quantization that its configuration names, `None` for none. `other_bytes` is
    what all but the linear layers takes: embedding, output, norms. `generation` is the sampling
    that the engine uses where a caller sets none.
    """

    path: Path
    method: str | None
    shape: Mapping[str, str] = field(default_factory=dict)
    layers: tuple[LinearLayer, ...] = ()
    other_bytes: int = 0
    embedding_rows: int | None = None
    values: BadValues = field(default_factory=BadValues)
    tokenizer: TokenizerFacts | None = None
    generation: str = "none"
    problems: tuple[str, ...] = ()

    @property
    def bits_per_weight(self) -> float:
        """Mean bits of a weight over all linear layers, scales included."""
        weights = sum(layer.weights for layer in self.layers)
        stored_bits = sum(layer.stored_bits for layer in self.layers)
        return stored_bits / weights if weights else UNQUANTIZED_BITS

    @property
    def quantized_share(self) -> float:
        """Share of all linear layers' weights that are quantized."""
        weights = sum(layer.weights for layer in self.layers)
        quantized = sum(layer.weights for layer in self.layers if layer.quantized)
        return quantized / weights if weights else 0.0

    @property
    def unquantized(self) -> tuple[str, ...]:
        return tuple(layer.name for layer in self.layers if not layer.quantized)


def read_checkpoint(path: Path) -> CheckpointFacts:
    """The facts of a folder, or of a GGUF file. Raises `NoCheckpoint`."""
    if path.suffix == ".gguf" and path.is_file():
        return read_gguf(path)
    if not path.is_dir():
        raise NoCheckpoint(path, "there is no such folder")
    if not (path / CONFIG).is_file():
        raise NoCheckpoint(path, f"it has no {CONFIG}")
    problems: list[str] = []
    config: Any = {}
    try:
        config = json.loads((path / CONFIG).read_bytes())
    except ValueError as exc:
        problems.append(f"{CONFIG} cannot be read: {exc}")
    if not isinstance(config, dict):
        config = {}
    tensors, shard_problems = read_shards(path)
    problems += shard_problems
    if not tensors and not shard_problems:
        problems.append("there is no *.safetensors file in it")
    tokenizer, generation = None, "none"
    try:
        tokenizer = tokenizer_facts(path)
        generation = generation_settings(path)
    except TokenizerUnreadable as exc:
        problems.append(str(exc))
    quantization = config.get("quantization_config") or config.get("compression_config") or {}
    layers = () if shard_problems else linear_layers(tensors, _packed_bits(quantization))
    embedding = (name for name in tensors if name.endswith("embed_tokens.weight"))
    return CheckpointFacts(
        path=path,
        method=quantization.get("quant_method"),
        shape={name: json.dumps(config[name]) for name in SHAPE if config.get(name) is not None},
        layers=layers,
        other_bytes=sum(tensor.size_bytes for tensor in tensors.values())
        - sum(layer.stored_bits for layer in layers) // 8,
        embedding_rows=next((tensors[name].shape[0] for name in embedding), None),
        values=BadValues() if problems else bad_values(tensors),
        tokenizer=tokenizer,
        generation=generation,
        problems=tuple(problems),
    )


def read_gguf(file: Path) -> CheckpointFacts:
    """Reads the file's header; never a tensor."""
    try:
        reader = GGUFReader(file)
    except (ValueError, IndexError, KeyError, OSError) as exc:
        problem = f"{file.name}: is cut off or no GGUF file: {exc}"
        return CheckpointFacts(path=file, method="gguf", problems=(problem,))
    layers = tuple(
        LinearLayer(
            name=tensor.name.removesuffix(".weight"),
            weights=int(tensor.n_elements),
            stored_bits=int(tensor.n_bytes) * 8,
            quantized=tensor.tensor_type.name not in FLOATS,
        )
        for tensor in reader.tensors
        if tensor.name.startswith("blk.")
        and tensor.name.endswith(".weight")
        and len(tensor.shape) > 1
    )
    whole = sum(int(tensor.n_bytes) for tensor in reader.tensors)
    in_layers = sum(layer.stored_bits for layer in layers) // 8
    return CheckpointFacts(path=file, method="gguf", layers=layers, other_bytes=whole - in_layers)


def _packed_bits(quantization: Mapping[str, Any]) -> int | None:
    """Bits of packed weights, where the configuration has one number for all."""
    for name in BITS_FIELDS:
        if isinstance(bits := quantization.get(name), int):
            return bits
    groups = quantization.get("config_groups") or {}
    found = {(group.get("weights") or {}).get("num_bits") for group in groups.values()}
    bits = found.pop() if len(found) == 1 else None
    return bits if isinstance(bits, int) else None


def files_digest(path: Path) -> str:
    """One SHA-256 of all files that decide what an engine answers."""
    digest = hashlib.sha256()
    for file in [path] if path.is_file() else sorted(path.iterdir()):
        if file.suffix in {".safetensors", ".json", ".jinja", ".model", ".gguf"}:
            digest.update(file.name.encode())
            with file.open("rb") as opened:
                digest.update(hashlib.file_digest(opened, "sha256").digest())
    return digest.hexdigest()

"""What a checkpoint is by its own files, without an engine; the layers of a GGUF file too."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gguf import GGUFReader

from profiles.validation.layers import LinearLayer, bits_per_weight, linear_layers, quantized_share
from profiles.validation.tensors import BadValues, Tensor, bad_values, read_shards
from profiles.validation.tokenizer import TokenizerFacts, TokenizerUnreadable, tokenizer_facts

_FLOATS = {"F16", "F32", "F64", "BF16"}
CONFIG = "config.json"
# What a model computes with its weights; each may be missing where a version does not write it.
SHAPE = (
    "model_type", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads",
    "num_key_value_heads", "head_dim", "vocab_size", "hidden_act", "rms_norm_eps", "rope_theta",
    "rope_scaling", "rope_parameters", "tie_word_embeddings", "sliding_window",
)  # fmt: skip
# What a quantization method calls the bits of a packed weight.
BITS_FIELDS = ("bits", "w_bit", "num_bits")


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


class NoCheckpoint(ValueError):
    """There is nothing at the path that could be a checkpoint."""

    def __init__(self, path: Path, cause: str) -> None:
        super().__init__(path, cause)
        self.path = path
        self.cause = cause

    def __str__(self) -> str:
        return (
            f"{self.path} is no checkpoint: {self.cause}; give a folder with config.json and "
            f"*.safetensors, a .gguf file, or a pair of the fleet"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointFacts:
    """All that its files tell. `problems` are lines on files that are missing, cut or unreadable.

    `method` is the quantization that its configuration names, `None` for none. `other_bytes` is
    what all but the linear layers takes: embedding, output, norms.
    """

    path: Path
    method: str | None
    shape: Mapping[str, str]
    layers: tuple[LinearLayer, ...]
    other_bytes: int
    embedding_rows: int | None
    values: BadValues
    tokenizer: TokenizerFacts | None
    problems: tuple[str, ...]

    @property
    def bits_per_weight(self) -> float:
        return bits_per_weight(self.layers)

    @property
    def quantized_share(self) -> float:
        return quantized_share(self.layers)

    @property
    def unquantized(self) -> tuple[str, ...]:
        return tuple(layer.name for layer in self.layers if not layer.quantized)


def read_checkpoint(path: Path) -> CheckpointFacts:
    """The facts of a folder, or of a GGUF file. Raises `NoCheckpoint`."""
    if path.suffix == ".gguf" and path.is_file():
        return _of_gguf(path)
    if not path.is_dir():
        raise NoCheckpoint(path, "there is no such folder")
    if not (path / CONFIG).is_file():
        raise NoCheckpoint(path, f"it has no {CONFIG}")
    return _of_folder(path)


def files_digest(path: Path) -> str:
    """One SHA-256 of all files that decide what an engine answers."""
    digest = hashlib.sha256()
    for file in [path] if path.is_file() else sorted(path.iterdir()):
        if file.suffix in {".safetensors", ".json", ".jinja", ".model", ".gguf"}:
            digest.update(file.name.encode())
            with file.open("rb") as opened:
                digest.update(hashlib.file_digest(opened, "sha256").digest())
    return digest.hexdigest()


def _of_folder(path: Path) -> CheckpointFacts:
    problems: list[str] = []
    config = _config(path / CONFIG, problems)
    shards = read_shards(path)
    problems.extend(shards.problems)
    if not shards.tensors and not shards.problems:
        problems.append("there is no *.safetensors file in it")
    tokenizer = None
    try:
        tokenizer = tokenizer_facts(path)
    except TokenizerUnreadable as exc:
        problems.append(str(exc))
    quantization = config.get("quantization_config") or config.get("compression_config") or {}
    layers = () if shards.problems else linear_layers(shards.tensors, _bits(quantization))
    return CheckpointFacts(
        path=path,
        method=quantization.get("quant_method"),
        shape={name: json.dumps(config[name]) for name in SHAPE if config.get(name) is not None},
        layers=layers,
        other_bytes=sum(tensor.size_bytes for tensor in shards.tensors.values())
        - sum(layer.stored_bits for layer in layers) // 8,
        embedding_rows=_embedding_rows(shards.tensors),
        values=BadValues() if problems else bad_values(shards.tensors),
        tokenizer=tokenizer,
        problems=tuple(problems),
    )


def _of_gguf(path: Path) -> CheckpointFacts:
    told = read_gguf(path)
    return CheckpointFacts(
        path=path,
        method="gguf",
        shape={},
        layers=told.layers,
        other_bytes=told.other_bytes,
        embedding_rows=None,
        values=BadValues(),
        tokenizer=None,
        problems=told.problems,
    )


def _config(file: Path, problems: list[str]) -> dict[str, Any]:
    try:
        config = json.loads(file.read_bytes())
    except ValueError as exc:
        problems.append(f"{file.name} cannot be read: {exc}")
        return {}
    return config if isinstance(config, dict) else {}


def _bits(quantization: Mapping[str, Any]) -> int | None:
    """Bits of packed weights, where the configuration has one number for all."""
    for name in BITS_FIELDS:
        if isinstance(bits := quantization.get(name), int):
            return bits
    groups = quantization.get("config_groups") or {}
    found = {(group.get("weights") or {}).get("num_bits") for group in groups.values()}
    bits = found.pop() if len(found) == 1 else None
    return bits if isinstance(bits, int) else None


def _embedding_rows(tensors: Mapping[str, Tensor]) -> int | None:
    found = (t.shape[0] for name, t in tensors.items() if name.endswith("embed_tokens.weight"))
    return next(found, None)

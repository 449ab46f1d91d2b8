"""Checkpoint folders of a few kilobytes, whole and quantized in every format that is read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from profiles.validation.checkpoint import CheckpointFacts, read_checkpoint

WIDTH = 64
TEMPLATE = "{% for message in messages %}{{ message['content'] }}{% endfor %}"
LAYERS = tuple(f"model.layers.{n}.mlp.{part}_proj" for n in range(2) for part in ("up", "down"))
VOCABULARY = {"a": 0, "b": 1, "<s>": 2, "ab": 3, "ba": 4}
BYTE_LEVEL = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True}


def added_token(id_: int, content: str) -> dict[str, object]:
    """As the tokenizers library writes one."""
    marks = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    return {"id": id_, "content": content, "special": True, **marks}


TOKENIZER: dict[str, object] = {
    "version": "1.0",
    "model": {"type": "BPE", "vocab": VOCABULARY, "merges": ["a b"]},
    "added_tokens": [added_token(2, "<s>")],
    "normalizer": None,
    "pre_tokenizer": BYTE_LEVEL,
    "post_processor": None,
    "decoder": None,
}

Tensors = dict[str, torch.Tensor]


def kept_tensors() -> Tensors:
    """What every quantization leaves as it is."""
    return {
        "model.embed_tokens.weight": torch.ones(16, WIDTH, dtype=torch.bfloat16),
        "model.norm.weight": torch.ones(WIDTH, dtype=torch.bfloat16),
        "lm_head.weight": torch.ones(16, WIDTH, dtype=torch.bfloat16),
    }


def unquantized() -> Tensors:
    weights = {f"{n}.weight": torch.ones(WIDTH, WIDTH, dtype=torch.bfloat16) for n in LAYERS}
    return {**kept_tensors(), **weights}


def int8() -> Tensors:
    """compressed-tensors, one scale per output channel."""
    weights = {f"{n}.weight": torch.ones(WIDTH, WIDTH, dtype=torch.int8) for n in LAYERS}
    scales = {f"{n}.weight_scale": torch.ones(WIDTH, 1, dtype=torch.bfloat16) for n in LAYERS}
    return {**kept_tensors(), **weights, **scales}


def write_checkpoint(
    folder: Path,
    tensors: Tensors | None = None,
    *,
    quantization: dict[str, object] | None = None,
    tokenizer: dict[str, object] | None = None,
    template: str = TEMPLATE,
    eos_token: str = "<s>",
    **config: object,
) -> Path:
    """An unquantized checkpoint, but for what is given."""
    folder.mkdir(parents=True, exist_ok=True)
    settings = {"model_type": "llama", "hidden_size": WIDTH, "eos_token_id": 2, **config}
    if quantization is not None:
        settings["quantization_config"] = quantization
    save_file(unquantized() if tensors is None else tensors, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(settings))
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer or TOKENIZER))
    (folder / "tokenizer_config.json").write_text(json.dumps({"eos_token": eos_token}))
    (folder / "chat_template.jinja").write_text(template)
    return folder


def changed_tokenizer(**parts: object) -> dict[str, object]:
    """The tokenizer that all start from, with some parts replaced."""
    return {**TOKENIZER, **parts}


def facts(folder: Path, tensors: Tensors | None = None, **given: Any) -> CheckpointFacts:
    return read_checkpoint(write_checkpoint(folder, tensors, **given))

"""Ways to damage a copy of a checkpoint, each as it happens to people."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file

WEIGHTS = "model.safetensors"
GROUP = 64
LAYER = "model.layers.12."
EMBEDDING = "model.embed_tokens.weight"

Tensors = dict[str, torch.Tensor]
Corruption = Callable[[Path], None]


def corrupted(source: Path, folder: Path, corruption: Corruption) -> Path:
    """A copy of `source` at `folder`, damaged; the original is never touched."""
    shutil.copytree(source, folder)
    corruption(folder)
    return folder


def shuffle_one_layer(folder: Path) -> None:
    """The rows of one layer's weights in another order, as a wrong conversion leaves them."""

    def shuffle(tensors: Tensors) -> None:
        order = torch.Generator().manual_seed(0)
        for name in _weights_of(tensors, LAYER):
            rows = torch.randperm(tensors[name].shape[0], generator=order)
            tensors[name] = tensors[name][rows].contiguous()

    _rewrite(folder, shuffle)


def put_nan_into_one_scale(folder: Path) -> None:
    def spoil(tensors: Tensors) -> None:
        tensors[f"{LAYER}mlp.down_proj.weight_scale"].view(-1)[7] = float("nan")

    _rewrite(folder, spoil)


def shift_the_embedding_by_one_row(folder: Path) -> None:
    """As after a token was added or removed in front."""

    def shift(tensors: Tensors) -> None:
        tensors[EMBEDDING] = tensors[EMBEDDING].roll(1, dims=0).contiguous()

    _rewrite(folder, shift)


def round_to_nearest(parent: Path) -> Corruption:
    """The plainest four bits of the parent's weights, in place of those that GPTQ found.

    Bit for bit what llmcompressor's round-to-nearest makes.
    """

    def requantize(tensors: Tensors) -> None:
        with safe_open(parent / WEIGHTS, framework="pt") as opened:
            for name in [name for name in tensors if name.endswith("weight_packed")]:
                weight = opened.get_tensor(f"{name.removesuffix('_packed')}")
                packed, scale = _four_bits(weight)
                tensors[name] = packed
                tensors[f"{name.removesuffix('_packed')}_scale"] = scale

    return lambda folder: _rewrite(folder, requantize)


def truncate(folder: Path) -> None:
    """The last third of the weights is missing, as after a download that was cut off."""
    file = folder / WEIGHTS
    with file.open("r+b") as opened:
        opened.truncate(file.stat().st_size * 2 // 3)


def take_another_chat_template(folder: Path) -> None:
    """The format of another family of models."""
    (folder / "chat_template.jinja").write_text(
        "{% for message in messages %}[INST] {{ message['content'] }} [/INST]{% endfor %}"
    )


def swap_the_special_tokens(folder: Path) -> None:
    """What ends an answer begins it, and the other way round."""
    _swap(folder / "tokenizer_config.json", "bos_token", "eos_token")
    for name in ("config.json", "generation_config.json"):
        _swap(folder / name, "bos_token_id", "eos_token_id")


def _four_bits(weight: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Eight weights to an int32 in groups of 64, and a scale for each group."""
    rows, columns = weight.shape
    groups = weight.view(rows, columns // GROUP, GROUP)
    scale = (groups.float().abs().amax(-1) / 7.5).to(torch.bfloat16)
    rounded = (groups / scale[..., None]).round().clamp(-8, 7).to(torch.int64) + 8
    packed = (rounded.view(rows, columns // 8, 8) << torch.arange(0, 32, 4)).sum(-1)
    signed = torch.where(packed >= 2**31, packed - 2**32, packed)
    return signed.to(torch.int32), scale


def _weights_of(tensors: Tensors, prefix: str) -> list[str]:
    return [
        name
        for name, tensor in tensors.items()
        if name.startswith(prefix)
        and name.endswith(("weight", "weight_packed"))
        and tensor.ndim == 2
    ]


def _rewrite(folder: Path, change: Callable[[Tensors], None]) -> None:
    file = folder / WEIGHTS
    with safe_open(file, framework="pt") as opened:
        tensors = {name: opened.get_tensor(name).clone() for name in opened.keys()}  # noqa: SIM118
    change(tensors)
    save_file(tensors, file, metadata={"format": "pt"})


def _swap(file: Path, one: str, other: str) -> None:
    values = json.loads(file.read_text())
    values[one], values[other] = values[other], values[one]
    file.write_text(json.dumps(values))

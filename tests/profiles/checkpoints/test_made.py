"""The embedded fleet's checkpoints themselves, made the way `make serve` makes them.

They go to the cache folder, so that only the first run on a machine takes minutes.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from profiles.checkpoints import RECIPES, ensure, manifest
from serve_app.settings import home

LAYERS = 30
LINEAR_MODULES_PER_LAYER = 7
BF16, W8A8, W4A16 = (name for name in RECIPES if name.startswith("smollm2"))


@pytest.fixture(scope="module")
def made() -> dict[str, Path]:
    return ensure([BF16, W8A8, W4A16], root=home(), verify="full")


def tensors(folder: Path) -> dict[str, torch.Tensor]:
    with safe_open(folder / "model.safetensors", framework="pt") as file:
        return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)


def linear_weights(folder: Path, suffix: str) -> list[torch.Tensor]:
    return [
        tensor
        for name, tensor in tensors(folder).items()
        if name.endswith(f"proj.{suffix}") and name.startswith("model.layers.")
    ]


def quantization_of(folder: Path) -> dict[str, object]:
    config = json.loads((folder / "config.json").read_text())
    group: dict[str, object] = next(iter(config["quantization_config"]["config_groups"].values()))
    return group


def test_the_base_is_bf16_throughout(made: dict[str, Path]) -> None:
    assert {tensor.dtype for tensor in tensors(made[BF16]).values()} == {torch.bfloat16}
    assert len(linear_weights(made[BF16], "weight")) == LAYERS * LINEAR_MODULES_PER_LAYER


def test_every_linear_layer_of_w8a8_has_int8_weights(made: dict[str, Path]) -> None:
    weights = linear_weights(made[W8A8], "weight")
    assert len(weights) == LAYERS * LINEAR_MODULES_PER_LAYER
    assert {weight.dtype for weight in weights} == {torch.int8}


def test_w8a8_quantizes_activations_to_int8_per_token_as_it_runs(made: dict[str, Path]) -> None:
    activations = quantization_of(made[W8A8])["input_activations"]
    assert isinstance(activations, dict)
    assert (activations["num_bits"], activations["type"]) == (8, "int")
    assert (activations["strategy"], activations["dynamic"]) == ("token", True)


def test_every_linear_layer_of_w4a16_packs_eight_weights_into_32_bits(
    made: dict[str, Path],
) -> None:
    packed = linear_weights(made[W4A16], "weight_packed")
    shapes = linear_weights(made[W4A16], "weight_shape")
    assert len(packed) == LAYERS * LINEAR_MODULES_PER_LAYER
    assert {weight.dtype for weight in packed} == {torch.int32}
    assert sum(p.numel() * 8 for p in packed) == sum(int(s.prod()) for s in shapes)
    assert linear_weights(made[W4A16], "weight") == []


def test_each_says_what_it_was_made_of(made: dict[str, Path]) -> None:
    base = manifest.read(made[BF16])
    assert base is not None
    assert base.origin.source in ("hub", "wheel")
    for name, tool in ((W8A8, "compressed-tensors"), (W4A16, "llmcompressor")):
        quantized = manifest.read(made[name])
        assert quantized is not None
        assert quantized.parent == base.weights
        assert tool in quantized.origin.tools


def test_each_keeps_the_chat_template(made: dict[str, Path]) -> None:
    templates = {(folder / "chat_template.jinja").read_text() for folder in made.values()}
    assert len(templates) == 1
    assert "<|im_start|>" in templates.pop()


def test_each_has_the_models_sampling_and_its_tokenizers_own_special_tokens(
    made: dict[str, Path],
) -> None:
    for folder in made.values():
        settings = json.loads((folder / "generation_config.json").read_text())
        tokens = json.loads((folder / "tokenizer.json").read_text())["added_tokens"]
        ids = {token["content"]: token["id"] for token in tokens}
        assert (settings["temperature"], settings["top_p"], settings["do_sample"]) == (
            0.2,
            0.9,
            True,
        )
        assert settings["eos_token_id"] == settings["pad_token_id"] == ids["<|im_end|>"]
        assert settings["bos_token_id"] == ids["<|im_start|>"]

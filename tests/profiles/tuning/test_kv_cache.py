"""What a token takes of the cache, for checkpoints as they are published."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from profiles.tuning.kv_cache import bytes_per_token
from profiles.tuning.traffic import CacheUnknown

# The shapes of Qwen2.5-7B and Llama-3-8B as their model cards give them.
QWEN_7B = {
    "num_hidden_layers": 28,
    "num_attention_heads": 28,
    "num_key_value_heads": 4,
    "hidden_size": 3584,
    "torch_dtype": "bfloat16",
}
LLAMA_8B = {
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "hidden_size": 4096,
    "head_dim": 128,
    "dtype": "bfloat16",
}


def a_checkpoint(folder: Path, config: dict[str, Any]) -> Path:
    (folder / "config.json").write_text(json.dumps(config))
    return folder


@pytest.mark.parametrize(
    ("config", "arguments", "expected"),
    [
        pytest.param(QWEN_7B, {}, 56 * 1024, id="grouped heads, size of heads from the width"),
        pytest.param(LLAMA_8B, {}, 128 * 1024, id="the size of heads as told"),
        pytest.param(LLAMA_8B, {"cache_dtype": "fp8"}, 64 * 1024, id="an 8-bit cache"),
        pytest.param(LLAMA_8B, {"dtype": "float32"}, 256 * 1024, id="the model served in 32 bits"),
        pytest.param(
            {k: v for k, v in LLAMA_8B.items() if k != "num_key_value_heads"},
            {},
            512 * 1024,
            id="a key and value head for every head",
        ),
        pytest.param(
            {"text_config": LLAMA_8B, "vision_config": {"hidden_size": 1}},
            {},
            128 * 1024,
            id="the text model of one that sees as well",
        ),
    ],
)
def test_bytes_of_a_token(
    tmp_path: Path, config: dict[str, Any], arguments: dict[str, str], expected: int
) -> None:
    assert bytes_per_token(a_checkpoint(tmp_path, config), **arguments) == expected


@pytest.mark.parametrize(
    ("config", "problem"),
    [
        pytest.param(None, "config.json cannot be read: No such file", id="no file"),
        pytest.param({"num_hidden_layers": 2}, "hidden_size: Field required", id="no shape"),
        pytest.param({**LLAMA_8B, "kv_lora_rank": 512}, "has kv_lora_rank", id="latent heads"),
        pytest.param({**LLAMA_8B, "dtype": "int3"}, "type 'int3' is unknown", id="odd type"),
    ],
)
def test_a_cache_that_cannot_be_reckoned_is_not_guessed(
    tmp_path: Path, config: dict[str, Any] | None, problem: str
) -> None:
    if config is not None:
        a_checkpoint(tmp_path, config)

    with pytest.raises(CacheUnknown, match=problem):
        bytes_per_token(tmp_path)

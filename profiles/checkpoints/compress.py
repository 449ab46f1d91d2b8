"""Quantizes one checkpoint by GPTQ.

Runs in the quantization environment and imports nothing of ours.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch
from compressed_tensors.quantization import (  # type: ignore[import-untyped]
    QuantizationScheme,
    preset_name_to_scheme,
)
from datasets import Dataset  # type: ignore[import-untyped]
from llmcompressor import oneshot  # type: ignore[import-not-found]
from llmcompressor.modifiers.quantization import GPTQModifier  # type: ignore[import-not-found]
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedTokenizerBase

# The output layer shares its weights with the embedding, which must stay as it is.
KEPT = ["lm_head"]


def scheme_of(name: str, group_size: int | None) -> QuantizationScheme:
    scheme = preset_name_to_scheme(name, ["Linear"])
    if group_size:
        scheme.weights.group_size = group_size
    return scheme


def conversations(file: Path, tokenizer: PreTrainedTokenizerBase) -> Dataset:
    """One row of tokens per line of `file`, in the model's own chat format."""
    rows = []
    for line in file.read_text(encoding="utf-8").splitlines():
        said = json.loads(line)
        turns = [
            {"role": "user", "content": said["prompt"]},
            {"role": "assistant", "content": said["answer"]},
        ]
        tokens = tokenizer.apply_chat_template(turns, return_dict=False)
        rows.append({"input_ids": tokens, "attention_mask": [1] * len(tokens)})
    return Dataset.from_list(rows)


def compress(parent: Path, folder: Path, scheme: QuantizationScheme, calibration: Path) -> None:
    model = AutoModelForCausalLM.from_pretrained(parent, dtype=torch.bfloat16)
    texts = conversations(calibration, AutoTokenizer.from_pretrained(parent))
    # One pass for all layers: the default, layer by layer, takes ten times as long on a CPU.
    oneshot(
        model=model,
        recipe=GPTQModifier(config_groups={"all": scheme}, ignore=KEPT),
        dataset=texts,
        num_calibration_samples=len(texts),
        pipeline="basic",
    )
    model.save_pretrained(folder, save_compressed=True)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parent", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--scheme", required=True)
    parser.add_argument("--group-size", type=int)
    parser.add_argument("--calibration", type=Path, required=True)
    return parser.parse_args()


if __name__ == "__main__":
    asked = arguments()
    scheme = scheme_of(asked.scheme, asked.group_size)
    compress(asked.parent, asked.folder, scheme, asked.calibration)

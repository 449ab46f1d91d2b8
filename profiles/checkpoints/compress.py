"""Quantizes one checkpoint. Runs in the quantization environment and imports nothing of ours."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Literal

import torch
from compressed_tensors.quantization import (  # type: ignore[import-untyped]
    QuantizationScheme,
    preset_name_to_scheme,
)
from datasets import Dataset  # type: ignore[import-not-found]
from llmcompressor import oneshot  # type: ignore[import-not-found]
from llmcompressor.modifiers.quantization import (  # type: ignore[import-not-found]
    GPTQModifier,
    QuantizationModifier,
)
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel

# The output layer shares its weights with the embedding, which must stay as it is.
KEPT = ["lm_head"]
ANSWER_TOKENS = 96


def scheme_of(name: str, group_size: int | None) -> QuantizationScheme:
    scheme = preset_name_to_scheme(name, ["Linear"])
    if group_size:
        scheme.weights.group_size = group_size
    return scheme


def own_answers(model: PreTrainedModel, parent: Path, prompts: list[str]) -> Dataset:
    """What `model` says to `prompts`: the text that its quantized form has to say as well."""
    torch.manual_seed(0)
    tokenizer = AutoTokenizer.from_pretrained(parent, padding_side="left")
    asked = tokenizer.apply_chat_template(
        [[{"role": "user", "content": prompt}] for prompt in prompts],
        add_generation_prompt=True,
        padding=True,
        return_tensors="pt",
        return_dict=True,
    )
    said = model.generate(
        **asked, max_new_tokens=ANSWER_TOKENS, do_sample=True, temperature=0.7, top_p=0.95
    )
    first = asked["attention_mask"].argmax(dim=1)
    rows = [
        cut(row[start:].tolist(), tokenizer.eos_token_id)
        for row, start in zip(said, first, strict=True)
    ]
    return Dataset.from_list([{"input_ids": r, "attention_mask": [1] * len(r)} for r in rows])


def cut(tokens: list[int], end: int) -> list[int]:
    """`tokens` without the padding that follows the last end of a turn."""
    while len(tokens) > 1 and tokens[-1] == tokens[-2] == end:
        tokens.pop()
    return tokens


def compress(
    parent: Path,
    folder: Path,
    scheme: QuantizationScheme,
    *,
    method: Literal["rtn", "gptq"],
    prompts: Path,
) -> None:
    model = AutoModelForCausalLM.from_pretrained(parent, dtype=torch.bfloat16)
    tokenizer = AutoTokenizer.from_pretrained(parent)
    groups = {"config_groups": {"all": scheme}, "ignore": KEPT}
    if method == "rtn":
        oneshot(model=model, recipe=QuantizationModifier(**groups))
    else:
        texts = own_answers(model, parent, prompts.read_text().splitlines())
        # One pass for all layers: the default, layer by layer, takes ten times as long on a CPU.
        oneshot(
            model=model,
            recipe=GPTQModifier(**groups),
            dataset=texts,
            num_calibration_samples=len(texts),
            pipeline="basic",
        )
    model.save_pretrained(folder, save_compressed=True)
    tokenizer.save_pretrained(folder)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parent", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--scheme", required=True)
    parser.add_argument("--method", choices=["rtn", "gptq"], required=True)
    parser.add_argument("--group-size", type=int)
    parser.add_argument("--prompts", type=Path, required=True)
    return parser.parse_args()


if __name__ == "__main__":
    asked = arguments()
    compress(
        asked.parent,
        asked.folder,
        scheme_of(asked.scheme, asked.group_size),
        method=asked.method,
        prompts=asked.prompts,
    )

"""Quantizes one checkpoint. Runs in the quantization environment and imports nothing of ours."""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from compressed_tensors.quantization import (  # type: ignore[import-untyped]
    QuantizationScheme,
    preset_name_to_scheme,
)
from llmcompressor import oneshot  # type: ignore[import-not-found]
from llmcompressor.modifiers.quantization import (  # type: ignore[import-not-found]
    QuantizationModifier,
)
from transformers import AutoModelForCausalLM, AutoTokenizer

# The output layer shares its weights with the embedding, which must stay as it is.
KEPT = ["lm_head"]


def scheme_of(name: str, group_size: int | None) -> QuantizationScheme:
    scheme = preset_name_to_scheme(name, ["Linear"])
    if group_size:
        scheme.weights.group_size = group_size
    return scheme


def compress(parent: Path, folder: Path, scheme: QuantizationScheme) -> None:
    model = AutoModelForCausalLM.from_pretrained(parent, dtype=torch.bfloat16)
    oneshot(model=model, recipe=QuantizationModifier(config_groups={"all": scheme}, ignore=KEPT))
    model.save_pretrained(folder, save_compressed=True)
    AutoTokenizer.from_pretrained(parent).save_pretrained(folder)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parent", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--scheme", required=True)
    parser.add_argument("--group-size", type=int)
    return parser.parse_args()


if __name__ == "__main__":
    asked = arguments()
    compress(asked.parent, asked.folder, scheme_of(asked.scheme, asked.group_size))

"""`python -m profiles.checkpoints.round_weights PARENT FOLDER SCHEME`: round to nearest.

The largest absolute weight of an output channel becomes the largest integer, 127 of 8 bits. Other
weights of the channel become the nearest integer, ties to even. compressed-tensors divides in the
weights' own number format, so a BF16 weight near a tie may become the other neighbour. Runs in a
process of its own.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from compressed_tensors import ModelCompressor  # type: ignore[import-untyped]
from compressed_tensors.quantization import (  # type: ignore[import-untyped]
    QuantizationConfig,
    QuantizationStrategy,
    apply_quantization_config,
    preset_name_to_scheme,
)
from transformers import AutoModelForCausalLM

# The output layer shares its weights with the embedding, which must stay as it is.
KEPT = ["lm_head"]


def quantize(model: torch.nn.Module, scheme_name: str) -> ModelCompressor:
    """Replaces the weights of linear layers in `model` by integers and one scale per channel.

    Raises `ValueError` for a scheme whose weights have another granularity.
    """
    scheme = preset_name_to_scheme(scheme_name, ["Linear"])
    if scheme.weights.strategy != QuantizationStrategy.CHANNEL:
        raise ValueError(
            f"{scheme_name} has {scheme.weights.strategy} scales; allowed: one per channel"
        )
    config = QuantizationConfig(config_groups={"group_0": scheme}, ignore=KEPT)
    apply_quantization_config(model, config)
    largest = 2 ** (scheme.weights.num_bits - 1) - 1
    for module in model.modules():
        if getattr(module, "quantization_scheme", None) is not None:
            parameters = dict(module.named_parameters(recurse=False))
            scale = parameters["weight"].detach().abs().amax(dim=1, keepdim=True).float() / largest
            # A channel of zeros is exact with any scale.
            parameters["weight_scale"].data.copy_(torch.where(scale > 0, scale, 1.0))
    compressor = ModelCompressor.from_pretrained_model(model)
    compressor.compress_model(model)
    return compressor


def round_weights(parent: Path, folder: Path, scheme_name: str) -> None:
    model = AutoModelForCausalLM.from_pretrained(
        parent, dtype=torch.bfloat16, local_files_only=True
    )
    compressor = quantize(model, scheme_name)
    model.save_pretrained(folder)
    compressor.update_config(str(folder))


if __name__ == "__main__":
    round_weights(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])

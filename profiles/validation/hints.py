"""What a failed check usually means, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple


class Hint(NamedTuple):
    """The usual cause of a failure, and its remedy."""

    cause: str
    remedy: str


NOT_QUANTIZED = (
    "the engine took its `quantization` argument and quantized nothing: on dense models some of "
    "its methods apply to experts only"
)
SERVE_ANOTHER = (
    "make a quantized checkpoint (compressed-tensors, AWQ, GPTQ) and serve that, without the "
    "argument"
)
BETTER_METHOD = (
    "quantize again; if it stays, use GPTQ or AWQ in place of round-to-nearest, smaller groups, "
    "or more bits"
)
DAMAGED = Hint(
    "weights or scales damaged or in the wrong order, calibration data unlike the probes, or a "
    "method too coarse for this model",
    BETTER_METHOD,
)
SPOILT = Hint(
    "damaged weights, a wrong chat template, or too few bits for this model", BETTER_METHOD
)
WRONG_NAME = Hint(
    "a quantized checkpoint, or a `quantization` argument, under an unquantized name",
    "claim what it is, or serve the unquantized checkpoint",
)

# By the name of the check.
HINTS: Mapping[str, Hint] = MappingProxyType(
    {
        "files": Hint(
            "a download or a copy that was cut off, a full disk, or a shard left behind",
            "fetch or build the checkpoint again, and compare its digests",
        ),
        "weight values": Hint(
            "an overflow while quantizing in FP16, a layer that calibration data never reached, "
            "or a file overwritten in part",
            "quantize again in BF16 or FP32, with calibration data that reaches every layer",
        ),
        "bits on disk": Hint(
            "another checkpoint than claimed, or a quantization that was never saved compressed",
            "point the pair at the quantized folder, or claim what it is",
        ),
        "layers on disk": Hint(
            "an ignore list that names too many layers, or targets that match too few",
            "compare the recipe's `ignore` and `targets` with the model's layer names",
        ),
        "architecture": Hint(
            "the wrong parent, or a config.json taken from another model",
            "name the checkpoint that this one was quantized from, and keep its config.json",
        ),
        "vocabulary": Hint(
            "a tokenizer with tokens added that the model was never given",
            "take the tokenizer of the parent",
        ),
        "tokenizer": Hint(
            "a tokenizer saved by another version or taken from another model, or a chat "
            "template edited by hand",
            "copy tokenizer.json, tokenizer_config.json, generation_config.json and "
            "chat_template.jinja from the parent",
        ),
        "generation settings": Hint(
            "a quantizer that wrote its own generation_config.json, or none: the engine then "
            "samples at temperature 1",
            "copy generation_config.json from the parent",
        ),
        "layers in memory": Hint(NOT_QUANTIZED, SERVE_ANOTHER),
        "bits in memory": Hint(
            "weights that the engine widens on loading, or has not quantized at all",
            "choose a format that this engine multiplies as it is on this hardware",
        ),
        "differs from the parent": Hint(
            f"it serves the parent's own weights: {NOT_QUANTIZED}", SERVE_ANOTHER
        ),
        "finite log-probabilities": Hint(
            "NaN or infinity in weights or scales; with FP8 or FP16 activations, an overflow, "
            "most often on dense numbers and formulas",
            "look which topics fail: if only numbers and formulas do, use INT8 or BF16 "
            "activations or per-token scales; else quantize again",
        ),
        "every probe answered": Hint(
            "an engine that breaks down on some input, or a context window below the probes'",
            "read the engine's log; raise `max_model_len` if it is below 1,024",
        ),
        "same tokens": Hint(
            "another chat template or tokenizer in the engine's arguments, or probes that failed",
            "serve both with the parent's tokenizer and chat template",
        ),
        "mean shift": DAMAGED,
        "p99 shift": DAMAGED,
        "KL divergence": DAMAGED,
        "perplexity": DAMAGED,
        "perplexity by topic": DAMAGED,
        "same first choice": DAMAGED,
        "same greedy answers": DAMAGED,
        "answers that loop": SPOILT,
        "empty answers": SPOILT,
        "broken characters": SPOILT,
    }
)

"""The pairs of which enough was published, and where their figures are found."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from profiles.reference import figures
from profiles.reference.figures import Card, Model
from profiles.reference.surfaces import Surface, from_quoted, from_serving_rows, from_speeds
from profiles.reference.tables import Tables
from serve_app.core.profile import Quantization

FP16 = Quantization(name="fp16", weight_bits=16, activations="fp16")
AWQ = Quantization(name="awq", weight_bits=4, activations="fp16")
FP16_ENGINE = "vllm_v2_a100"
AWQ_ENGINE = "vllm_v2_a100_marlin"


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedPair:
    """A pair and where its figures are found.

    `scores` names rows of the accuracy table: (model, quantization) by benchmark. `stand_in` states
    so when they are another model's.
    """

    id: str
    model: Model
    quantization: Quantization
    card: Card
    cards: int = 1
    engine_version: str
    parent: str | None = None
    surface: Callable[[Tables], Surface]
    cold_start_of: str | None = None
    scores: Mapping[str, tuple[str, str]]
    stand_in: str = ""


def _qwen2(size: str, quantization: str) -> dict[str, tuple[str, str]]:
    row = f"Qwen2-{size}-Instruct", quantization
    return dict.fromkeys(("mmlu", "ceval", "ifeval_strict_prompt"), row)


STAND_IN = (
    "of the model before, Qwen2, at the same size and quantization: the same source has none of "
    "Qwen2.5"
)
PAIRS = (
    PublishedPair(
        id="qwen2.5-7b-fp16",
        model=figures.QWEN_7B,
        quantization=FP16,
        card=figures.A100_40G,
        engine_version="0.20.1",
        surface=lambda tables: from_serving_rows(FP16_ENGINE, tables, figures.QWEN_7B_BF16),
        cold_start_of=FP16_ENGINE,
        scores=_qwen2("7B", "BF16"),
        stand_in=STAND_IN,
    ),
    PublishedPair(
        id="qwen2.5-7b-awq",
        model=figures.QWEN_7B,
        quantization=AWQ,
        card=figures.A100_40G,
        engine_version="0.20.1",
        parent="qwen2.5-7b-fp16",
        surface=lambda tables: from_serving_rows(AWQ_ENGINE, tables, figures.QWEN_7B_AWQ),
        cold_start_of=AWQ_ENGINE,
        scores=_qwen2("7B", "AWQ"),
        stand_in=STAND_IN,
    ),
    PublishedPair(
        id="llama-3-8b-fp16",
        model=figures.LLAMA_8B,
        quantization=FP16,
        card=figures.A10G,
        engine_version="0.4.3",
        surface=lambda tables: from_quoted(figures.LLAMA_3_8B_FP16_ON_A10G, tables),
        scores={
            "mmlu": ("Meta-Llama-3-8B-Instruct", "bf16 (transformers, 16.00 bpw, 13.98 GB)"),
            "gsm8k_strict": ("Meta-Llama-3-8B-Instruct", "none"),
        },
    ),
    PublishedPair(
        id="qwen2.5-72b-awq",
        model=figures.QWEN_72B,
        quantization=AWQ,
        card=figures.A100_80G,
        cards=2,
        engine_version="0.6.3",
        surface=lambda tables: from_speeds(figures.QWEN_72B_AWQ_ON_TWO, tables),
        scores=_qwen2("72B", "AWQ"),
        stand_in=STAND_IN,
    ),
)

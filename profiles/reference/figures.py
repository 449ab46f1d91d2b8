"""Published figures that are quoted one by one, each with its source. Knows no profile."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

QWEN_SPEED_SOURCE = (
    "Qwen documentation, docs/source/benchmark/speed_benchmark.rst of QwenLM/Qwen2.5 @010c37c: "
    "A100-80GB, vLLM 0.6.3, batch 1, 2,048 tokens generated, max_model_len 32768"
)
LLAMA_ON_A10G_SOURCE = (
    "published run on a g5.2xlarge (one A10G), Llama-3-8B FP16, vLLM 0.4.3, 550 tokens in and "
    "150 out; quoted second-hand, one value per load without its quantile, publisher not named"
)
PRICE_SOURCE = "list price of Amazon SageMaker, USD an hour: "
MODEL_CARD = "model card: "

# What each of the Qwen runs generated, which turns tokens per second into seconds.
QWEN_GENERATED_TOKENS = 2048
# The share of a GPU's memory that vLLM takes by default.
VLLM_MEMORY_SHARE = 0.9


@dataclass(frozen=True, slots=True, kw_only=True)
class Quoted:
    """One load of a run that published a single value of each quantity."""

    concurrency: int
    ttft_ms: float
    tpot_ms: float
    tokens_per_s: float


LLAMA_3_8B_FP16_ON_A10G = (
    Quoted(concurrency=1, ttft_ms=137.0, tpot_ms=30.7, tokens_per_s=31.9),
    Quoted(concurrency=4, ttft_ms=171.0, tpot_ms=33.9, tokens_per_s=110.9),
    Quoted(concurrency=16, ttft_ms=303.0, tpot_ms=42.7, tokens_per_s=289.9),
    Quoted(concurrency=64, ttft_ms=1080.0, tpot_ms=61.7, tokens_per_s=301.2),
)
LLAMA_3_8B_PROMPT_TOKENS = 550

# Tokens per second by input length, shortest first.
QWEN_7B_BF16: Mapping[int, float] = {1: 84.28, 6144: 80.70, 14336: 77.69, 30720: 70.33}
QWEN_7B_AWQ: Mapping[int, float] = {1: 148.10, 6144: 137.64, 14336: 124.91, 30720: 104.66}
QWEN_72B_AWQ_ON_TWO: Mapping[int, float] = {1: 44.30, 6144: 40.67, 14336: 36.63, 30720: 30.02}


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A GPU: its memory as sold, and the price of one for an hour."""

    accelerator: str
    memory_bytes: int
    usd_per_hour: float
    price_source: str


A10G = Card(
    accelerator="A10G",
    memory_bytes=24_000_000_000,
    usd_per_hour=1.515,
    price_source=f"{PRICE_SOURCE}ml.g5.2xlarge 1.212 to 1.515 by region, the higher one taken",
)
A100_40G = Card(
    accelerator="A100-40G",
    memory_bytes=40_000_000_000,
    usd_per_hour=4.711,
    price_source=f"{PRICE_SOURCE}ml.p4d.24xlarge 37.688, an eighth of it for one of its 8 GPUs",
)
A100_80G = Card(
    accelerator="A100-80G",
    memory_bytes=80_000_000_000,
    usd_per_hour=4.711,
    price_source=(
        f"derived: no price of the 80 GB card is in the list; that of the A100-40GB, an eighth of "
        f"ml.p4d.24xlarge, is taken as its lower bound ({PRICE_SOURCE}37.688)"
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A model's size: all parameters, and those of embedding and output layer among them."""

    name: str
    parameters: int
    embedding_parameters: int
    context_window: int
    source: str


QWEN_7B = Model(
    name="qwen2.5-7b-instruct",
    parameters=7_610_000_000,
    embedding_parameters=1_080_000_000,
    context_window=32_768,
    source=f"{MODEL_CARD}Qwen2.5-7B-Instruct, 7.61 B parameters, 6.53 B without embedding",
)
QWEN_72B = Model(
    name="qwen2.5-72b-instruct",
    parameters=72_700_000_000,
    embedding_parameters=2_700_000_000,
    context_window=32_768,
    source=f"{MODEL_CARD}Qwen2.5-72B-Instruct, 72.7 B parameters, 70.0 B without embedding",
)
LLAMA_8B = Model(
    name="llama-3-8b-instruct",
    parameters=8_030_000_000,
    embedding_parameters=1_050_000_000,
    context_window=8_192,
    source=f"{MODEL_CARD}Meta-Llama-3-8B-Instruct, 8.03 B parameters, context of 8,192 tokens",
)

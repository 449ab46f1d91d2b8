"""What is read from the log of a vLLM engine."""

from __future__ import annotations

import pytest

from profiles.validation.vllm_log import read_log

OPENING = "(Worker pid=7) INFO 11-22 19:09:06 [base_loader.py:125]"
TREE = f"""\
(Worker pid=7) INFO 11-22 19:09:06 [cpu_model_runner.py:68] Starting to load model /tiny...
%s
{OPENING} vLLM model structure:
{OPENING} LlamaForCausalLM()(
{OPENING}   (model): LlamaModel()(
{OPENING}     (layers): ModuleList()(
{OPENING}       (0-29): 30 x LlamaDecoderLayer()(
{OPENING}         (self_attn): LlamaAttention()(
{OPENING}           (o_proj): RowParallelLinear(%sin_features=10, output_features=20, bias=False)
{OPENING}           (attn): Attention(head_size=64, num_heads=9)
{OPENING}         )
{OPENING}         (mlp): LlamaMLP()(
{OPENING}           (down_proj): RowParallelLinear(in_features=10, output_features=20, bias=False)
{OPENING}         )
{OPENING}       )
{OPENING}     )
{OPENING}   )
{OPENING}   (lm_head): ParallelLMHead(num_embeddings=49152, tie_weights=True)
{OPENING} )
"""


def test_a_layer_counts_as_often_as_the_tree_repeats_it() -> None:
    loaded = read_log(TREE % ("", "quant=CompressedTensorsW8A8Int8, "))

    assert [(x.name, x.times, x.weights) for x in loaded.layers] == [
        ("o_proj", 30, 6000),
        ("down_proj", 30, 6000),
    ]
    assert loaded.quantized_share == 0.5
    assert loaded.schemes == ("CompressedTensorsW8A8Int8",)


def test_an_engine_that_quantized_nothing_says_so() -> None:
    loaded = read_log(TREE % (f"{OPENING} Quantizing 0 layers of types: ", ""))

    assert loaded.quantized_on_load == 0
    assert loaded.quantized_share == 0


@pytest.mark.parametrize("log", ["", "INFO nothing of the kind"])
def test_a_log_without_the_tree_tells_nothing(log: str) -> None:
    loaded = read_log(log)

    assert loaded.quantized_share is None
    assert loaded.quantized_on_load is None


@pytest.mark.parametrize("name", ["RoutedExperts", "FusedMoE", "SharedFusedMoE"])
def test_experts_are_told_from_linear_layers_and_from_the_blocks_around_them(name: str) -> None:
    block = f"{OPENING}         (mlp): MixtralMoE()(\n"
    experts = f"{OPENING}           (experts): {name}(quant=Fp8MoEMethod, )\n"

    loaded = read_log((TREE % ("", "")) + block + experts)

    assert [(x.name, x.scheme) for x in loaded.experts] == [("experts", "Fp8MoEMethod")]

"""What an engine must show of the weights it loaded."""

from __future__ import annotations

from dataclasses import replace

from profiles.validation.vllm_log import LoadedFacts, LoadedLayer
from tests.profiles.validation.evidence import evidence, some_probes
from tests.profiles.validation.gate_verdicts import NEAR, PARENT, failed, judged, the_failure


def test_an_engine_that_quantized_nothing_fails() -> None:
    layer = LoadedLayer(name="o_proj", times=30, weights=100, scheme=None)
    loaded = LoadedFacts(layers=(layer,), quantized_on_load=0)

    verdict = judged(
        replace(evidence(some_probes()), quantizes_on_load=True, loaded=loaded),
        PARENT,
        claims="int8",
    )

    assert failed(verdict) == ["layers in memory", "differs from the parent"]
    assert "the engine reports that it quantized 0 layers" in verdict.failures[0].seen
    assert "make a quantized checkpoint" in verdict.failures[0].remedy


def test_experts_left_unquantized_fail() -> None:
    layers = (
        LoadedLayer(name="o_proj", times=2, weights=10, scheme="Fp8LinearMethod"),
        LoadedLayer(name="experts", times=2, weights=0, scheme=None),
    )

    verdict = judged(replace(evidence(NEAR, bits=8), loaded=LoadedFacts(layers=layers)), PARENT)

    assert "experts not: experts" in the_failure(verdict).seen


def test_attention_may_stay_as_it_is_where_experts_are_quantized() -> None:
    layers = (
        LoadedLayer(name="o_proj", times=2, weights=10, scheme=None),
        LoadedLayer(name="experts", times=2, weights=0, scheme="Mxfp4MoEMethod"),
    )

    assert judged(replace(evidence(NEAR, bits=8), loaded=LoadedFacts(layers=layers)), PARENT).passed


def test_a_quantized_engine_under_an_unquantized_name_fails() -> None:
    layer = LoadedLayer(name="o_proj", times=2, weights=10, scheme="Fp8LinearMethod")

    verdict = judged(
        replace(evidence(some_probes()), loaded=LoadedFacts(layers=(layer,))), claims="bf16"
    )

    assert the_failure(verdict).seen == "100% of the linear weights quantized, as Fp8LinearMethod"


def test_weights_that_the_engine_widens_fail() -> None:
    # 1000 linear weights of 8 bits beside 500 other bytes, loaded as 16 bits.
    wide = replace(evidence(NEAR, bits=8), weights_loaded_bytes=2500)

    assert the_failure(judged(wide, PARENT)).seen.startswith("16.00 bits per weight")
    assert judged(replace(wide, weights_loaded_bytes=1500), PARENT).passed

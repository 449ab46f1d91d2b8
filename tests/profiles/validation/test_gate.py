"""What the gate says of what it was shown."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from profiles.validation.claims import claim_named
from profiles.validation.gate import judge
from profiles.validation.loaded import LoadedFacts, LoadedLayer
from profiles.validation.probe_results import Probes, Trouble
from profiles.validation.thresholds import SMALL_WEIGHTS, default_thresholds
from profiles.validation.verdict import Check, Seen, Verdict, golden_result
from profiles.validation.weight_values import BadValues
from tests.profiles.validation.folders import changed_tokenizer, facts
from tests.profiles.validation.seen import (
    a_text,
    an_answer,
    seen,
    some_facts,
    some_probes,
    with_facts,
)


def judged(
    candidate: Seen,
    parent: Seen | None = None,
    *,
    claims: str | None = "w8a8",
    weights: int = SMALL_WEIGHTS,
) -> Verdict:
    claim = claim_named(claims) if claims else None
    return judge(
        candidate, parent, claim=claim, thresholds=default_thresholds(claim, weights=weights)
    )


def failed(verdict: Verdict) -> list[str]:
    return [check.name for check in verdict.failures]


def the_failure(verdict: Verdict) -> Check:
    (failure,) = verdict.failures
    return failure


PARENT = seen(some_probes())
# Near the parent, and not the parent.
NEAR = some_probes(a_text(likely=0.59))


def test_a_quantized_checkpoint_near_its_parent_passes() -> None:
    assert failed(judged(seen(NEAR, bits=8.1), PARENT)) == []


def test_an_unquantized_checkpoint_passes_without_a_parent() -> None:
    assert failed(judged(seen(some_probes()), claims="bf16")) == []


def test_files_that_are_cut_off_are_all_that_is_judged() -> None:
    verdict = judged(with_facts(seen(), problems=("a.safetensors: cut off",)))

    assert [check.name for check in verdict.checks] == ["files"]
    assert "no engine was started" in verdict.note


def test_every_failure_says_what_was_allowed_the_usual_cause_and_what_to_try() -> None:
    far = some_probes(
        a_text(likely=0.01, first=7),
        answers=(an_answer(*([3] * 20), text="\ufffd ", prompt=(8,)),),
        troubles=(
            Trouble(probe="a", topic="numbers", kind="not_finite", told="nan"),
            Trouble(probe="b", topic="code", kind="error", told="HTTP 500"),
        ),
    )

    verdict = judged(seen(far), PARENT)

    assert len(verdict.failures) > 10
    for check in verdict.failures:
        assert check.seen
        assert check.allowed
        assert check.cause
        assert check.remedy


def test_a_passed_check_has_neither_cause_nor_remedy() -> None:
    verdict = judged(seen(NEAR, bits=8.1), PARENT)

    assert {(check.cause, check.remedy) for check in verdict.checks} == {("", "")}


@pytest.mark.parametrize(
    ("claims", "bits", "fails"),
    [
        ("w8a8", 16.0, True),
        ("w8a8", 8.5, False),
        ("w8a8", 4.3, True),
        ("w4a16", 4.6, False),
        ("w4a16", 8.1, True),
        ("bf16", 8.1, True),
        ("bf16", 32.0, False),
    ],
)
def test_bits_on_disk_must_be_those_claimed(claims: str, bits: float, *, fails: bool) -> None:
    assert ("bits on disk" in failed(judged(seen(bits=bits), claims=claims))) is fails


def test_weights_that_the_engine_is_to_quantize_are_judged_in_memory_only() -> None:
    on_load = replace(seen(NEAR), quantizes_on_load=True)
    share = LoadedLayer(name="o_proj", times=30, weights=100, scheme="Fp8LinearMethod")

    verdict = judged(replace(on_load, loaded=LoadedFacts(layers=(share,))), PARENT, claims="fp8")

    assert failed(verdict) == []
    assert "bits on disk" not in {check.name for check in verdict.checks}


def test_an_engine_that_quantized_nothing_fails() -> None:
    layer = LoadedLayer(name="o_proj", times=30, weights=100, scheme=None)
    loaded = LoadedFacts(layers=(layer,), quantized_on_load=0)

    verdict = judged(
        replace(seen(some_probes()), quantizes_on_load=True, loaded=loaded), PARENT, claims="int8"
    )

    assert failed(verdict) == ["layers in memory", "differs from the parent"]
    assert "the engine says it quantized 0 layers" in verdict.failures[0].seen
    assert "make a quantized checkpoint" in verdict.failures[0].remedy


def test_experts_left_unquantized_fail() -> None:
    layers = (
        LoadedLayer(name="o_proj", times=2, weights=10, scheme="Fp8LinearMethod"),
        LoadedLayer(name="experts", times=2, weights=0, scheme=None),
    )

    verdict = judged(replace(seen(NEAR, bits=8), loaded=LoadedFacts(layers=layers)), PARENT)

    assert "experts not: experts" in the_failure(verdict).seen


def test_attention_may_stay_as_it_is_where_experts_are_quantized() -> None:
    layers = (
        LoadedLayer(name="o_proj", times=2, weights=10, scheme=None),
        LoadedLayer(name="experts", times=2, weights=0, scheme="Mxfp4MoEMethod"),
    )

    assert judged(replace(seen(NEAR, bits=8), loaded=LoadedFacts(layers=layers)), PARENT).passed


def test_a_quantized_engine_under_an_unquantized_name_fails() -> None:
    layer = LoadedLayer(name="o_proj", times=2, weights=10, scheme="Fp8LinearMethod")

    verdict = judged(
        replace(seen(some_probes()), loaded=LoadedFacts(layers=(layer,))), claims="bf16"
    )

    assert the_failure(verdict).seen == "100% of the linear weights quantized, as Fp8LinearMethod"


def test_weights_that_the_engine_widens_fail() -> None:
    # 1000 linear weights of 8 bits beside 500 other bytes, loaded as 16 bits.
    wide = replace(seen(NEAR, bits=8), weights_loaded_bytes=2500)

    assert the_failure(judged(wide, PARENT)).seen.startswith("16.00 bits per weight")
    assert judged(replace(wide, weights_loaded_bytes=1500), PARENT).passed


def test_an_answer_equal_to_the_parents_is_no_quantization() -> None:
    same = seen(some_probes(), bits=8)

    assert failed(judged(same, PARENT)) == ["differs from the parent"]
    assert judged(seen(some_probes()), PARENT, claims="bf16").passed


def test_nan_on_formulas_names_the_probe_and_points_at_the_activations() -> None:
    trouble = Trouble(probe="formula-latex", topic="formulas", kind="not_finite", told="nan")
    broken = replace(NEAR, troubles=(trouble,))

    failure = the_failure(judged(seen(broken, bits=8), PARENT, claims="fp8"))

    assert failure.name == "finite log-probabilities"
    assert "formula-latex (formulas)" in failure.seen
    assert "FP8" in failure.cause
    assert "INT8 or BF16 activations" in failure.remedy


def test_a_probe_that_the_parent_cannot_answer_either_is_excused() -> None:
    trouble = Trouble(probe="ask", topic="prose", kind="error", told="HTTP 400")
    parent = seen(some_probes(troubles=(trouble,)))

    assert judged(seen(replace(NEAR, troubles=(trouble,)), bits=8), parent).passed
    assert failed(judged(seen(replace(NEAR, troubles=(trouble,)), bits=8), PARENT)) == [
        "every probe answered"
    ]


def test_another_chat_template_in_the_engine_fails() -> None:
    other = replace(NEAR, answers=(an_answer(prompt=(5, 5)),))

    failure = the_failure(judged(seen(other, bits=8), PARENT))

    assert failure.seen == "other tokens than the parent's: prompt ask"


def far(**given: object) -> Probes:
    return some_probes(a_text(**given))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("candidate", "check"),
    [
        (far(likely=0.4), "mean shift"),
        (far(likely=0.4), "KL divergence"),
        (far(likely=0.4), "perplexity"),
        (far(likely=0.4), "perplexity by topic"),
        (far(likely=0.1), "p99 shift"),
        (far(likely=0.59, first=7), "same first choice"),
        (replace(NEAR, answers=(an_answer(9, 9, 9),)), "same greedy answers"),
        (replace(NEAR, answers=(an_answer(*range(6), *[5] * 9),)), "answers that loop"),
        (replace(NEAR, answers=(an_answer(text=" "),)), "empty answers"),
        (replace(NEAR, answers=(an_answer(text="\ufffdx"),)), "broken characters"),
    ],
)
def test_each_bound_on_what_is_answered_is_kept(candidate: Probes, check: str) -> None:
    assert check in failed(judged(seen(candidate, bits=8), PARENT))


def test_answers_that_loop_as_often_as_the_parents_pass() -> None:
    loop = (an_answer(*[5] * 20),)

    candidate = seen(replace(NEAR, answers=loop), bits=8)

    assert judged(candidate, seen(some_probes(answers=loop))).passed


def test_four_bits_may_shift_further_than_eight() -> None:
    candidate = some_probes(a_text(likely=0.56))

    assert not judged(seen(candidate, bits=8), PARENT, claims="w8a8").passed
    assert judged(seen(candidate, bits=4.2), PARENT, claims="w4a16").passed


def test_a_small_model_may_shift_further_than_a_large_one() -> None:
    candidate = seen(some_probes(a_text(likely=0.5)), bits=4.2)

    assert not judged(candidate, PARENT, claims="w4a16").passed
    assert judged(candidate, PARENT, claims="w4a16", weights=SMALL_WEIGHTS - 1).passed


def test_weights_that_are_no_numbers_are_named() -> None:
    values = BadValues(nonfinite=("layers.1.weight_scale",), zero=("layers.2.weight",))

    failure = the_failure(judged(with_facts(seen(bits=8), values=values)))

    assert "NaN or infinity in layers.1.weight_scale" in failure.seen
    assert "nothing but zeros in layers.2.weight" in failure.seen


def test_a_tokenizer_that_is_not_the_parents_fails_before_any_engine(tmp_path: Path) -> None:
    parent = Seen(facts=facts(tmp_path / "parent"))
    other = facts(tmp_path / "own", tokenizer=changed_tokenizer(normalizer={"type": "Lowercase"}))

    failure = the_failure(judged(Seen(facts=other), parent, claims="bf16"))

    assert failure.name == "tokenizer"
    assert failure.seen.startswith("normalizer ")


def test_more_tokens_than_rows_of_the_embedding_fail(tmp_path: Path) -> None:
    vocabulary = {str(token): token for token in range(20)}
    own = facts(tmp_path, tokenizer=changed_tokenizer(model={"vocab": vocabulary}))

    failure = the_failure(judged(Seen(facts=own), claims="bf16"))

    assert failure.seen == "21 tokens for 16 rows of the embedding"


def test_the_wrong_parent_is_recognized(tmp_path: Path) -> None:
    parent = Seen(facts=facts(tmp_path / "parent", num_hidden_layers=24))
    own = Seen(facts=facts(tmp_path / "own", num_hidden_layers=30))

    assert the_failure(judged(own, parent, claims="bf16")).seen == (
        "num_hidden_layers 30, the parent's 24"
    )


def test_a_profile_carries_the_verdict_with_its_first_reasons() -> None:
    verdict = judged(seen(far(likely=0.01), bits=16.0), PARENT)

    result = golden_result(verdict, date="2026-01-01T00:00:00+00:00")

    assert not result.passed
    assert result.checks == len(verdict.checks)
    assert result.reason.startswith("bits on disk: 16.00 bits per weight")
    assert result.reason.endswith(" more")
    assert "\n" not in result.reason


def test_a_profile_of_what_passed_has_no_reason() -> None:
    result = golden_result(judged(seen(NEAR, bits=8.1), PARENT), date="2026-01-01")

    assert (result.passed, result.reason) == (True, "")


def test_few_layers_quantized_fail() -> None:
    half = some_facts(bits=8.0)
    kept = replace(half.layers[0], name="kept", quantized=False)
    half = replace(half, layers=(*half.layers, kept))

    failure = the_failure(judged(Seen(facts=half)))

    assert failure.seen == "50% of the linear layers' weights; not kept"

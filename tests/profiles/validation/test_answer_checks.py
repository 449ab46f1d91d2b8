"""What an engine's tokens must show."""

from __future__ import annotations

from dataclasses import replace

import pytest

from profiles.validation.probe_set import Probes, Trouble
from profiles.validation.thresholds import SMALL_WEIGHTS
from tests.profiles.validation.evidence import a_text, an_answer, evidence, some_probes
from tests.profiles.validation.gate_verdicts import NEAR, PARENT, failed, far, judged, the_failure


def test_an_answer_equal_to_the_parents_is_no_quantization() -> None:
    same = evidence(some_probes(), bits=8)

    assert failed(judged(same, PARENT)) == ["differs from the parent"]
    assert judged(evidence(some_probes()), PARENT, claims="bf16").passed


def test_nan_on_formulas_names_the_probe_and_points_at_the_activations() -> None:
    trouble = Trouble(probe="formula-latex", topic="formulas", kind="not_finite", told="nan")
    broken = replace(NEAR, troubles=(trouble,))

    failure = the_failure(judged(evidence(broken, bits=8), PARENT, claims="fp8"))

    assert failure.name == "finite log-probabilities"
    assert "formula-latex (formulas)" in failure.seen
    assert "FP8" in failure.cause
    assert "INT8 or BF16 activations" in failure.remedy


def test_a_probe_that_the_parent_cannot_answer_either_is_excused() -> None:
    trouble = Trouble(probe="ask", topic="prose", kind="error", told="HTTP 400")
    parent = evidence(some_probes(troubles=(trouble,)))

    assert judged(evidence(replace(NEAR, troubles=(trouble,)), bits=8), parent).passed
    assert failed(judged(evidence(replace(NEAR, troubles=(trouble,)), bits=8), PARENT)) == [
        "every probe answered"
    ]


def test_another_chat_template_in_the_engine_fails() -> None:
    other = replace(NEAR, answers=(an_answer(prompt=(5, 5)),))

    failure = the_failure(judged(evidence(other, bits=8), PARENT))

    assert failure.seen == "other tokens than the parent's: prompt ask"


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
    assert check in failed(judged(evidence(candidate, bits=8), PARENT))


def test_answers_that_loop_as_often_as_the_parents_pass() -> None:
    loop = (an_answer(*[5] * 20),)

    candidate = evidence(replace(NEAR, answers=loop), bits=8)

    assert judged(candidate, evidence(some_probes(answers=loop))).passed


def test_four_bits_may_shift_further_than_eight() -> None:
    candidate = some_probes(a_text(likely=0.56))

    assert not judged(evidence(candidate, bits=8), PARENT, claims="w8a8").passed
    assert judged(evidence(candidate, bits=4.2), PARENT, claims="w4a16").passed


def test_a_small_model_may_shift_further_than_a_large_one() -> None:
    candidate = evidence(some_probes(a_text(likely=0.5)), bits=4.2)

    assert not judged(candidate, PARENT, claims="w4a16").passed
    assert judged(candidate, PARENT, claims="w4a16", weights=SMALL_WEIGHTS - 1).passed

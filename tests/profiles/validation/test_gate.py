"""What the gate says of what it was shown."""

from __future__ import annotations

from profiles.validation.probe_set import Trouble
from profiles.validation.verdict import golden_result
from tests.profiles.validation.evidence import a_text, an_answer, evidence, some_probes
from tests.profiles.validation.gate_verdicts import NEAR, PARENT, failed, far, judged


def test_a_quantized_checkpoint_near_its_parent_passes() -> None:
    assert failed(judged(evidence(NEAR, bits=8.1), PARENT)) == []


def test_an_unquantized_checkpoint_passes_without_a_parent() -> None:
    assert failed(judged(evidence(some_probes()), claims="bf16")) == []


def test_every_failure_says_what_was_allowed_the_usual_cause_and_what_to_try() -> None:
    far = some_probes(
        a_text(likely=0.01, first=7),
        answers=(an_answer(*([3] * 20), text="\ufffd ", prompt=(8,)),),
        troubles=(
            Trouble(probe="a", topic="numbers", kind="not_finite", told="nan"),
            Trouble(probe="b", topic="code", kind="error", told="HTTP 500"),
        ),
    )

    verdict = judged(evidence(far), PARENT)

    assert len(verdict.failures) > 10
    for check in verdict.failures:
        assert check.seen
        assert check.allowed
        assert check.cause
        assert check.remedy


def test_a_passed_check_has_neither_cause_nor_remedy() -> None:
    verdict = judged(evidence(NEAR, bits=8.1), PARENT)

    assert {(check.cause, check.remedy) for check in verdict.checks} == {("", "")}


def test_a_profile_carries_the_verdict_with_its_first_reasons() -> None:
    verdict = judged(evidence(far(likely=0.01), bits=16.0), PARENT)

    result = golden_result(verdict, date="2026-01-01T00:00:00+00:00")

    assert not result.passed
    assert result.checks == len(verdict.checks)
    assert result.reason.startswith("bits on disk: 16.00 bits per weight")
    assert result.reason.endswith(" more")
    assert "\n" not in result.reason


def test_a_profile_of_what_passed_has_no_reason() -> None:
    result = golden_result(judged(evidence(NEAR, bits=8.1), PARENT), date="2026-01-01")

    assert (result.passed, result.reason) == (True, "")

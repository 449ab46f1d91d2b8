"""How far two engines' tokens are apart."""

from __future__ import annotations

from dataclasses import replace
from math import exp, log

import pytest
from hypothesis import given
from hypothesis import strategies as st

from profiles.validation.divergence import agreeing_share, diverge, divergence_of_tops
from profiles.validation.probe_set import Top
from tests.profiles.validation.evidence import PLACES, a_text, an_answer, some_probes


def test_an_engine_does_not_diverge_from_itself() -> None:
    probes = some_probes(a_text("one"), a_text("two", likely=0.3))

    same = diverge(probes, probes)

    assert same is not None
    assert (same.places, same.mean_shift_nats, same.kl_nats) == (2 * PLACES, 0, 0)
    assert (same.top1_agreement, same.identical_share, same.perplexity_ratio) == (1, 1, 1)
    assert same.greedy_agreement == 1


def test_tokens_half_as_likely_double_the_perplexity() -> None:
    found = diverge(some_probes(a_text(likely=0.3)), some_probes(a_text(likely=0.6)))

    assert found is not None
    assert found.mean_shift_nats == pytest.approx(log(2))
    assert found.perplexity_ratio == pytest.approx(2)
    assert found.identical_share == 0


def test_the_worst_topic_is_named() -> None:
    own = some_probes(a_text("a"), a_text("b", topic="numbers", likely=0.2))
    parent = some_probes(a_text("a"), a_text("b", topic="numbers"))

    found = diverge(own, parent)

    assert found is not None
    assert found.worst_topic == "numbers"
    assert found.topic_perplexity_ratios == pytest.approx({"prose": 1, "numbers": 3})


def test_another_first_choice_is_no_agreement() -> None:
    found = diverge(some_probes(a_text(first=5)), some_probes(a_text(first=6)))

    assert found is not None
    assert found.top1_agreement == 0


def test_a_text_of_other_tokens_is_named_and_not_compared() -> None:
    own = some_probes(a_text("same"), a_text("other", token_ids=(1, 2), likely=0.1))
    parent = some_probes(a_text("same"), a_text("other", token_ids=(1, 3)))

    found = diverge(own, parent)

    assert found is not None
    assert found.other_texts == ("other",)
    assert found.mean_shift_nats == 0


def test_a_prompt_of_other_tokens_is_named() -> None:
    own = some_probes(answers=(an_answer(prompt=(9, 9)),))

    found = diverge(own, some_probes())

    assert found is not None
    assert found.other_prompts == ("ask",)


def test_nothing_compares_when_no_text_has_the_same_tokens() -> None:
    assert diverge(some_probes(a_text(token_ids=(1,))), some_probes(a_text(token_ids=(2,)))) is None


def test_answers_of_the_parent_count_in_the_divergence_and_not_in_the_perplexity() -> None:
    answer = replace(a_text("ask", likely=0.1), origin="answer")
    own = some_probes(a_text(), answer)
    parent = some_probes(a_text(), replace(a_text("ask"), origin="answer"))

    found = diverge(own, parent)

    assert found is not None
    assert found.perplexity_ratio == 1
    assert found.mean_shift_nats > 0


@pytest.mark.parametrize(
    ("own", "other", "share"),
    [
        ([1, 2, 3, 4], [1, 2, 3, 4], 1.0),
        ([1, 2, 9, 4], [1, 2, 3, 4], 0.5),
        ([1, 2], [1, 2, 3, 4], 0.5),
        ([], [], 1.0),
        ([], [1], 0.0),
    ],
)
def test_greedy_answers_agree_up_to_the_first_token_that_differs(
    own: list[int], other: list[int], share: float
) -> None:
    assert agreeing_share(own, other) == share


def a_top(weights: list[float]) -> Top:
    whole = sum(weights) * 1.01
    return tuple((token, log(weight / whole)) for token, weight in enumerate(weights))


weights = st.lists(st.floats(0.01, 1), min_size=5, max_size=5)


@given(weights, weights)
def test_the_estimate_never_exceeds_the_divergence_of_all_tokens(
    of: list[float], under: list[float]
) -> None:
    p, q = a_top(of), a_top(under)
    rest = [1 - sum(exp(value) for _, value in top) for top in (p, q)]
    whole = sum(exp(a) * (a - b) for (_, a), (_, b) in zip(p, q, strict=True))
    whole += rest[0] * log(rest[0] / rest[1])

    likeliest = [tuple(sorted(top, key=lambda told: -told[1])[:3]) for top in (p, q)]

    assert 0 <= divergence_of_tops(of=likeliest[0], under=likeliest[1]) <= whole + 1e-9


def test_tokens_that_the_candidate_no_longer_tells_count() -> None:
    parent: Top = ((1, log(0.9)), (2, log(0.05)))
    candidate: Top = ((3, log(0.5)), (4, log(0.01)))

    # Of the 0.95, the candidate can have left 0.02 at most.
    assert divergence_of_tops(of=parent, under=candidate) > 0.95 * log(0.95 / 0.02) - 0.2

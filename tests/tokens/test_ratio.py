"""What engines count corrects the ratio of text to tokens, and only that."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serve_app.core.request import PromptForm
from serve_app.tokens.ratio import TEMPLATE_TOKENS, TokenTotals, is_informative, token_ratio

LENGTHS = (20, 45, 80, 150, 400, 900, 2_500)
tokens = st.integers(min_value=1, max_value=200_000)


def tallied(counts: Iterable[tuple[int, int]], *, form: PromptForm = "chat") -> TokenTotals:
    totals = TokenTotals()
    for estimated, actual in counts:
        totals = totals.plus(form, estimated=estimated, actual=actual)
    return totals


def test_without_requests_the_profile_stands() -> None:
    assert token_ratio(1.2, TokenTotals()).ratio == pytest.approx(1.2)


def test_the_ratio_comes_to_what_the_engine_counts() -> None:
    held = token_ratio(1.0, tallied((x, round(1.3 * x)) for x in LENGTHS * 60))

    assert held.ratio == pytest.approx(1.3, rel=0.02)


def test_a_few_requests_move_a_little() -> None:
    few = token_ratio(1.0, tallied((x, round(1.3 * x)) for x in LENGTHS[:5]))

    assert 1.0 < few.ratio < 1.1


@pytest.mark.parametrize("lengths", [(30,), (30, 40, 55), LENGTHS])
def test_what_a_template_adds_is_not_taken_for_the_tokenizers_ratio(
    lengths: tuple[int, ...],
) -> None:
    held = token_ratio(1.0, tallied((x, x + 22) for x in lengths * 900))

    assert held.ratio == pytest.approx(1.0, abs=0.05)
    assert held.added_tokens == {"chat": pytest.approx(22, abs=2)}


def test_a_template_adds_to_each_form_of_prompt_what_it_adds() -> None:
    totals = TokenTotals()
    for estimated in LENGTHS * 100:
        totals = totals.plus("chat", estimated=estimated, actual=round(1.2 * estimated) + 24)
        totals = totals.plus("chat_with_system", estimated=estimated, actual=round(1.2 * estimated))
        totals = totals.plus("text", estimated=estimated, actual=round(1.2 * estimated) + 1)

    held = token_ratio(1.0, totals)

    assert held.ratio == pytest.approx(1.2, rel=0.01)
    assert held.added_tokens["chat"] == pytest.approx(24, abs=2)
    assert held.added_tokens["chat_with_system"] == pytest.approx(0, abs=2)
    assert held.added_tokens["text"] == pytest.approx(1, abs=2)


def test_a_long_default_system_prompt_is_a_template_too() -> None:
    held = token_ratio(1.0, tallied((x, x + 350) for x in LENGTHS * 200))

    assert held.ratio == pytest.approx(1.0, rel=0.05)
    assert held.added_tokens["chat"] == pytest.approx(350, rel=0.05)


def test_the_first_requests_of_a_form_add_a_little() -> None:
    few = token_ratio(1.0, tallied((x, x + 24) for x in LENGTHS[:5]))

    assert 0 < few.added_tokens["chat"] < 10


def test_of_long_prompts_alike_the_text_is_to_blame() -> None:
    held = token_ratio(1.0, tallied((2_000, 2_600) for _ in range(500)))

    assert held.ratio == pytest.approx(1.3, rel=0.03)


def test_other_traffic_is_learned_anew() -> None:
    before = tallied((x, round(1.5 * x)) for x in LENGTHS * 300)
    after = before
    for x in LENGTHS * 600:
        after = after.plus("chat", estimated=x, actual=x)

    assert token_ratio(1.0, before).ratio == pytest.approx(1.5, rel=0.02)
    assert token_ratio(1.0, after).ratio == pytest.approx(1.0, rel=0.03)


@given(st.floats(0.1, 10), st.lists(st.tuples(tokens, tokens), max_size=50))
def test_the_ratio_stays_within_what_text_can_do(
    profile: float, counts: list[tuple[int, int]]
) -> None:
    informative = [
        (estimated, actual)
        for estimated, actual in counts
        if is_informative(profile, estimated=estimated, actual=actual)
    ]
    held = token_ratio(profile, tallied(informative))

    assert profile / 8 <= held.ratio <= profile * 4
    assert all(abs(tokens) <= TEMPLATE_TOKENS for tokens in held.added_tokens.values())


@pytest.mark.parametrize(
    ("estimated", "actual", "informative"),
    [
        (0, 10, False),
        (10, 32, True),
        (1_000, 900, True),
        (1_000, 3_500, True),
        (1_000, 8_000, False),
        (1_000, 100, False),
    ],
)
def test_counts_that_text_cannot_explain_tell_nothing(
    estimated: int, actual: int, informative: bool
) -> None:
    assert is_informative(1.0, estimated=estimated, actual=actual) is informative

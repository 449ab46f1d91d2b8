from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serve_app.settings import RetryBudgetSettings
from serve_app.state.retry_budget import RetryBudget
from serve_app.testing import ManualClock

SETTINGS = RetryBudgetSettings(share=0.2, min_retries=3, window_s=10)


def retries(budget: RetryBudget, tries: int) -> int:
    """How many of `tries` are allowed and made."""
    made = 0
    for _ in range(tries):
        if not budget.is_spent():
            budget.count_retry()
            made += 1
    return made


@pytest.mark.parametrize(("requests", "allowed"), [(0, 3), (4, 3), (5, 4), (100, 23)])
def test_a_share_of_the_requests_and_a_few_more_may_be_retried(requests: int, allowed: int) -> None:
    budget = RetryBudget(SETTINGS, ManualClock())
    for _ in range(requests):
        budget.count_request()

    assert retries(budget, 1000) == allowed


async def test_requests_and_retries_outside_of_the_window_do_not_count() -> None:
    clock = ManualClock()
    budget = RetryBudget(SETTINGS, clock)
    for _ in range(100):
        budget.count_request()
    retries(budget, 1000)
    await clock.advance(10)

    assert retries(budget, 1000) == 3


@given(st.lists(st.booleans(), max_size=200), st.floats(0, 1), st.integers(0, 5))
def test_a_budget_is_never_exceeded(requests: list[bool], share: float, least: int) -> None:
    settings = RetryBudgetSettings(share=share, min_retries=least)
    budget, seen, made = RetryBudget(settings, ManualClock()), 0, 0
    for is_request in requests:
        if is_request:
            budget.count_request()
            seen += 1
        else:
            made += retries(budget, 1)
        assert made <= least + share * seen

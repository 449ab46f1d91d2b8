"""A budget fills with time and is never overdrawn by what was predicted."""

from __future__ import annotations

from serve_app.feedback.shadow import HourlyBudget
from serve_app.testing import ManualClock


async def a_full_budget(clock: ManualClock, *, sharers: int = 1) -> HourlyBudget:
    """Of 1 USD per hour, with a tenth of it saved up."""
    budget = HourlyBudget(1.0, clock, lambda: sharers)
    await clock.advance(360)
    return budget


def test_nothing_is_spent_before_time_has_passed() -> None:
    # A replica that is started again and again would begin with new money each time.
    assert not HourlyBudget(1.0, ManualClock(), lambda: 1).take(0.001)


async def test_what_is_spent_comes_back_at_the_hourly_rate() -> None:
    clock = ManualClock()
    budget = await a_full_budget(clock)
    assert budget.take(0.1)
    assert not budget.take(0.01)

    await clock.advance(36.1)

    assert budget.take(0.01)
    assert not budget.take(0.001)


async def test_a_pause_saves_no_more_than_a_tenth_of_an_hour() -> None:
    clock = ManualClock()
    budget = await a_full_budget(clock)

    await clock.advance(10 * 3600)

    assert not budget.take(0.11)
    assert budget.take(0.1)


async def test_what_cost_more_than_predicted_is_owed_first() -> None:
    clock = ManualClock()
    budget = await a_full_budget(clock)
    assert budget.take(0.05)
    budget.correct(0.05, 0.15)
    assert not budget.take(0.001)

    await clock.advance(3600 * 0.06)

    assert budget.take(0.009)


async def test_what_cost_less_than_predicted_is_given_back() -> None:
    budget = await a_full_budget(ManualClock())
    assert budget.take(0.1)

    budget.correct(0.1, 0.04)

    assert budget.take(0.059)
    assert not budget.take(0.002)


async def test_those_who_share_an_budget_spend_no_more_together() -> None:
    clock, sharers = ManualClock(), [1]
    budgets = [HourlyBudget(1.0, clock, lambda: sharers[0]) for _ in range(4)]
    sharers[0] = 4

    await clock.advance(360)

    assert not any(budget.take(0.026) for budget in budgets)
    assert all(budget.take(0.024) for budget in budgets)


async def test_what_was_saved_alone_is_given_up_when_others_come() -> None:
    clock, sharers = ManualClock(), [1]
    budget = HourlyBudget(1.0, clock, lambda: sharers[0])
    await clock.advance(360)

    sharers[0] = 4

    assert not budget.take(0.026)

"""An allowance fills with time and is never overdrawn by what was predicted."""

from __future__ import annotations

from serve_app.service.spending import Allowance
from serve_app.testing import ManualClock


async def test_what_is_spent_comes_back_at_the_hourly_rate() -> None:
    clock = ManualClock()
    allowance = Allowance(1.0, clock)
    assert allowance.take(0.1)
    assert not allowance.take(0.01)

    await clock.advance(36)

    assert allowance.take(0.01)
    assert not allowance.take(0.001)


async def test_a_pause_saves_no_more_than_a_tenth_of_an_hour() -> None:
    clock = ManualClock()
    allowance = Allowance(1.0, clock)

    await clock.advance(10 * 3600)

    assert not allowance.take(0.11)
    assert allowance.take(0.1)


async def test_what_cost_more_than_predicted_is_owed_first() -> None:
    clock = ManualClock()
    allowance = Allowance(1.0, clock)
    assert allowance.take(0.05)
    allowance.correct(0.05, 0.15)
    assert not allowance.take(0.001)

    await clock.advance(3600 * 0.06)

    assert allowance.take(0.009)


def test_what_cost_less_than_predicted_is_given_back() -> None:
    allowance = Allowance(1.0, ManualClock())
    assert allowance.take(0.1)

    allowance.correct(0.1, 0.04)

    assert allowance.take(0.059)
    assert not allowance.take(0.002)

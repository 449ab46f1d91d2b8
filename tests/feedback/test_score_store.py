"""The desk counts each score once, remembers for a while, and tells who served."""

from __future__ import annotations

from dataclasses import replace

import pytest

from serve_app.core.beliefs import Subject
from serve_app.core.feedback import Given, News, Served
from serve_app.core.request import Task
from serve_app.feedback.score_store import MemoryDesk
from serve_app.feedback.settings import DeskSettings
from serve_app.testing import ManualClock

SETTINGS = DeskSettings(
    caller_weight=0.5, shadow_weight=1.0, half_life_s=100, remember=3, remember_s=60
)
CODE = Subject(pair="cheap", task="code", measured="2026-01-01")


def served(decision: str, *, task: Task | None = "code", replica: str = "a") -> Served:
    return Served(
        decision=decision, pair="cheap", task=task, measured="2026-01-01", replica=replica
    )


def score(decision: str, value: float = 0.0) -> Given:
    return Given(decision=decision, source="caller", score=value)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def desk(clock: ManualClock) -> MemoryDesk:
    return MemoryDesk(SETTINGS, clock.now)


async def test_a_score_of_an_answer_of_another_replica_is_counted_and_told_to_that_one(
    desk: MemoryDesk,
) -> None:
    await desk.exchange("a", [served("d1", replica="a")], News())

    receipt = await desk.take(score("d1"), None)

    assert (receipt.taken_as, receipt.weight) == ("counted", 0.5)
    assert (await desk.exchange("b", [], News())).given == ()
    told = await desk.exchange("a", [], News())
    assert told.given == (score("d1"),)
    assert (await desk.exchange("a", [], told)).given == ()


async def test_every_replica_reads_the_tallies_of_all(desk: MemoryDesk) -> None:
    await desk.take(score("d1"), served("d1", replica="a"))
    await desk.take(score("d2", 1.0), served("d2", replica="b"))

    tallies = (await desk.exchange("c", [], News())).tallies

    assert tallies.keys() == {CODE}
    assert (tallies[CODE].callers.weight, tallies[CODE].mean) == (1.0, 0.5)


async def test_the_same_score_counts_once_and_another_one_not_at_all(desk: MemoryDesk) -> None:
    await desk.take(score("d1", 1.0), served("d1"))

    again = await desk.take(score("d1", 1.0), served("d1"))
    other = await desk.take(score("d1", 0.0), served("d1"))

    assert (again.taken_as, other.taken_as, other.score) == ("repeated", "conflict", 1.0)
    tally = (await desk.exchange("a", [], News())).tallies[CODE]
    assert (tally.callers.weight, tally.callers.count) == (0.5, 1)


async def test_a_caller_and_the_shadow_may_each_score_an_answer(desk: MemoryDesk) -> None:
    await desk.take(score("d1", 1.0), served("d1"))
    shadow = await desk.take(Given(decision="d1", source="shadow", score=0.0), None)

    assert (shadow.taken_as, shadow.weight) == ("counted", 1.0)


async def test_a_decision_nobody_answered_is_unknown(desk: MemoryDesk) -> None:
    assert (await desk.take(score("d9"), None)).taken_as == "unknown"


async def test_answers_are_forgotten_by_age_and_by_number(
    desk: MemoryDesk, clock: ManualClock
) -> None:
    await desk.exchange("a", [served(f"d{number}") for number in range(4)], News())
    assert (await desk.take(score("d0"), None)).taken_as == "unknown"
    assert (await desk.take(score("d1"), None)).taken_as == "counted"

    await clock.advance(61)

    assert (await desk.take(score("d2"), None)).taken_as == "unknown"


async def test_tallies_that_have_faded_are_dropped(desk: MemoryDesk, clock: ManualClock) -> None:
    await desk.take(score("d1"), served("d1"))
    await clock.advance(100 * 10)

    assert (await desk.exchange("a", [], News())).tallies == {}


async def test_an_answer_without_a_task_is_scored_and_moves_nothing(desk: MemoryDesk) -> None:
    receipt = await desk.take(score("d1"), served("d1", task=None))

    assert (receipt.taken_as, receipt.weight) == ("counted", 0.0)
    assert (await desk.exchange("a", [], News())).tallies == {}


async def test_a_weight_of_zero_takes_scores_and_lets_them_move_nothing(
    clock: ManualClock,
) -> None:
    desk = MemoryDesk(DeskSettings(caller_weight=0.0), clock.now)

    receipt = await desk.take(score("d1"), served("d1"))

    assert receipt.taken_as == "counted"
    assert (await desk.exchange("a", [], News())).tallies == {}


async def test_scores_for_a_thousand_replicas_that_went_away_do_not_pile_up(
    desk: MemoryDesk,
) -> None:
    for number in range(1_000):
        await desk.take(score(f"d{number}"), served(f"d{number}", replica=f"gone-{number}"))

    assert (await desk.exchange("gone-0", [], News())).given == ()
    assert (await desk.exchange("gone-999", [], News())).given == (score("d999"),)


async def test_a_desk_that_began_anew_learns_from_what_a_replica_was_told(
    clock: ManualClock,
) -> None:
    died = MemoryDesk(SETTINGS, clock.now)
    await died.take(score("d1"), served("d1"))
    await clock.advance(50)
    told = await died.exchange("a", [], News())

    later = ManualClock(7_000.0)
    desk = MemoryDesk(SETTINGS, later.now)
    await desk.exchange("b", [], News())
    await desk.exchange("a", [], told)

    tally = (await desk.exchange("b", [], News())).tallies[CODE]
    assert tally.weight_at(later.now(), SETTINGS.fading) == pytest.approx(0.5 / 2**0.5)


async def test_a_desk_that_knows_better_learns_nothing_from_what_was_told_before(
    desk: MemoryDesk,
) -> None:
    await desk.take(score("d1"), served("d1"))
    told = await desk.exchange("a", [], News())
    await desk.take(score("d2"), served("d2"))

    tallies = (await desk.exchange("a", [], told)).tallies

    assert tallies[CODE].callers.count == 2


async def test_a_score_that_came_before_the_old_ones_were_told_again_replaces_none_of_them(
    clock: ManualClock,
) -> None:
    died = MemoryDesk(SETTINGS, clock.now)
    for number in range(10):
        await died.take(score(f"d{number}"), served(f"d{number}"))
    told = await died.exchange("a", [], News())

    desk = MemoryDesk(SETTINGS, clock.now)
    await desk.take(score("d10"), served("d10"))
    await desk.exchange("a", [], told)

    assert (await desk.exchange("b", [], News())).tallies[CODE].callers.count == 11


async def test_two_replicas_that_know_the_same_of_a_dead_desk_are_believed_once(
    clock: ManualClock,
) -> None:
    died = MemoryDesk(SETTINGS, clock.now)
    await died.take(score("d1"), served("d1"))
    told_a, told_b = [await died.exchange(replica, [], News()) for replica in "ab"]

    desk = MemoryDesk(SETTINGS, clock.now)
    await desk.exchange("a", [], told_a)

    assert (await desk.exchange("b", [], told_b)).tallies[CODE].callers.count == 1


async def test_an_answer_scored_at_a_desk_that_died_is_not_counted_again(
    clock: ManualClock,
) -> None:
    known = replace(served("d1"), given=(score("d1", 1.0),))
    desk = MemoryDesk(SETTINGS, clock.now)
    await desk.exchange("a", [known], News())

    again = await desk.take(score("d1", 1.0), None)
    other = await desk.take(score("d1", 0.0), None)

    assert (again.taken_as, other.taken_as) == ("repeated", "conflict")


async def test_scores_are_told_again_until_the_replica_has_heard_them(desk: MemoryDesk) -> None:
    await desk.take(score("d1"), served("d1"))
    before = await desk.exchange("a", [], News())
    await desk.take(score("d2"), served("d2"))

    lost = await desk.exchange("a", [], before)
    again = await desk.exchange("a", [], before)

    assert lost.given == again.given == (score("d2"),)
    assert (await desk.exchange("a", [], again)).given == ()


async def test_replicas_are_counted_while_they_exchange(
    desk: MemoryDesk, clock: ManualClock
) -> None:
    await desk.exchange("a", [], News())
    assert (await desk.exchange("b", [], News())).replicas == 2

    await clock.advance(11)

    assert (await desk.exchange("b", [], News())).replicas == 1

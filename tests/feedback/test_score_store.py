"""The store counts each score once, remembers for a while, and tells who served."""

from __future__ import annotations

from dataclasses import replace

import pytest

from serve_app.core.request import Task
from serve_app.feedback.corrected_catalog import PairTask
from serve_app.feedback.score_store import (
    MAX_UNCOLLECTED,
    FeedbackUpdate,
    InMemoryScoreStore,
    Score,
    ServedAnswer,
)
from serve_app.settings import FeedbackSettings
from serve_app.testing import ManualClock

SETTINGS = FeedbackSettings(
    weight=0.5, shadow_weight=1.0, half_life_s=100, retention_count=3, retention_s=60
)
CODE = PairTask(pair="cheap", task="code", measured="2026-01-01")
CALLERS = (CODE, "caller")


def served(decision: str, *, task: Task | None = "code", replica: str = "a") -> ServedAnswer:
    return ServedAnswer(
        decision=decision, pair="cheap", task=task, measured="2026-01-01", replica=replica
    )


def score(decision: str, value: float = 0.0) -> Score:
    return Score(decision=decision, source="caller", score=value)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def store(clock: ManualClock) -> InMemoryScoreStore:
    return InMemoryScoreStore(SETTINGS, clock.now)


async def test_a_score_of_an_answer_of_another_replica_is_counted_and_told_to_that_one(
    store: InMemoryScoreStore,
) -> None:
    await store.exchange("a", [served("d1", replica="a")], FeedbackUpdate())

    receipt = await store.take(score("d1"), None)

    assert (receipt.status, receipt.weight) == ("counted", 0.5)
    assert (await store.exchange("b", [], FeedbackUpdate())).scores == ()
    told = await store.exchange("a", [], FeedbackUpdate())
    assert told.scores == (score("d1"),)
    assert (await store.exchange("a", [], told)).scores == ()


async def test_every_replica_reads_the_totals_of_all(store: InMemoryScoreStore) -> None:
    await store.take(score("d1"), served("d1", replica="a"))
    await store.take(score("d2", 1.0), served("d2", replica="b"))

    totals = (await store.exchange("c", [], FeedbackUpdate())).totals

    assert totals.keys() == {CALLERS}
    assert (totals[CALLERS].weight, totals[CALLERS].score) == (1.0, 0.5)


async def test_the_same_score_counts_once_and_another_one_not_at_all(
    store: InMemoryScoreStore,
) -> None:
    await store.take(score("d1", 1.0), served("d1"))

    again = await store.take(score("d1", 1.0), served("d1"))
    other = await store.take(score("d1", 0.0), served("d1"))

    assert (again.status, other.status, other.score) == ("repeated", "conflict", 1.0)
    totals = (await store.exchange("a", [], FeedbackUpdate())).totals[CALLERS]
    assert (totals.weight, totals.count) == (0.5, 1)


async def test_a_caller_and_the_shadow_may_each_score_an_answer(store: InMemoryScoreStore) -> None:
    await store.take(score("d1", 1.0), served("d1"))
    shadow = await store.take(Score(decision="d1", source="shadow", score=0.0), None)

    assert (shadow.status, shadow.weight) == ("counted", 1.0)


async def test_a_decision_nobody_answered_is_unknown(store: InMemoryScoreStore) -> None:
    assert (await store.take(score("d9"), None)).status == "unknown"


async def test_answers_are_forgotten_by_age_and_by_number(
    store: InMemoryScoreStore, clock: ManualClock
) -> None:
    await store.exchange("a", [served(f"d{number}") for number in range(4)], FeedbackUpdate())
    assert (await store.take(score("d0"), None)).status == "unknown"
    assert (await store.take(score("d1"), None)).status == "counted"

    await clock.advance(61)

    assert (await store.take(score("d2"), None)).status == "unknown"


async def test_totals_that_have_decayed_are_dropped(
    store: InMemoryScoreStore, clock: ManualClock
) -> None:
    await store.take(score("d1"), served("d1"))
    await clock.advance(100 * 10)

    assert (await store.exchange("a", [], FeedbackUpdate())).totals == {}


async def test_an_answer_without_a_task_is_scored_and_moves_nothing(
    store: InMemoryScoreStore,
) -> None:
    receipt = await store.take(score("d1"), served("d1", task=None))

    assert (receipt.status, receipt.weight) == ("counted", 0.0)
    assert (await store.exchange("a", [], FeedbackUpdate())).totals == {}


async def test_a_weight_of_zero_takes_scores_and_lets_them_move_nothing(
    clock: ManualClock,
) -> None:
    store = InMemoryScoreStore(FeedbackSettings(weight=0.0), clock.now)

    receipt = await store.take(score("d1"), served("d1"))

    assert receipt.status == "counted"
    assert (await store.exchange("a", [], FeedbackUpdate())).totals == {}


async def test_scores_for_replicas_that_went_away_do_not_pile_up(clock: ManualClock) -> None:
    store = InMemoryScoreStore(FeedbackSettings(), clock.now)
    for number in range(MAX_UNCOLLECTED + 1):
        await store.take(score(f"d{number}"), served(f"d{number}", replica=f"gone-{number}"))

    assert (await store.exchange("gone-0", [], FeedbackUpdate())).scores == ()
    assert (await store.exchange("gone-1", [], FeedbackUpdate())).scores == (score("d1"),)


async def test_a_store_that_began_anew_learns_from_what_a_replica_was_told(
    clock: ManualClock,
) -> None:
    died = InMemoryScoreStore(SETTINGS, clock.now)
    await died.take(score("d1"), served("d1"))
    await clock.advance(50)
    told = await died.exchange("a", [], FeedbackUpdate())

    later = ManualClock(7_000.0)
    store = InMemoryScoreStore(SETTINGS, later.now)
    await store.exchange("b", [], FeedbackUpdate())
    await store.exchange("a", [], told)

    totals = (await store.exchange("b", [], FeedbackUpdate())).totals[CALLERS]
    assert totals.at(later.now(), SETTINGS).weight == pytest.approx(0.5 / 2**0.5)


async def test_a_store_that_knows_better_learns_nothing_from_what_was_told_before(
    store: InMemoryScoreStore,
) -> None:
    await store.take(score("d1"), served("d1"))
    told = await store.exchange("a", [], FeedbackUpdate())
    await store.take(score("d2"), served("d2"))

    totals = (await store.exchange("a", [], told)).totals

    assert totals[CALLERS].count == 2


async def test_a_score_that_came_before_the_old_ones_were_told_again_replaces_none_of_them(
    clock: ManualClock,
) -> None:
    died = InMemoryScoreStore(SETTINGS, clock.now)
    for number in range(10):
        await died.take(score(f"d{number}"), served(f"d{number}"))
    told = await died.exchange("a", [], FeedbackUpdate())

    store = InMemoryScoreStore(SETTINGS, clock.now)
    await store.take(score("d10"), served("d10"))
    await store.exchange("a", [], told)

    assert (await store.exchange("b", [], FeedbackUpdate())).totals[CALLERS].count == 11


async def test_two_replicas_that_know_the_same_of_a_dead_store_are_estimated_once(
    clock: ManualClock,
) -> None:
    died = InMemoryScoreStore(SETTINGS, clock.now)
    await died.take(score("d1"), served("d1"))
    told_a, told_b = [await died.exchange(replica, [], FeedbackUpdate()) for replica in "ab"]

    store = InMemoryScoreStore(SETTINGS, clock.now)
    await store.exchange("a", [], told_a)

    assert (await store.exchange("b", [], told_b)).totals[CALLERS].count == 1


async def test_an_answer_scored_at_a_store_that_died_is_not_counted_again(
    clock: ManualClock,
) -> None:
    known = replace(served("d1"), scores=(score("d1", 1.0),))
    store = InMemoryScoreStore(SETTINGS, clock.now)
    await store.exchange("a", [known], FeedbackUpdate())

    again = await store.take(score("d1", 1.0), None)
    other = await store.take(score("d1", 0.0), None)

    assert (again.status, other.status) == ("repeated", "conflict")


async def test_scores_are_told_again_until_the_replica_has_heard_them(
    store: InMemoryScoreStore,
) -> None:
    await store.take(score("d1"), served("d1"))
    before = await store.exchange("a", [], FeedbackUpdate())
    await store.take(score("d2"), served("d2"))

    lost = await store.exchange("a", [], before)
    again = await store.exchange("a", [], before)

    assert lost.scores == again.scores == (score("d2"),)
    assert (await store.exchange("a", [], again)).scores == ()


async def test_replicas_are_counted_while_they_exchange(
    store: InMemoryScoreStore, clock: ManualClock
) -> None:
    await store.exchange("a", [], FeedbackUpdate())
    assert (await store.exchange("b", [], FeedbackUpdate())).replicas == 2

    await clock.advance(11)

    assert (await store.exchange("b", [], FeedbackUpdate())).replicas == 1

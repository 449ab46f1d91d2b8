"""Stores and logs of our own, and what tests of feedback do with a gateway."""

from __future__ import annotations

from collections.abc import Sequence

from serve_app.core.errors import FeedbackUnavailable
from serve_app.core.request import Constraints
from serve_app.feedback.graded_log import AnsweredRequest
from serve_app.feedback.score_store import (
    FeedbackUpdate,
    InMemoryScoreStore,
    Score,
    ScoreReceipt,
    ServedAnswer,
)
from serve_app.settings import FeedbackSettings
from serve_app.testing import ManualClock
from tests.builders import a_catalog, a_profile, an_accuracy
from tests.gateways import GatewayUnderTest, a_request, whole

FLOOR = Constraints(min_accuracy=0.7)
CATALOG = a_catalog(
    a_profile(
        "cheap", accuracy={"conversation": an_accuracy(0.8, lower=0.75, items=20)}, usd_per_hour=0.1
    ),
    a_profile("dear", accuracy=0.9, usd_per_hour=1.0),
)
DAY_S = 24 * 3600.0


class AwayStore:
    """A store that can be called back."""

    def __init__(self, store: InMemoryScoreStore) -> None:
        self.store: InMemoryScoreStore | None = None
        self._behind = store

    def come_back(self) -> None:
        self.store = self._behind

    async def exchange(
        self, replica: str, served: Sequence[ServedAnswer], known: FeedbackUpdate
    ) -> FeedbackUpdate:
        return await self._here().exchange(replica, served, known)

    async def take(self, given: Score, served: ServedAnswer | None) -> ScoreReceipt:
        return await self._here().take(given, served)

    def _here(self) -> InMemoryScoreStore:
        if self.store is None:
            raise FeedbackUnavailable("Away", 1.0)
        return self.store


class MemoryLog:
    def __init__(self) -> None:
        self.written: list[tuple[Score, AnsweredRequest]] = []

    def write(self, requests: Sequence[tuple[Score, AnsweredRequest]]) -> None:
        self.written += requests

    def close(self) -> None:
        """Nothing is open."""


def a_store(clock: ManualClock | None = None) -> InMemoryScoreStore:
    return InMemoryScoreStore(FeedbackSettings(), (clock or ManualClock()).now)


async def chosen(under_test: GatewayUnderTest) -> str | None:
    routing = await under_test.gateway.explain(a_request(constraints=FLOOR))
    return routing.decision.chosen


async def scored(under_test: GatewayUnderTest, score: float, *, times: int = 1) -> None:
    """Answers by whoever is chosen without a floor, which is `cheap`, and their scores."""
    for _ in range(times):
        await whole(under_test, a_request())
        decision = under_test.gateway.recent_decisions()[0]
        await under_test.feedback.take(decision.id, score)

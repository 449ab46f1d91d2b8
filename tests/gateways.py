"""A gateway over fakes, with two pairs of one model: `cheap` is ranked before `dear`."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

from serve_app.classifier.request_text import segment
from serve_app.core.breaker import BreakerSettings
from serve_app.core.catalog import Catalog
from serve_app.core.fleet import Pair
from serve_app.core.inference_request import Inbound
from serve_app.core.ports import Classifier, FeedbackDesk, GradedLog
from serve_app.core.request import Constraints, Judgement, Prompt
from serve_app.gateway.gateway import Gateway
from serve_app.gateway.settings import GatewaySettings
from serve_app.state.load import LoadTracker, Replicas
from serve_app.testing import FakeEngine, ManualClock, RecordingEvents, Script
from tests.builders import a_catalog, a_judgement, a_pair, a_policy, a_profile

PAIRS = (a_pair("cheap"), a_pair("dear"))
CATALOG = a_catalog(
    a_profile("cheap", usd_per_hour=0.1, ttft_ms=50, tpot_ms=10),
    a_profile("dear", usd_per_hour=1.0, ttft_ms=50, tpot_ms=10),
)
SETTINGS = GatewaySettings(
    constraints=Constraints(),
    static_fallback="dear",
    baseline="dear",
    breaker=BreakerSettings(failures_to_open=2, cool_down_s=5),
)
READY = Replicas(ready=1, starting=0, maximum=1)


class FixedClassifier:
    """Judges every prompt the same."""

    def __init__(self, judgement: Judgement | None = None) -> None:
        self.judged: list[Prompt] = []
        self._judgement = judgement or a_judgement()

    async def judge(self, prompt: Prompt) -> Judgement:
        self.judged.append(prompt)
        return self._judgement


class WordCounter:
    """One token per word; remembers which texts were counted exactly."""

    def __init__(self) -> None:
        self.counted: list[str] = []

    def estimate(self, text: str) -> int:
        return len(text.split())

    def count(self, text: str) -> int:
        self.counted.append(text)
        return len(text.split())


@dataclass(slots=True)
class FixedCatalog:
    """A `CurrentCatalog` that is set by hand."""

    current: Catalog | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """A gateway with everything it stands on."""

    gateway: Gateway
    engine: FakeEngine
    load: LoadTracker
    events: RecordingEvents
    clock: ManualClock
    tokens: WordCounter
    catalogs: FixedCatalog

    def asked_pairs(self) -> list[str]:
        return [pair for pair, _ in self.engine.calls]


def a_house(
    scripts: Mapping[str, Script] | None = None,
    *,
    pairs: Sequence[Pair] = PAIRS,
    catalog: Catalog | None = CATALOG,
    classifier: Classifier | None = None,
    settings: GatewaySettings = SETTINGS,
    engine: FakeEngine | None = None,
    ready: bool = True,
    clock: ManualClock | None = None,
    desk: FeedbackDesk | None = None,
    graded_log: GradedLog | None = None,
    chance: Callable[[], float] = lambda: 0.0,
) -> House:
    engine, load = engine or FakeEngine(scripts), LoadTracker(pairs)
    if ready:
        load.set_replicas({pair.id: READY for pair in pairs})
    events, clock, tokens = RecordingEvents(), clock or ManualClock(), WordCounter()
    catalogs, numbers = FixedCatalog(catalog), count(1)
    gateway = Gateway(
        pairs=pairs,
        engine=engine,
        classifier=classifier or FixedClassifier(),
        tokens=tokens,
        catalogs=catalogs,
        load=load,
        policy=a_policy(accuracy=0.0, latency=0.0, cost=1.0, reference_pair="dear"),
        settings=settings,
        clock=clock,
        events=events,
        ids=lambda: f"decision-{next(numbers)}",
        desk=desk,
        graded_log=graded_log,
        chance=chance,
    )
    return House(
        gateway=gateway,
        engine=engine,
        load=load,
        events=events,
        clock=clock,
        tokens=tokens,
        catalogs=catalogs,
    )


async def whole(house: House, inbound: Inbound) -> dict[str, object]:
    async with house.gateway.answer(inbound) as answer:
        body: dict[str, object] = json.loads(await answer.whole())
        return body


def an_inbound(*, model: str = "auto", **changes: Any) -> Inbound:
    body: dict[str, object] = {"model": model, "messages": [{"role": "user", "content": "Hi"}]}
    inbound = Inbound(
        request_id="request-1",
        operation="chat",
        model=model,
        body={**body, "stream": bool(changes.get("stream"))},
        prompt=segment("Hi"),
        form="chat",
        countable="Hi",
        counted_tokens=0,
        max_tokens=None,
        needs={},
        constraints=Constraints(),
    )
    return replace(inbound, **changes)

"""A gateway over fakes, with two pairs of one model: `cheap` is ranked before `dear`."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

from serve_app.classifier.request_text import segment
from serve_app.core.breaker import BreakerSettings
from serve_app.core.catalog import Catalog
from serve_app.core.fleet import Pair
from serve_app.core.inference_request import InferenceRequest
from serve_app.core.ports import Classifier
from serve_app.core.request import Constraints, Prompt, PromptClassification
from serve_app.feedback.collector import Feedback
from serve_app.feedback.graded_log import FileGradedLog
from serve_app.feedback.score_store import InMemoryScoreStore, ScoreStore
from serve_app.feedback.shadow import Shadow
from serve_app.gateway.gateway import Gateway
from serve_app.settings import FeedbackSettings, RoutingSettings
from serve_app.state.live_catalog import LiveCatalog
from serve_app.state.load import LoadTracker, Replicas
from serve_app.testing import FakeEngine, ManualClock, RecordingEvents, Script
from tests.builders import a_catalog, a_classification, a_pair, a_policy, a_profile

PAIRS = (a_pair("cheap"), a_pair("dear"))
CATALOG = a_catalog(
    a_profile("cheap", usd_per_hour=0.1, ttft_ms=50, tpot_ms=10),
    a_profile("dear", usd_per_hour=1.0, ttft_ms=50, tpot_ms=10),
)
SETTINGS = RoutingSettings(
    reference_pair="dear",
    static_fallback=("dear",),
    defaults=Constraints(),
    weights=a_policy(accuracy=0.0, latency=0.0, cost=1.0).weights,
)
BREAKER = BreakerSettings(failures_to_open=2, cool_down_s=5, half_open_probes=1, slow_start_s=0)
FEEDBACK = FeedbackSettings()
READY = Replicas(ready=1, starting=0, maximum=1)


class FixedClassifier:
    """Judges every prompt the same."""

    def __init__(self, classification: PromptClassification | None = None) -> None:
        self.classified: list[Prompt] = []
        self._classification = classification or a_classification()

    async def classify(self, prompt: Prompt) -> PromptClassification:
        self.classified.append(prompt)
        return self._classification


class WordCounter:
    """One token per word; remembers which texts were counted exactly.

    Its estimate is `estimate_factor` times the count.
    """

    def __init__(self) -> None:
        self.counted: list[str] = []
        self.estimate_factor = 1

    def estimate(self, text: str) -> int:
        return self.estimate_factor * len(text.split())

    def count(self, text: str) -> int:
        self.counted.append(text)
        return len(text.split())


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayUnderTest:
    """A gateway with everything it stands on."""

    gateway: Gateway
    feedback: Feedback
    shadow: Shadow | None
    engine: FakeEngine
    load: LoadTracker
    events: RecordingEvents
    clock: ManualClock
    tokens: WordCounter
    catalog: LiveCatalog

    def background(self) -> Iterator[Awaitable[None]]:
        """What an ingress replica runs beside the requests, each until cancelled."""
        yield self.feedback.run()
        if self.shadow is not None:
            yield self.shadow.run()

    def asked_pairs(self) -> list[str]:
        return [pair for pair, _ in self.engine.calls]


def gateway_under_test(
    scripts: Mapping[str, Script] | None = None,
    *,
    pairs: Sequence[Pair] = PAIRS,
    catalog: Catalog | None = CATALOG,
    classifier: Classifier | None = None,
    settings: RoutingSettings = SETTINGS,
    breaker: BreakerSettings = BREAKER,
    engine: FakeEngine | None = None,
    replicas: Mapping[str, Sequence[str]] | None = None,
    ready: bool = True,
    clock: ManualClock | None = None,
    feedback: FeedbackSettings = FEEDBACK,
    store: ScoreStore | None = None,
    replica: str = "",
    graded_log: FileGradedLog | None = None,
    chance: Callable[[], float] = lambda: 0.0,
    longest_answer_ms: float | None = None,
) -> GatewayUnderTest:
    engine, load = engine or FakeEngine(scripts, replicas), LoadTracker(pairs)
    if ready:
        load.set_replicas({pair.id: READY for pair in pairs})
    events, clock, tokens = RecordingEvents(), clock or ManualClock(), WordCounter()
    live = LiveCatalog(clock, events, policy=settings.policy, pairs=pairs)
    numbers = count(1)
    if catalog is not None:
        live.publish(catalog)
        events.seen.clear()
    gateway = Gateway(
        pairs=pairs,
        engine=engine,
        classifier=classifier or FixedClassifier(),
        tokens=tokens,
        catalog=live,
        load=load,
        settings=replace(settings, breaker=breaker),
        clock=clock,
        events=events,
        ids=lambda: f"decision-{next(numbers)}",
        longest_answer_ms=longest_answer_ms,
    )
    collector = Feedback(
        store=store or InMemoryScoreStore(feedback, clock.now),
        catalog=live,
        settings=feedback,
        replica=replica,
        clock=clock,
        events=events,
        log=graded_log,
    )
    gateway.listen(collector)
    shadow = None
    if feedback.shadow.share > 0:
        shadow = Shadow(
            settings=feedback.shadow,
            reference=next(pair for pair in pairs if pair.id == "dear"),
            engine=engine,
            feedback=collector,
            ledger=gateway.ledger,
            load=load,
            load_view=gateway.load_view,
            clock=clock,
            events=events,
            chance=chance,
        )
        gateway.listen(shadow)
    return GatewayUnderTest(
        gateway=gateway,
        feedback=collector,
        shadow=shadow,
        engine=engine,
        load=load,
        events=events,
        clock=clock,
        tokens=tokens,
        catalog=live,
    )


async def whole(under_test: GatewayUnderTest, request: InferenceRequest) -> dict[str, object]:
    async with under_test.gateway.answer(request) as answer:
        body: dict[str, object] = json.loads(await answer.whole())
        return body


def a_request(*, model: str = "auto", **changes: Any) -> InferenceRequest:
    body: dict[str, object] = {"model": model, "messages": [{"role": "user", "content": "Hi"}]}
    request = InferenceRequest(
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
    return replace(request, **changes)

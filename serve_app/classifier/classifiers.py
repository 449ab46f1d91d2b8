"""Who classifies a prompt: the heuristics, or a classifier elsewhere with a deadline.

Also picks the classifier that a replica of the classifier deployment runs.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import replace
from pathlib import Path
from typing import Literal

from serve_app.classifier.heuristics import classify_sync, clipped
from serve_app.classifier.success_model import load_success_model
from serve_app.core.breaker import Breaker, BreakerSettings
from serve_app.core.errors import ClassifierUnavailable, SuccessModelRefused
from serve_app.core.events import ClassifierMissed, ModelRefused
from serve_app.core.ports import Classifier, Clock, Events
from serve_app.core.request import Prompt, PromptClassification
from serve_app.package_files import locate

Miss = Literal["late", "down"]


class HeuristicClassifier:
    """Judges in this process, from the text alone.

    `instead_of` names what should have classified and cannot. Every origin includes it.
    """

    def __init__(self, *, instead_of: str | None = None) -> None:
        self._instead_of = instead_of

    async def classify(self, prompt: Prompt) -> PromptClassification:
        classification = classify_sync(prompt)
        if self._instead_of is None:
            return classification
        return replace(classification, origin=f"{classification.origin}: {self._instead_of}")


class CachedClassifier:
    """Asks `classifier` once for prompts that repeat; keeps the last `size` classifications.

    A prompt is kept with its classification: put it behind a `FallbackClassifier`, whose prompts
    are clipped, and only what the remote itself classified is remembered.
    """

    def __init__(self, classifier: Classifier, size: int) -> None:
        self._classifier = classifier
        self._size = size
        self._classified: OrderedDict[Prompt, PromptClassification] = OrderedDict()

    async def classify(self, prompt: Prompt) -> PromptClassification:
        if prompt in self._classified:
            self._classified.move_to_end(prompt)
            return self._classified[prompt]
        classification = await self._classifier.classify(prompt)
        self._classified[prompt] = classification
        if len(self._classified) > self._size:
            self._classified.popitem(last=False)
        return classification


class FallbackClassifier:
    """Asks `remote`; when it is late or down, `local` does it, and the origin names the cause.

    `remote` gets the prompt clipped: a long text is not sent for the little that is read of it.
    After `breaker.failures_to_open` misses in a row `remote` is skipped until the
    cool-down ends: then one request probes it while the others go on with `local`.
    """

    def __init__(
        self,
        *,
        remote: Classifier,
        local: Classifier,
        deadline_ms: float,
        events: Events,
        clock: Clock,
        breaker: BreakerSettings,
    ) -> None:
        self._remote = remote
        self._local = local
        self._deadline_s = deadline_ms / 1e3
        self._events = events
        self._clock = clock
        self._breaker = Breaker.closed(breaker)
        self._last_miss: Miss = "down"

    async def classify(self, prompt: Prompt) -> PromptClassification:
        now_s = self._clock.now()
        if not self._breaker.allows(now_s):
            self._events.emit(ClassifierMissed(reason=self._last_miss, asked=False))
            return await self._classify_here(prompt, self._last_miss)
        self._breaker = self._breaker.probing(now_s)
        try:
            async with asyncio.timeout(self._deadline_s):
                classification = await self._remote.classify(clipped(prompt))
        except TimeoutError:
            return await self._missed(prompt, "late")
        except ClassifierUnavailable:
            return await self._missed(prompt, "down")
        self._breaker = self._breaker.succeeded(self._clock.now())
        return classification

    async def _missed(self, prompt: Prompt, miss: Miss) -> PromptClassification:
        self._breaker = self._breaker.failed(self._clock.now())
        self._last_miss = miss
        self._events.emit(ClassifierMissed(reason=miss, asked=True))
        return await self._classify_here(prompt, miss)

    async def _classify_here(self, prompt: Prompt, miss: Miss) -> PromptClassification:
        classification = await self._local.classify(prompt)
        return replace(classification, origin=f"{classification.origin}: classifier {miss}")


def open_classifier(success_model: str | None, *, events: Events) -> Classifier:
    """The success model in that file; the heuristics without one, or where it is refused.

    An unusable file is logged once and fails no request: raising here would have Ray
    Serve start the replica again and again.
    """
    if success_model is None:
        return HeuristicClassifier()
    try:
        return load_success_model(Path(locate(success_model)), local=classify_sync)
    except SuccessModelRefused as exc:
        events.emit(ModelRefused(reason=str(exc)))
        return HeuristicClassifier(instead_of="success model refused")

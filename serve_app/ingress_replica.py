"""What runs inside an ingress replica: gateway, HTTP application and background tasks.

Picks the implementations of all ports, the machine's clock among them; the application around it
is wired in `app`.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from prometheus_client import CollectorRegistry
from starlette.applications import Starlette
from starlette.types import ASGIApp

from serve_app.api.app import create_app
from serve_app.api.time_limit import before_cut_s
from serve_app.background import is_cancelled, keep_running
from serve_app.classifier.classifiers import (
    CachedClassifier,
    FallbackClassifier,
    HeuristicClassifier,
)
from serve_app.core.breaker import BreakerSettings
from serve_app.core.errors import CatalogInvalid
from serve_app.core.events import CatalogRefused, SecretsExposed
from serve_app.feedback.collector import Feedback
from serve_app.feedback.graded_log import FileGradedLog
from serve_app.feedback.score_store import InMemoryScoreStore
from serve_app.feedback.shadow import Shadow
from serve_app.gateway.gateway import Gateway
from serve_app.package_files import locate
from serve_app.serving.fleet_actor import FleetLink, RayScoreStore
from serve_app.serving.fleet_engine import FleetEngine
from serve_app.serving.handles import HandleClassifier, warm_up
from serve_app.serving.ingress import ReplicaContext
from serve_app.serving.replicas import watch_replicas
from serve_app.settings import AppArgs, tokenizer_file
from serve_app.settings.plain_secrets import plain_secrets
from serve_app.settings.policy import user_config_policy
from serve_app.settings.secrets import resolved_address
from serve_app.state.live_catalog import LiveCatalog
from serve_app.state.load import ENDPOINT, LoadTracker
from serve_app.store.open_store import open_store
from serve_app.store.watch import CatalogWatch
from serve_app.telemetry.log_events import FanOut, LogEvents, log_to_stderr
from serve_app.telemetry.request_metrics import PrometheusEvents
from serve_app.tokens.counter import EstimatingCounter, HfTokenCounter

CACHED_PROMPTS = 1024
# A probe costs a request nothing but the wait that it has anyway.
CLASSIFIER_BREAKER = BreakerSettings(half_open_probes=1, slow_start_s=0)
logger = logging.getLogger("serve_app")


class MonotonicClock:
    """A `Clock` that never goes back."""

    def now(self) -> float:
        return time.monotonic()


class BackgroundEndedError(RuntimeError):
    """A background task of the ingress ended; the replica should be replaced."""


class IngressReplica:
    """Gateway and HTTP application of one ingress replica, with the tasks that feed them."""

    def __init__(self, settings: AppArgs, context: ReplicaContext) -> None:
        log_to_stderr(logger, settings.log_level)
        registry = CollectorRegistry()
        metrics = PrometheusEvents(registry)
        events = FanOut(metrics, LogEvents(logger))
        clock = MonotonicClock()
        self._settings = settings
        self._events = events
        self._context = context
        if exposed := plain_secrets(settings):
            events.emit(SecretsExposed(fields=exposed))
        self._store = open_store(resolved_address(settings.store.url))
        self._fallback = open_store(locate(resolved_address(settings.store.fallback_url)))
        pairs = settings.deployed
        catalog = LiveCatalog(clock, events, policy=settings.routing.policy, pairs=pairs)
        self._catalog = catalog
        self._watch = CatalogWatch(
            self._store,
            catalog,
            fleet=[pair.id for pair in pairs],
            events=events,
            fallback=self._fallback,
        )
        self._load = LoadTracker(pairs, dict.fromkeys((p.id for p in settings.endpoints), ENDPOINT))
        self._failed = False
        self._graded_log = _graded_log(settings, context.replica)
        self._engine = engine = FleetEngine(
            context.pairs, applications=settings.applications, endpoints=settings.endpoints
        )
        tokenizer = tokenizer_file(settings)
        self._gateway = Gateway(
            pairs=pairs,
            engine=engine,
            classifier=FallbackClassifier(
                remote=CachedClassifier(HandleClassifier(context.classifier), CACHED_PROMPTS),
                local=HeuristicClassifier(),
                deadline_ms=settings.classifier.deadline_ms,
                events=events,
                clock=clock,
                breaker=CLASSIFIER_BREAKER,
            ),
            tokens=EstimatingCounter() if tokenizer is None else HfTokenCounter(tokenizer),
            catalog=catalog,
            load=self._load,
            settings=settings.routing,
            clock=clock,
            events=events,
            ids=lambda: uuid.uuid4().hex,
            longest_answer_ms=_longest_answer_s(settings, context.request_timeout_s) * 1e3,
        )
        actor = context.fleet_actor
        store = InMemoryScoreStore(settings.feedback, clock.now)
        self._feedback = Feedback(
            store=RayScoreStore(actor) if actor is not None else store,
            catalog=catalog,
            settings=settings.feedback,
            replica=context.replica,
            clock=clock,
            events=events,
            log=self._graded_log,
        )
        self._gateway.listen(self._feedback)
        self._shadow = None
        if settings.feedback.shadow.share > 0:
            reference = settings.feedback.shadow.reference_pair or settings.routing.reference_pair
            self._shadow = Shadow(
                settings=settings.feedback.shadow,
                reference=next(pair for pair in pairs if pair.id == reference),
                engine=engine,
                feedback=self._feedback,
                ledger=self._gateway.ledger,
                load=self._load,
                load_view=self._gateway.load_view,
                clock=clock,
                events=events,
                chance=random.random,
            )
            self._gateway.listen(self._shadow)
        self._app = create_app(
            self._gateway,
            self._feedback,
            settings=settings.ingress,
            replica=context.replica,
            exposition=metrics.exposition,
            lifespan=self._lifespan,
            answer_request_id=False,  # Ray Serve does
        )

    @property
    def asgi(self) -> ASGIApp:
        return self._app

    def reconfigure(self, user_config: object) -> None:
        """Uses the policy of `user_config` over that of `args`, where nothing is published.

        A policy that cannot be used is logged and changes nothing: an error would stop the replica.
        """
        try:
            stated = user_config_policy(user_config)
            start = self._settings.routing.policy.amended(stated, None)
            self._catalog.set_policy(start)
        except CatalogInvalid as exc:
            self._events.emit(CatalogRefused(reason=str(exc)))

    def check(self) -> None:
        if self._failed:
            raise BackgroundEndedError("a background task of this ingress replica has ended")

    @asynccontextmanager
    async def _lifespan(self, _app: Starlette) -> AsyncIterator[None]:
        context = self._context
        jobs: dict[str, Callable[[], Awaitable[None]]] = {
            "catalog": self._watch.run,
            "feedback": self._feedback.run,
        }
        if self._shadow is not None:
            jobs["shadow"] = self._shadow.run
        poll = partial(
            watch_replicas,
            context.app_name,
            self._settings.max_replicas,
            self._load.set_replicas,
            applications=self._settings.applications,
        )
        if context.fleet_actor is None:
            jobs["replicas"] = poll
        else:
            link = FleetLink(
                context.fleet_actor, context.replica, self._load, self._gateway.breakers
            )
            jobs |= {"fleet link": link.run, "replicas": partial(poll, link.needs_own_poll)}
        try:
            async with asyncio.TaskGroup() as tasks:
                running = [tasks.create_task(self._kept(*each)) for each in jobs.items()]
                warming = partial(warm_up, HandleClassifier(context.classifier))
                running.append(tasks.create_task(keep_running("warm-up", warming)))
                await self._watch.settled()
                yield
                for task in running:
                    task.cancel()
        finally:
            await self._store.close()
            await self._fallback.close()
            await self._engine.close()
            if self._graded_log is not None:
                self._graded_log.close()

    async def _kept(self, name: str, job: Callable[[], Awaitable[None]]) -> None:
        """Keeps a task running. One that ends before the replica does fails the health check."""
        try:
            await keep_running(name, job)
        finally:
            self._failed = self._failed or not is_cancelled()


def _longest_answer_s(settings: AppArgs, request_timeout_s: float | None) -> float:
    """Where Ray Serve cuts requests off earlier, the router ends them a moment before."""
    if request_timeout_s is None:
        return settings.longest_answer_s
    return min(settings.longest_answer_s, before_cut_s(request_timeout_s))


def _graded_log(settings: AppArgs, replica: str) -> FileGradedLog | None:
    feedback = settings.feedback
    if feedback.log is None:
        return None
    return FileGradedLog(
        Path(feedback.log), replica, max_bytes=feedback.log_max_bytes, files=feedback.log_files
    )

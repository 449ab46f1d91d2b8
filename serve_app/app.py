"""The composition root: `AppArgs` in, a Ray Serve application out."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import Any

from ray.serve.deployment import Application

from serve_app.classifier.classifiers import open_classifier
from serve_app.core.ports import Classifier
from serve_app.ingress_replica import IngressReplica
from serve_app.serving.classifier import build_classifier
from serve_app.serving.fleet_actor import build_fleet_actor
from serve_app.serving.ingress import build_ingress
from serve_app.serving.llm_config import autoscaling
from serve_app.settings import (
    AppArgs,
    ClassifierSettings,
    IngressSettings,
    PairSettings,
    local_checkpoint,
    parse_args,
)
from serve_app.telemetry.log_events import LogEvents, log_to_stderr

__all__ = ["build_app", "wire", "wire_classifier"]

PairBuilder = Callable[[PairSettings, str], Application]


def build_app(args: dict[str, Any]) -> Application:
    """The application of `serve_config.yaml`. Raises `SettingsError` before any engine loads."""
    settings = parse_args(args)
    # vLLM and torch take seconds and a gigabyte to import: only this builder and the pairs do.
    from serve_app.serving.pair import build_pair

    return wire(settings, build_pair)


def wire(settings: AppArgs, build_pair: PairBuilder) -> Application:
    """Classifier, one deployment per pair and the ingress, bound with deployment handles."""
    several = settings.ingress.replicas.max > 1
    return build_ingress(
        partial(IngressReplica, settings),
        pairs={
            pair.id: build_pair(pair, local_checkpoint(pair.checkpoint))
            for pair in settings.composed
        },
        classifier=wire_classifier(settings),
        fleet_actor=(
            build_fleet_actor(settings.max_replicas, settings.feedback, settings.applications)
            if several
            else None
        ),
        options={
            **_options(settings, settings.ingress),
            "max_ongoing_requests": settings.ingress.max_ongoing_requests,
        },
    )


def wire_classifier(settings: AppArgs) -> Application:
    """The classifier deployment alone."""
    classifier = settings.classifier
    return build_classifier(
        partial(_classifier, classifier.success_model, settings.log_level),
        _options(settings, classifier),
    )


def _classifier(success_model: str | None, log_level: str) -> Classifier:
    """Runs inside the replica."""
    logger = logging.getLogger("serve_app")
    log_to_stderr(logger, log_level)
    return open_classifier(success_model, events=LogEvents(logger))


def _options(settings: AppArgs, of: IngressSettings | ClassifierSettings) -> dict[str, Any]:
    replicas = of.replicas
    count = (
        {"num_replicas": replicas.max}
        if replicas.min == replicas.max
        else {"autoscaling_config": autoscaling(replicas)}
    )
    return {
        **count,
        "ray_actor_options": {"num_cpus": of.cpus},
        "max_ongoing_requests": 1024,
        "graceful_shutdown_timeout_s": settings.drain_s(of),
    }

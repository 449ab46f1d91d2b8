"""Facts that somebody may have to act on, as one JSON object per log line; never a prompt.

`FanOut` gives the same facts to several sinks.
"""

from __future__ import annotations

import json
import logging
import sys

from serve_app.core.events import (
    AttemptFailed,
    CatalogRefused,
    CatalogSwapped,
    ClassifierMissed,
    Event,
    ModelRefused,
    PoisonFound,
    Routed,
    SecretsExposed,
    StoreLost,
)
from serve_app.core.ports import Events
from serve_app.settings.plain_secrets import ADVICE


def log_to_stderr(logger: logging.Logger, level: str) -> None:
    """Past Ray Serve's own log, which holds lines back until a thousand have come."""
    handler = logging.StreamHandler(sys.__stderr__)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logger.addHandler(handler)
    logger.setLevel(level)
    logger.propagate = False


class LogEvents:
    """An `Events` that writes to a stdlib logger; what is normal per request is left to metrics."""

    def __init__(self, logger: logging.Logger) -> None:
        self._logger = logger

    def emit(self, event: Event) -> None:
        match event:
            case CatalogRefused(reason=reason):
                self._write(logging.ERROR, "catalog_refused", reason=reason)
            case StoreLost(reason=reason):
                self._write(logging.WARNING, "store_lost", reason=reason)
            case SecretsExposed(fields=fields):
                self._write(
                    logging.WARNING, "secrets_exposed", fields=", ".join(fields), advice=ADVICE
                )
            case CatalogSwapped():
                self._swapped(event)
            case AttemptFailed():
                self._write(
                    logging.WARNING,
                    "attempt_failed",
                    pair=event.pair,
                    reason=event.reason,
                    detail=event.detail,
                    elapsed_ms=round(event.elapsed_ms, 1),
                )
            case PoisonFound():
                self._write(
                    logging.ERROR,
                    "poison_request",
                    decision=event.decision,
                    pairs=", ".join(event.pairs),
                    detail=event.detail,
                )
            # One line for each time it was asked in vain, not for each request of an outage.
            case ClassifierMissed(reason=reason, asked=True):
                self._write(logging.WARNING, "classifier_missed", reason=reason)
            case ModelRefused(reason=reason):
                self._write(logging.ERROR, "success_model_refused", reason=reason)
            case Routed(decision=decision) if decision.fallback is not None:
                self._write(
                    logging.ERROR,
                    "fallback_used",
                    decision=decision.id,
                    pair=decision.chosen,
                    reason=decision.fallback,
                )

    def _swapped(self, event: CatalogSwapped) -> None:
        version = event.version
        self._write(
            logging.INFO,
            "catalog_swapped",
            version=version,
            pairs=event.pairs,
            policy=event.policy,
        )
        if event.switched_off:
            off = ", ".join(event.switched_off)
            self._write(logging.WARNING, "pairs_switched_off", policy=event.policy, pairs=off)
        if event.published:
            pairs = ", ".join(event.published)
            self._write(logging.WARNING, "published_profiles", version=version, pairs=pairs)

    def _write(self, level: int, name: str, **fields: str | float | None) -> None:
        if self._logger.isEnabledFor(level):
            self._logger.log(level, "%s", json.dumps({"event": name, **fields}))


class FanOut:
    """An `Events` that hands each fact to every sink, in their order."""

    def __init__(self, *sinks: Events) -> None:
        self._sinks = sinks

    def emit(self, event: Event) -> None:
        for sink in self._sinks:
            sink.emit(event)

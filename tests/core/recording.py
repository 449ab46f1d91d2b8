"""Recorded decisions: what came in and what was decided, as plain JSON.

The file knows fields by their names and nothing of modules or classes. Its first line holds what
many decisions share. Every other line is one decision.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from serve_app.core.catalog import Catalog
from serve_app.core.decide import decide
from serve_app.core.decision import Candidate, Decision
from serve_app.core.fleet import Load, Pair
from serve_app.core.policy import Policy
from serve_app.core.profile import Correction
from serve_app.core.request import Constraints, Features, PromptForm, Task
from serve_app.store.codec import decode_catalog

RECORDING = Path(__file__).with_name("recorded_decisions.jsonl.gz")
PREDICTED = (
    *("ttft_ms", "total_ms", "wait_ms", "first_text_p50_ms"),
    *("cost_usd", "accuracy", "accuracy_lower"),
    *("prompt_tokens", "output_tokens", "concurrency", "origin"),
)
TERMS = ("accuracy", "latency", "cost")
MOVED = ("mean", "lower")

Plain = dict[str, Any]


class Recorded(BaseModel):
    """What the file holds. A field that no class knows any more is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Moved(Recorded):
    """What feedback has moved."""

    pair: str
    task: Task
    mean: float
    lower: float


class Added(Recorded):
    """What a pair's template adds to prompts of one form."""

    pair: str
    form: PromptForm
    tokens: float


class Asked(Recorded):
    """What one decision is made of. `fleet` and `policy` are names of what is shared.

    `pairs` are those that may serve, in the order in which they are given.
    """

    fleet: str
    policy: str
    pairs: tuple[str, ...]
    features: Features
    constraints: Constraints
    load: dict[str, Load]
    corrections: tuple[Moved, ...]
    added_tokens: tuple[Added, ...]
    time_left_ms: float | None


class Shared(Recorded):
    """Catalogs as they are published, and the pairs of each fleet, by the fleet's name."""

    catalogs: dict[str, Plain]
    pairs: dict[str, tuple[Pair, ...]]
    policies: dict[str, Policy]


class Replay:
    """Decides again."""

    def __init__(self, shared: Plain) -> None:
        read = Shared.model_validate(shared)
        self._policies = read.policies
        self._pairs = {
            fleet: {pair.id: pair for pair in pairs} for fleet, pairs in read.pairs.items()
        }
        self._catalogs = {
            fleet: decode_catalog(json.dumps(published), f"recorded catalog {fleet}")
            for fleet, published in read.catalogs.items()
        }

    def decision(self, asked: Plain) -> Plain:
        """What is decided now, in the form of the recording."""
        read = Asked.model_validate(asked)
        decision = decide(
            decision_id="recorded",
            features=read.features,
            constraints=read.constraints,
            pairs=[self._pairs[read.fleet][pair] for pair in read.pairs],
            catalog=self._catalog(read),
            load=read.load,
            policy=self._policies[read.policy],
            time_left_ms=read.time_left_ms,
        )
        return _plain_decision(decision)

    def _catalog(self, asked: Asked) -> Catalog:
        return replace(
            self._catalogs[asked.fleet],
            corrections={
                (moved.pair, moved.task): Correction(mean=moved.mean, lower=moved.lower)
                for moved in asked.corrections
            },
            added_tokens={(added.pair, added.form): added.tokens for added in asked.added_tokens},
        )


def write_recording(path: Path, lines: Iterable[Plain]) -> None:
    """The same lines always give the same bytes."""
    text = "".join(f"{json.dumps(line, allow_nan=False)}\n" for line in lines)
    path.write_bytes(gzip.compress(text.encode(), mtime=0))


def read_recording(path: Path) -> tuple[Plain, list[Plain]]:
    """What is shared, and the recorded decisions in their order."""
    shared, *decisions = gzip.decompress(path.read_bytes()).decode().splitlines()
    return json.loads(shared), [json.loads(line) for line in decisions]


def differences(before: Any, now: Any, place: str = "") -> Iterator[str]:
    """Each number or name that is not what was recorded, with the place where it stands."""
    if isinstance(before, dict) and isinstance(now, dict) and before.keys() == now.keys():
        for key in before:
            yield from differences(before[key], now[key], f"{place}.{key}" if place else key)
    elif isinstance(before, list) and isinstance(now, list) and len(before) == len(now):
        for index, (old, new) in enumerate(zip(before, now, strict=True)):
            yield from differences(old, new, f"{place}[{index}]")
    elif before != now:
        yield f"{place}: recorded {before!r}, now {now!r}"


def _plain_decision(decision: Decision) -> Plain:
    """All but the words, which may change."""
    return {
        "chosen": decision.chosen,
        "refusal": decision.refusal,
        "infeasible": list(decision.infeasible),
        "to_try": [candidate.pair for candidate in decision.candidates],
        "ranked": [_plain_candidate(candidate) for candidate in decision.ranked],
        "best_effort": [_plain_candidate(candidate) for candidate in decision.best_effort],
        "rejected": [{"pair": failed.pair, "rule": failed.rule} for failed in decision.rejected],
        "catalog_version": decision.catalog_version,
    }


def _plain_candidate(candidate: Candidate) -> Plain:
    prediction = _fields(candidate.prediction, PREDICTED)
    if prediction is not None and candidate.prediction is not None:
        prediction["feedback"] = _fields(candidate.prediction.feedback, MOVED)
    return {
        "pair": candidate.pair,
        "utility": candidate.utility,
        "violates": list(candidate.violates),
        "terms": _fields(candidate.terms, TERMS),
        "prediction": prediction,
    }


def _fields(value: object | None, names: tuple[str, ...]) -> Plain | None:
    return None if value is None else {name: getattr(value, name) for name in names}

"""Records decisions anew: `python -m tests.core.record_decisions`, from the repository's root.

Run it only where decisions are meant to change, and say in the commit why they do.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import exp, log
from random import Random
from typing import get_args

from serve_app.core.fleet import Pair
from serve_app.core.request import Capability, Preset, PromptForm, Task
from tests.core.recorded_fleets import SEED, Fleet, fleets, shared
from tests.core.recording import RECORDING, Plain, Replay, write_recording

DECISIONS = 200
LOADS = ("idle", "busy", "queued", "cold", "starting", "broken", "none", "unknown")
MOODS = (*("idle", "busy") * 3, "queued", "cold", "mixed", "mixed", "mixed", "none", "broken")
NEEDS: tuple[tuple[Capability, ...], ...] = (
    *((),) * 10,
    *(("tools",), ("json_schema",), ("logprobs",), ("json_schema", "tools")),
)
# A bound is this share of what some pair is predicted: out of reach, missed, just met or met.
SHARES = (0.01, 0.7, 1.0, 1.0, 1.2, 1.5, 3.0)


def record() -> Iterator[Plain]:
    random, all_fleets = Random(SEED), fleets()
    opening = shared(all_fleets)
    yield opening
    # Apart, so that other fields stay as they were before there were deadlines.
    deadlines = Random(SEED + 2)
    replay, names = Replay(opening), [*all_fleets, "varied"]
    for number in range(1, DECISIONS + 1):
        name = names[number % len(names)]
        asked = _asked(name, all_fleets[name], random)
        asked["constraints"] |= _bounds(replay.decision(asked), random)
        asked["features"]["stream"] = deadlines.random() < 0.5
        asked["time_left_ms"] = _time_left_ms(replay.decision(asked), deadlines)
        yield {"number": number, "asked": asked, "decision": replay.decision(asked)}


def _asked(name: str, fleet: Fleet, random: Random) -> Plain:
    """One request without bounds."""
    pairs, policy = _aimed(fleet, random)
    ids = [pair.id for pair in pairs]
    features = _features(ids, random)
    if pairs and random.random() < 0.1:
        # A prompt that just fits some pair, or just does not.
        features["prompt_tokens"] = pairs[0].context_window - random.choice((0, 1, 16))
        features["max_tokens"] = random.choice((None, 16))
    form, task = features["form"], features["classification"]["task"]
    mood = random.choice(MOODS)
    load = {pair.id: _load(mood, pair.max_concurrency, random) for pair in pairs}
    return {
        "fleet": name,
        "policy": f"{name} {policy}",
        "pairs": ids,
        "features": features,
        "constraints": {
            "deadline_quantile": random.choice((0.5, 0.9, 0.95, 0.95, 0.99)),
            "preset": random.choice(get_args(Preset)),
            "on_infeasible": random.choice(("best_effort", "best_effort", "refuse")),
        },
        "load": {id: state for id, state in load.items() if state is not None},
        "corrections": [
            {"pair": id, "task": task, "mean": _near(0.1, random), "lower": _near(0.1, random)}
            for id in _some(ids, 0.15, random)
        ],
        "added_tokens": [
            {"pair": id, "form": form, "tokens": _near(40, random)}
            for id in _some(ids, 0.25, random)
        ],
        "time_left_ms": None,
    }


def _aimed(fleet: Fleet, random: Random) -> tuple[list[Pair], str]:
    """Whom the request may go to, in any order, and the policy's name."""
    *usual, pinned = fleet.policies
    pairs, policy = random.sample(fleet.pairs, len(fleet.pairs)), random.choice(usual)
    aim = random.random()
    if aim < 0.06:
        # Nobody in a fleet that is all measured.
        return [pair for pair in pairs if pair.id not in fleet.catalog.profiles], policy
    if aim < 0.14:
        return pairs[:1], pinned
    if aim < 0.3:
        return [pair for pair in pairs if pair.model == pairs[0].model], policy
    return pairs, policy


def _features(ids: list[str], random: Random) -> Plain:
    length = _spread(4, 600, random)
    classified = {id: sorted(round(random.uniform(0.2, 1.0), 4) for _ in "ab") for id in ids}
    known = [] if random.random() < 0.6 else _some(ids, 0.9, random)
    return {
        "prompt_tokens": _spread(5, 9_000, random),
        "max_tokens": random.choice((None, None, 16, 256, 1_024)),
        "needs": list(random.choice(NEEDS)),
        "form": random.choice(get_args(PromptForm)),
        "classification": {
            "task": random.choice(get_args(Task)),
            "task_confidence": round(random.uniform(0.4, 1.0), 4),
            "difficulty": round(random.random(), 4),
            "output_tokens_p50": length,
            "output_tokens_p95": round(length * random.choice((1, 1.5, 3))),
            "numeric_share": random.choice((0.0, 0.0, 0.05, 0.15, 0.3, 0.45)),
            "origin": "success model" if known else "heuristics",
            "success": {
                id: {"lower": classified[id][0], "mean": classified[id][1]} for id in known
            },
        },
    }


def _load(mood: str, slots: int, random: Random) -> Plain | None:
    """A pair's state, `None` where nothing is known of it. One in six has a mood of its own."""
    if mood == "mixed" or random.random() < 1 / 6:
        mood = random.choice(LOADS)
    ready = random.randint(1, 3)
    states: dict[str, Plain] = {
        "idle": {"ready_replicas": 1},
        "busy": {"ready_replicas": ready, "in_flight": random.randint(1, ready * slots - 1)},
        "queued": {"ready_replicas": ready, "in_flight": random.randint(1, 3) * ready * slots},
        "cold": {"ready_replicas": 0, "max_replicas": 2},
        "starting": {"ready_replicas": 0, "starting_replicas": 1, "in_flight": 2},
        "broken": {"ready_replicas": 1, "max_replicas": 2, "breaker_open": True},
        "none": {"ready_replicas": 0, "max_replicas": 0},
    }
    return states.get(mood)


def _bounds(unbound: Plain, random: Random) -> Plain:
    """Bounds near what some pair is predicted, so that they part the pairs."""
    fields = {
        "latency_budget_ms": "total_ms",
        "ttft_budget_ms": "ttft_ms",
        "min_accuracy": "accuracy_lower",
        "max_cost_usd": "cost_usd",
    }
    predictions = [c["prediction"] for c in unbound["ranked"] if c["prediction"] is not None]
    bounds: Plain = {}
    for bound in _some(fields, random.choice((0.0, 0.3, 0.3, 0.5)), random):
        near = random.choice(predictions)[fields[bound]] if predictions else 0.5
        value = near * random.choice(SHARES)
        if bound == "min_accuracy":
            bounds[bound] = min(1.0, near / random.choice(SHARES[1:]))
        elif value > 0.0:
            bounds[bound] = value
    return bounds


def _time_left_ms(unbound: Plain, random: Random) -> float | None:
    """For one request in four, near the time of some pair."""
    candidates = unbound["ranked"] + unbound["best_effort"]
    predictions = [c["prediction"] for c in candidates if c["prediction"] is not None]
    if random.random() < 0.75 or not predictions:
        return None
    near: float = random.choice(predictions)["first_text_p50_ms"]
    return near * random.choice(SHARES)


def _some(names: Iterable[str], share: float, random: Random) -> list[str]:
    return [name for name in names if random.random() < share]


def _spread(least: int, most: int, random: Random) -> int:
    """Short more often than long."""
    return round(exp(random.uniform(log(least), log(most))))


def _near(most: float, random: Random) -> float:
    return round(random.uniform(-most, most), 4)


if __name__ == "__main__":
    write_recording(RECORDING, record())

"""How long one decision takes, over requests and loads that differ from call to call."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle, islice
from random import Random
from statistics import quantiles
from time import perf_counter_ns, thread_time_ns
from typing import get_args

from serve_app.core.decide import decide
from serve_app.core.fleet import Load, LoadView, Pair
from serve_app.core.request import Constraints, Features, Preset, PromptClassification, Task
from serve_app.testing.synthetic_fleet import Fleet, synthetic_fleet

DISTINCT_REQUESTS = 512
WARM_UP_ROUNDS = 500
TIME_LEFT_MS = 60_000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DecideBench:
    """Wall time of one call of `decide`, garbage collection included.

    `cpu_p50_us` and `cpu_p99_us` are processor time, which does not count the turns that other
    processes on a busy machine take.
    """

    pairs: int
    rounds: int
    p50_us: float
    p99_us: float
    cpu_p50_us: float
    cpu_p99_us: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One request at one moment."""

    features: Features
    constraints: Constraints
    load: LoadView


def run(*, pairs: int = 8, rounds: int = 20_000) -> DecideBench:
    """Times `rounds` decisions among `pairs` pairs."""
    random = Random(0)
    fleet = synthetic_fleet(pairs, random)
    cases = [_case(fleet.pairs, random) for _ in range(DISTINCT_REQUESTS)]
    _timings(fleet, islice(cycle(cases), WARM_UP_ROUNDS))
    wall_ns, cpu_ns = _timings(fleet, islice(cycle(cases), rounds))
    wall, cpu = quantiles(wall_ns, n=100), quantiles(cpu_ns, n=100)
    return DecideBench(
        pairs=pairs,
        rounds=rounds,
        p50_us=wall[49] / 1e3,
        p99_us=wall[98] / 1e3,
        cpu_p50_us=cpu[49] / 1e3,
        cpu_p99_us=cpu[98] / 1e3,
    )


def report(result: DecideBench) -> str:
    return (
        f"decide, {result.pairs} pairs, {result.rounds} rounds: "
        f"p50 {result.p50_us:.1f} us, p99 {result.p99_us:.1f} us; "
        f"processor time p50 {result.cpu_p50_us:.1f} us, p99 {result.cpu_p99_us:.1f} us"
    )


def _timings(fleet: Fleet, cases: Iterator[Case]) -> tuple[list[int], list[int]]:
    """Wall and processor nanoseconds of each decision."""
    wall_ns, cpu_ns = [], []
    for case in cases:
        cpu_started, started = thread_time_ns(), perf_counter_ns()
        decide(
            decision_id="bench",
            features=case.features,
            constraints=case.constraints,
            pairs=fleet.pairs,
            catalog=fleet.catalog,
            load=case.load,
            policy=fleet.policy,
            time_left_ms=TIME_LEFT_MS,
        )
        wall_ns.append(perf_counter_ns() - started)
        cpu_ns.append(thread_time_ns() - cpu_started)
    return wall_ns, cpu_ns


def _case(pairs: tuple[Pair, ...], random: Random) -> Case:
    length = random.randint(16, 400)
    return Case(
        features=Features(
            prompt_tokens=random.randint(20, 3_000),
            max_tokens=random.choice((None, 256, 1_024)),
            needs=frozenset(),
            classification=PromptClassification(
                task=random.choice(get_args(Task)),
                task_confidence=0.8,
                difficulty=random.random(),
                output_tokens_p50=length,
                output_tokens_p95=3 * length,
                numeric_share=random.random() * 0.4,
                origin="bench",
            ),
        ),
        constraints=Constraints(
            latency_budget_ms=random.choice((None, 2_000.0, 5_000.0, 20_000.0)),
            min_accuracy=random.choice((None, 0.6, 0.8, 0.9)),
            max_cost_usd=random.choice((None, None, 0.001)),
            deadline_quantile=random.choice((0.5, 0.95, 0.99)),
            preset=random.choice(get_args(Preset)),
        ),
        # One pair in eight is cold; the others run from idle to past their slots.
        load={
            pair.id: Load(
                ready_replicas=random.choice((0, 1, 1, 1, 1, 2, 2, 3)),
                max_replicas=3,
                in_flight=random.randint(0, 40),
            )
            for pair in pairs
        },
    )

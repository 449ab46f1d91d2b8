"""What was measured of one pair, before it is fitted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from profiles.evaluation import Outcome
from profiles.evaluation.evaluate import Accuracy
from profiles.profiling.engine import EngineSpec
from profiles.profiling.point import Point
from serve_app.core.profile import Difficulty, Memory, TaskAccuracy


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """All figures of one pair, by one engine on one machine."""

    spec: EngineSpec
    engine_version: str
    machine: str
    points: tuple[Point, ...]
    memory: Memory
    cold_start_s: float
    outcomes: tuple[Outcome, ...]
    accuracy: Accuracy
    accuracy_by_difficulty: Mapping[Difficulty, TaskAccuracy]
    benchmarks: Mapping[str, TaskAccuracy]
    tokens_ratio: float

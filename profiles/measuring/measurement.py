"""What was measured of one pair, before it is fitted."""

from __future__ import annotations

from dataclasses import dataclass

from profiles.evaluation.run import Accuracy
from profiles.measuring.engine import EngineSpec
from profiles.measuring.loadgen import Point
from serve_app.core.profile import Memory


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """All figures of one pair, by one engine on one machine."""

    spec: EngineSpec
    engine_version: str
    points: tuple[Point, ...]
    memory: Memory
    cold_start_s: float
    accuracy: Accuracy
    tokens_ratio: float

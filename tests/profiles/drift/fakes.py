"""A profiler and a golden gate that say what a test tells them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from profiles.errors import MeasurementUnusable
from profiles.profiling.engine import EngineSpec
from profiles.profiling.profiler import Failed, FleetRun, Written
from serve_app.core.profile import GoldenResult, Profile

PASSED = GoldenResult(passed=True, date="2026-01-01", checks=9)


class ScriptedProfiler:
    """Gives each pair the profile it was told, and fails the others with a cause."""

    def __init__(self, *profiles: Profile, folder: Path, failed: tuple[Failed, ...] = ()) -> None:
        self._profiles = profiles
        self._folder = folder
        self._failed = failed

    async def measure(self, specs: Sequence[EngineSpec]) -> FleetRun:
        written = tuple(
            Written(path=self._folder / f"{p.pair}.json", profile=p) for p in self._profiles
        )
        return FleetRun(written=written, failed=self._failed)


class ScriptedGate:
    """Passes every pair but those it was given a verdict for, or told not to judge."""

    def __init__(
        self, verdicts: dict[str, GoldenResult] | None = None, *, broken: tuple[str, ...] = ()
    ) -> None:
        self._verdicts = verdicts or {}
        self._broken = broken
        self.judged: list[tuple[str, str | None]] = []

    async def judge(self, spec: EngineSpec, parent: EngineSpec | None) -> GoldenResult:
        self.judged.append((spec.pair.id, parent.pair.id if parent else None))
        if spec.pair.id in self._broken:
            raise MeasurementUnusable("the engine did not load")
        return self._verdicts.get(spec.pair.id, PASSED)

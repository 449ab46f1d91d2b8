"""The steps of a weekly run: the profiler, and the golden gate for one pair after the other."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from profiles.errors import MeasurementUnusable
from profiles.profiling.engine import EngineSpec
from profiles.profiling.profiler import FleetRun, ProfilingPlan, profile_fleet
from profiles.profiling.progress import run_progress
from profiles.validation.checkpoint import NoCheckpoint
from profiles.validation.claims import claim_of
from profiles.validation.probe_cache import ProbeCache
from profiles.validation.probe_set import read_probes
from profiles.validation.validate import ParentIncomplete, Validation, validate
from profiles.validation.verdict import golden_result
from serve_app.core.profile import GoldenResult


class GoldenGate:
    """A `Gate` with the default thresholds; `place` takes logs and the parents' probes."""

    def __init__(self, place: Path) -> None:
        self._place = place

    async def judge(self, spec: EngineSpec, parent: EngineSpec | None) -> GoldenResult:
        scratch = self._place / "logs"
        scratch.mkdir(parents=True, exist_ok=True)
        asked = Validation(
            candidate=spec,
            parent=parent,
            claim=claim_of(spec.pair.quantization),
            probe_set=read_probes(),
            scratch=scratch,
            cache=ProbeCache(self._place / "probes"),
        )
        try:
            verdict = await validate(asked, progress=lambda step, done, of: None)
        except (NoCheckpoint, ParentIncomplete) as exc:
            raise MeasurementUnusable(str(exc)) from exc
        date = datetime.now(UTC).isoformat(timespec="seconds")
        return golden_result(verdict, date=date, checkpoint=spec.checkpoint_name)


class FleetProfiler:
    """A `Profiler` that starts each pair's engine and measures it as planned."""

    def __init__(self, plan: ProfilingPlan) -> None:
        self._plan = plan

    async def measure(self, specs: Sequence[EngineSpec]) -> FleetRun:
        with run_progress(len(specs)) as progress:
            return await profile_fleet(specs, self._plan, progress=progress)

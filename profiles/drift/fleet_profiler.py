"""The profiler, for a run that is told its plan once."""

from __future__ import annotations

from collections.abc import Sequence

from profiles.measuring.engine import EngineSpec
from profiles.measuring.profiler import FleetRun, ProfilingPlan, profile_fleet
from profiles.measuring.progress import run_progress


class FleetProfiler:
    """A `Profiler` that starts each pair's engine and measures it as planned."""

    def __init__(self, plan: ProfilingPlan) -> None:
        self._plan = plan

    async def measure(self, specs: Sequence[EngineSpec]) -> FleetRun:
        with run_progress(len(specs)) as progress:
            return await profile_fleet(specs, self._plan, progress=progress)

"""Profiles a fleet, pair after pair; one pair's failure is a line at the end, not the end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import httpx2

from profiles.errors import EngineDidNotLoad, ProfilingError
from profiles.evaluation import write_outcomes
from profiles.processes.process_group import end_on_every_signal
from profiles.profiling.engine import EngineSpec
from profiles.profiling.fit import fit_profile
from profiles.profiling.measure import PairPlan, measure_pair
from profiles.profiling.profile_file import (
    kept_failure,
    outcomes_path,
    parent_outcomes,
    profile_path,
    raw_folder,
    read_profile,
    sole_profiler,
    write_profile,
)
from profiles.profiling.progress import RunProgress
from profiles.profiling.run_folder import Manifest, RunFolder, file_stamps, run_settings
from serve_app.core.errors import CatalogError
from serve_app.core.profile import Profile, Provenance

UTILIZATION = 0.6


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A pair that now has a profile."""

    path: Path
    profile: Profile


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """A pair without a new profile, and why, in one line.

    `log_tail` is the end of the log of an engine that did not load.
    """

    pair: str
    cause: str
    log_tail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetRun:
    """What became of every pair."""

    written: tuple[Written, ...]
    failed: tuple[Failed, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfilingPlan:
    """How pairs are measured and where results go.

    Profiles become `out/<model>/<pair>@<accelerator>.json`; raw results stay in `raw/<pair>/`, and
    with `resume` what is there already is not measured again. `command` is what a profile names
    as its origin, `questions` what the graded items are called there.
    """

    out: Path
    raw: Path
    measured: PairPlan
    questions: str
    command: str
    resume: bool = False
    utilization: float = UTILIZATION


async def profile_fleet(
    specs: Sequence[EngineSpec], plan: ProfilingPlan, *, progress: RunProgress
) -> FleetRun:
    """Measures and writes every pair's profile, going on with the others when one fails.

    Unquantized parents go first, so that the others can be compared with them.
    """
    end_on_every_signal()
    written: list[Written] = []
    failed: list[Failed] = []
    for spec in sorted(specs, key=lambda spec: spec.parent is not None):
        try:
            result = await _profile_pair(spec, plan, progress)
        except (ProfilingError, CatalogError, httpx2.HTTPError, OSError) as exc:
            log_tail = exc.tail if isinstance(exc, EngineDidNotLoad) else ""
            cause = str(exc) or type(exc).__name__
            failed.append(Failed(pair=spec.pair.id, cause=cause, log_tail=log_tail))
        else:
            written.append(result)
    return FleetRun(written=tuple(written), failed=tuple(failed))


async def _profile_pair(spec: EngineSpec, plan: ProfilingPlan, progress: RunProgress) -> Written:
    path, raw = profile_path(plan.out, spec.pair), raw_folder(plan.raw, spec.pair)
    measured, now = plan.measured, datetime.now(UTC)
    with (
        sole_profiler(path, spec.pair.id),
        sole_profiler(raw / "run", spec.pair.id),
        progress.pair(spec.pair.id) as steps,
    ):
        folder = RunFolder(raw)
        manifest = _begun(folder, spec, plan, now)
        await measure_pair(
            spec,
            measured,
            folder,
            # New prompts in every run: an engine that runs on would have the last ones cached.
            seed=int(now.timestamp()) * 1000 % 2**31,
            earlier=read_profile(path) if spec.url is not None else None,
            progress=steps,
        )
        profile = fit_profile(
            spec,
            measured,
            folder,
            parent=parent_outcomes(path, spec, items_digest=measured.items_digest),
            utilization=plan.utilization,
            # Of the run that measured it, which is not this one where nothing was left to measure.
            provenance=Provenance(
                origin="measured",
                date=manifest.started_at.isoformat(timespec="seconds"),
                command=manifest.command,
                evaluation=f"{plan.questions}, {len(measured.items)} items, "
                f"SHA-256 {measured.items_digest}",
            ),
        )
        write_outcomes(outcomes_path(path), folder.outcomes(), items_digest=measured.items_digest)
        profile = replace(profile, golden=kept_failure(path))
        write_profile(path, profile)
    return Written(path=path, profile=profile)


def _begun(folder: RunFolder, spec: EngineSpec, plan: ProfilingPlan, now: datetime) -> Manifest:
    """The run that this one is, or goes on with."""
    settings = run_settings(
        spec,
        plan.measured.grid,
        checkpoint_files=file_stamps(spec.checkpoint),
        items_digest=plan.measured.items_digest,
        benchmark_options=plan.measured.benchmark_options,
    )
    manifest = Manifest(started_at=now, command=plan.command, settings=settings)
    if plan.resume:
        return folder.resume(manifest)
    folder.begin(manifest)
    return manifest

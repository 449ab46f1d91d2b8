"""Measures one pair on one engine, point by point; each raw result is on disk before the next."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pydantic import TypeAdapter

from profiles.checkpoint_files import checkpoint_folder, tokens_ratio, weights_bytes
from profiles.evaluation import Item, Outcome, evaluate
from profiles.evaluation.run import Accuracy
from profiles.failures import EngineUnsuitable, MeasurementUnusable
from profiles.measuring.engine import Endpoint, EngineSpec, running_engine
from profiles.measuring.fit import refuse_unusable
from profiles.measuring.grid import Grid, work
from profiles.measuring.loadgen import Load, Point, load_generator
from profiles.measuring.measurement import Measurement
from profiles.measuring.progress import PairProgress
from serve_app.adapters.atomic_file import write_atomically
from serve_app.core.profile import Memory, Profile

START_WORK = 25.0
EVALUATION_WORK = 40.0
EVALUATION_CONCURRENCY = 8
_OUTCOMES = TypeAdapter(tuple[Outcome, ...])


async def measure_pair(
    spec: EngineSpec,
    *,
    grid: Grid,
    seed: int,
    items: Sequence[Item],
    reference_tokenizer: Path,
    raw: Path,
    earlier: Profile | None,
    progress: PairProgress,
) -> Measurement:
    """Everything a profile needs; raw results and logs go to the folder `raw`.

    `earlier` is the pair's last profile: an engine that was already running shows neither its
    cold start nor its peak memory, and both are then taken from there. Raises `ProfilingError`.
    """
    if spec.url is not None and earlier is None:
        raise EngineUnsuitable(
            f"an engine that already runs shows neither its cold start nor its memory, and pair "
            f"{spec.pair.id!r} has no profile to take them from: leave the url out once, so that "
            f"the engine is started and timed"
        )
    loads, warm_ups = grid.loads(spec.pair, seed), grid.warm_ups(spec.pair, seed)
    progress.expect(START_WORK + sum(map(work, (*warm_ups, *loads))) + EVALUATION_WORK)
    progress.step("starting the engine", START_WORK)
    async with running_engine(spec, raw / "engine.log") as engine:
        folder = checkpoint_folder(spec.checkpoint)
        points = await _measure_points(spec, engine, folder, warm_ups, loads, raw, progress)
        accuracy = await _grade(engine, items, raw, progress)
        cold_start_s, peak_bytes = _footprint(engine, earlier)
        return Measurement(
            spec=spec,
            engine_version=engine.engine_version,
            points=points,
            memory=Memory(
                weights_bytes=weights_bytes(folder),
                kv_cache_bytes=_kv_cache_bytes(engine, earlier),
                peak_bytes=peak_bytes,
            ),
            cold_start_s=cold_start_s,
            accuracy=accuracy,
            tokens_ratio=tokens_ratio(folder, reference_tokenizer, _texts(items)),
        )


async def _measure_points(
    spec: EngineSpec,
    engine: Endpoint,
    folder: Path,
    warm_ups: tuple[Load, ...],
    loads: tuple[Load, ...],
    raw: Path,
    progress: PairProgress,
) -> tuple[Point, ...]:
    points = []
    async with load_generator(
        url=engine.url,
        model=engine.model,
        tokenizer=folder,
        env=spec.env,
        log_path=raw / "loadgen.log",
    ) as generator:
        for load in warm_ups:
            progress.step(f"warming up, {load.prompt_tokens}-token prompts", work(load))
            await generator.run(load, raw / "warm-up.json")
        for load in loads:
            progress.step(f"{load.concurrency} at once, {load.prompt_tokens} tokens", work(load))
            name = f"c{load.concurrency}-p{load.prompt_tokens}.json"
            point = await generator.run(load, raw / name)
            refuse_unusable(point)
            points.append(point)
    return tuple(points)


async def _grade(
    engine: Endpoint, items: Sequence[Item], raw: Path, progress: PairProgress
) -> Accuracy:
    progress.step("asking graded questions", EVALUATION_WORK)
    result = await evaluate(
        items,
        url=engine.url,
        model=engine.model,
        concurrency=EVALUATION_CONCURRENCY,
        progress=progress.within,
    )
    write_atomically(raw / "answers.json", _OUTCOMES.dump_json(result.outcomes, indent=2).decode())
    return result.accuracy


def _texts(items: Sequence[Item]) -> list[str]:
    return [message.content for item in items for message in item.messages]


def _footprint(engine: Endpoint, earlier: Profile | None) -> tuple[float, int]:
    """Cold start in seconds and peak memory in bytes: seen now, or seen when last profiled."""
    if engine.footprint is not None:
        return engine.footprint.cold_start_s, engine.footprint.peak_bytes()
    assert earlier is not None
    return earlier.cold_start_s, earlier.memory.peak_bytes


def _kv_cache_bytes(engine: Endpoint, earlier: Profile | None) -> int:
    if engine.kv_cache_bytes is not None:
        return engine.kv_cache_bytes
    if earlier is not None:
        return earlier.memory.kv_cache_bytes
    raise MeasurementUnusable(
        "the engine tells neither in its metrics nor in its log how large its KV cache is: "
        "set kv_cache_memory_bytes (on a CPU, VLLM_CPU_KVCACHE_SPACE) for the pair"
    )

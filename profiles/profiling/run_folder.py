"""One pair's run on disk: with which settings, and all that was measured so far.

A run that ends early goes on from here. What is in the folder is whole: every file takes its name
once its content is complete. Only answers are appended, line by line, until all are there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import ClassVar, TypeVar

from pydantic import AwareDatetime, JsonValue, TypeAdapter, ValidationError

from profiles.errors import ResumeRefused
from profiles.evaluation import Outcome, OutcomesInvalid, read_outcomes, write_outcomes
from profiles.evaluation.lm_eval import DEFAULT_OPTIONS, BenchmarkOptions
from profiles.evaluation.outcome import OUTCOME
from profiles.profiling.engine import EngineSpec, PeakOf
from profiles.profiling.grid import Grid, GridPoint
from serve_app.atomic_write import write_atomically
from serve_app.core.profile import TaskAccuracy

RUN = "run.json"
ENGINE = "engine.json"
BENCHMARKS = "benchmarks.json"
OUTCOMES = "answers.jsonl"
SO_FAR = "answers-so-far.jsonl"
_ROUND = re.compile(r"c\d+-p\d+-r\d+\.json(\.unfinished)?")
# What earlier versions and this one leave next to rounds, measured again with them.
_MEASURED = (RUN, ENGINE, BENCHMARKS, OUTCOMES, SO_FAR)

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """When and how a run began, and what must be the same for it to go on."""

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    started_at: AwareDatetime
    command: str
    settings: Mapping[str, JsonValue]


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineRecord:
    """What the engine of a run showed of itself; a run that goes on keeps the first cold start."""

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    engine_version: str
    machine: str
    cold_start_s: float
    peak_bytes: int
    peak_of: PeakOf
    kv_cache_bytes: int
    kv_cache_tokens: int | None
    weights_loaded_bytes: int | None
    engine: str = "vllm"


_MANIFEST = TypeAdapter(Manifest)
_ENGINE = TypeAdapter(EngineRecord)
_BENCHMARKS = TypeAdapter(dict[str, TaskAccuracy])


def run_settings(
    spec: EngineSpec,
    grid: Grid,
    *,
    checkpoint_files: Mapping[str, str],
    items_digest: str,
    benchmark_options: BenchmarkOptions = DEFAULT_OPTIONS,
) -> dict[str, JsonValue]:
    """All that decides what a round or an answer would show, as plain JSON.

    How many rounds and which benchmarks are run is left out: more go on from those there are.
    """
    path = benchmark_options.include_path
    pair = asdict(spec.pair)
    plain = {
        "pair": {**pair, "capabilities": sorted(spec.pair.capabilities)},
        "checkpoint": spec.checkpoint,
        "checkpoint_files": dict(checkpoint_files),
        "engine": dict(spec.engine_kwargs),
        "env": dict(spec.env),
        "url": spec.url,
        "grid": {
            "places": [grid_point.name for grid_point in grid.grid_points(spec.pair)],
            "output_tokens": grid.output_tokens,
        },
        "items": items_digest,
        "benchmarks": {
            "include_path": None if path is None else str(path),
            "limit": benchmark_options.limit,
            "chat_template": benchmark_options.chat_template,
        },
    }
    read_back: dict[str, JsonValue] = json.loads(json.dumps(plain))
    return read_back


def file_stamps(checkpoint: str) -> dict[str, str]:
    """Size and time of change of a checkpoint's files; none for one that a model hub names."""
    folder = Path(checkpoint).expanduser()
    if not checkpoint or not folder.is_dir():
        return {}
    found = ((file, file.stat()) for file in sorted(folder.iterdir()) if file.is_file())
    return {file.name: f"{stat.st_size} bytes of {stat.st_mtime_ns}" for file, stat in found}


class RunFolder:
    """Where one pair's run keeps what it measured."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def begin(self, manifest: Manifest) -> None:
        """Starts a run of its own; what an earlier one measured is removed."""
        for file in self.path.iterdir():
            if file.name in _MEASURED or _ROUND.fullmatch(file.name):
                file.unlink()
        write_atomically(self.path / RUN, _MANIFEST.dump_json(manifest, indent=2).decode())

    def resume(self, manifest: Manifest) -> Manifest:
        """The run that goes on: the one here, or `manifest`'s own when there is none.

        Raises `ResumeRefused` when the one here was made with other settings.
        """
        earlier = self._read(RUN, _MANIFEST)
        if earlier is None:
            self.begin(manifest)
            return manifest
        found = tuple(_differences(earlier.settings, manifest.settings))
        if found:
            raise ResumeRefused(self.path, found)
        return earlier

    def round_path(self, grid_point: GridPoint, number: int) -> Path:
        """Where the result of a place's round is kept; rounds count from 1."""
        return self.path / f"{grid_point.name}-r{number}.json"

    def engine(self) -> EngineRecord | None:
        return self._read(ENGINE, _ENGINE)

    def write_engine(self, record: EngineRecord) -> None:
        write_atomically(self.path / ENGINE, _ENGINE.dump_json(record, indent=2).decode())

    def outcomes(self) -> tuple[Outcome, ...]:
        """None before the questions were asked."""
        path = self.path / OUTCOMES
        if not path.exists():
            return ()
        try:
            return read_outcomes(path)[1]
        except OutcomesInvalid as exc:
            raise ResumeRefused(self.path, exc.problems) from exc

    def write_outcomes(self, outcomes: Sequence[Outcome], *, items_digest: str) -> None:
        write_outcomes(self.path / OUTCOMES, outcomes, items_digest=items_digest)
        (self.path / SO_FAR).unlink(missing_ok=True)

    def outcomes_so_far(self) -> tuple[Outcome, ...]:
        """What a run that ended early had asked. A line that it had no time to end is left out."""
        path = self.path / SO_FAR
        if not path.exists():
            return ()
        lines = path.read_bytes().splitlines(keepends=True)
        try:
            return tuple(OUTCOME.validate_json(line) for line in lines if line.endswith(b"\n"))
        except ValidationError as exc:
            raise ResumeRefused(self.path, (f"{SO_FAR} is not what a run writes",)) from exc

    def add_outcome(self, outcome: Outcome) -> None:
        """Keeps one outcome at once. Raises `OSError`."""
        with (self.path / SO_FAR).open("ab") as file:
            file.write(OUTCOME.dump_json(outcome) + b"\n")

    def benchmarks(self) -> dict[str, TaskAccuracy]:
        return self._read(BENCHMARKS, _BENCHMARKS) or {}

    def write_benchmarks(self, benchmarks: Mapping[str, TaskAccuracy]) -> None:
        text = _BENCHMARKS.dump_json(dict(benchmarks), indent=2).decode()
        write_atomically(self.path / BENCHMARKS, text)

    def _read(self, name: str, adapter: TypeAdapter[T]) -> T | None:
        path = self.path / name
        if not path.exists():
            return None
        try:
            return adapter.validate_json(path.read_bytes())
        except ValidationError as exc:
            raise ResumeRefused(self.path, (f"{name} is not what a run writes",)) from exc


def _differences(was: object, now: object, path: str = "") -> Iterator[str]:
    if isinstance(was, Mapping) and isinstance(now, Mapping):
        for key in sorted({*was, *now}):
            below = f"{path}.{key}" if path else key
            yield from _differences(was.get(key), now.get(key), below)
    elif was != now:
        yield f"{path} was {json.dumps(was)} and is {json.dumps(now)}"

"""Places are measured in rounds until they are sure."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from profiles.profiling.grid import Grid
from profiles.profiling.loadgen import Load, read_round
from profiles.profiling.point import Round, StopRule
from profiles.profiling.progress import run_progress
from profiles.profiling.run_folder import RunFolder
from profiles.profiling.sweep import Sweep
from tests.profiles.samples import a_pair

GRID = Grid(concurrency=(1, 2), prompt_tokens=(16, 64), output_tokens=8)


def calm(number: int) -> float:
    return 0.1


class Stopped(Exception):
    """Stands for a crash."""


def written(result: dict[str, object], path: Path, load: Load) -> Round:
    path.write_text(json.dumps(result))
    return read_round(path, load)


class FakeGenerator:
    """Writes results; `ttft_s` says how long first tokens took, by the number of the load."""

    def __init__(self, ttft_s: Callable[[int], float] = calm, *, fails_at: int = 10**6) -> None:
        self.loads: list[Load] = []
        self._ttft_s = ttft_s
        self._fails_at = fails_at

    async def run(self, load: Load, result_path: Path) -> Round:
        self.loads.append(load)
        if len(self.loads) == self._fails_at:
            raise Stopped
        ttft_s = self._ttft_s(len(self.loads))
        size = load.requests
        result = {
            "input_lens": [load.prompt_tokens] * size,
            "output_lens": [8] * size,
            "ttfts": [ttft_s] * size,
            "latencies": [ttft_s + 0.7] * size,
            "start_times": list(range(size)),
            "errors": [""] * size,
        }
        return written(result, result_path, load)

    @property
    def rounds(self) -> list[tuple[int, int]]:
        """Where every round was run; two warm-ups come first."""
        return [(load.concurrency, load.prompt_tokens) for load in self.loads[2:]]


def a_sweep(folder: Path, *, most_rounds: int = 3) -> Sweep:
    rule = StopRule(half_width=0.05, most_rounds=most_rounds)
    return Sweep(a_pair(), GRID, rule, RunFolder(folder))


async def run(sweep: Sweep, generator: FakeGenerator, *, seed: int = 1000) -> None:
    console = Console(file=io.StringIO())
    with run_progress(1, console) as bar, bar.pair("tiny-bf16") as progress:
        await sweep.run(generator, seed=seed, progress=progress, after_round=lambda: None)


async def test_calm_places_get_two_rounds_each_the_second_time_backwards(tmp_path: Path) -> None:
    generator, sweep = FakeGenerator(), a_sweep(tmp_path)

    await run(sweep, generator)

    forwards = [(1, 16), (1, 64), (2, 16), (2, 64)]
    assert generator.rounds == [*forwards, *reversed(forwards)]
    assert sweep.finished


async def test_only_the_place_whose_rounds_differ_gets_a_third(tmp_path: Path) -> None:
    # The second and the last of eight rounds are at the same place.
    generator = FakeGenerator(lambda number: 0.3 if number == 2 + 1 else 0.1)
    sweep = a_sweep(tmp_path)

    await run(sweep, generator)

    assert generator.rounds[8:] == [(1, 16)]
    assert [len(point.rounds) for point in sweep.points] == [3, 2, 2, 2]


async def test_a_machine_that_never_calms_down_is_left_after_the_most_rounds(
    tmp_path: Path,
) -> None:
    generator = FakeGenerator(lambda number: 0.1 * number)
    sweep = a_sweep(tmp_path, most_rounds=4)

    await run(sweep, generator)

    assert [len(point.rounds) for point in sweep.points] == [4, 4, 4, 4]


async def test_no_two_loads_draw_the_same_prompts(tmp_path: Path) -> None:
    generator = FakeGenerator()

    await run(a_sweep(tmp_path), generator)

    assert len({load.seed for load in generator.loads}) == len(generator.loads)


async def test_a_run_that_stopped_goes_on_with_the_round_it_was_at(tmp_path: Path) -> None:
    stopped = FakeGenerator(fails_at=2 + 6)
    with pytest.raises(Stopped):
        await run(a_sweep(tmp_path), stopped)
    generator, sweep = FakeGenerator(), a_sweep(tmp_path)

    await run(sweep, generator, seed=9000)

    assert len(stopped.rounds) == 6
    assert len(generator.rounds) == 3
    assert [len(point.rounds) for point in sweep.points] == [2, 2, 2, 2]
    assert not {load.seed for load in stopped.loads} & {load.seed for load in generator.loads}


async def test_what_was_finished_needs_nothing_more(tmp_path: Path) -> None:
    first = a_sweep(tmp_path)
    await run(first, FakeGenerator())

    again = a_sweep(tmp_path)

    assert again.finished
    assert again.points == first.points
    assert again.expected_work == 0


async def test_more_rounds_go_on_from_those_there_are(tmp_path: Path) -> None:
    unsteady = FakeGenerator(lambda number: 0.1 * number)
    await run(a_sweep(tmp_path, most_rounds=2), unsteady)
    generator = FakeGenerator(lambda number: 0.1 * number)

    await run(a_sweep(tmp_path, most_rounds=3), generator)

    assert len(generator.rounds) == 4


async def test_every_rounds_result_is_on_disk_before_the_next_begins(tmp_path: Path) -> None:
    stopped = FakeGenerator(fails_at=2 + 3)

    with pytest.raises(Stopped):
        await run(a_sweep(tmp_path), stopped)

    assert [len(point.rounds) for point in a_sweep(tmp_path).points] == [1, 1, 0, 0]

"""Measures every place of a grid in rounds, until each is sure enough.

A pass visits all places that need another round, and every second pass goes backwards: what the
machine does in a bad minute then falls on one round of several places, not on one place.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from profiles.profiling.grid import Grid, GridPoint, work
from profiles.profiling.loadgen import Load, read_round
from profiles.profiling.point import Point, Round, StopRule
from profiles.profiling.progress import PairProgress
from profiles.profiling.run_folder import RunFolder
from serve_app.core.fleet import Pair


class Loads(Protocol):
    """Puts a load on the engine."""

    async def run(self, load: Load, result_path: Path) -> Round:
        """The round, whose raw result is at `result_path` from then on."""
        ...


class Sweep:
    """The rounds of one pair: those on disk, and those still to be run."""

    def __init__(self, pair: Pair, grid: Grid, rule: StopRule, folder: RunFolder) -> None:
        self._pair = pair
        self._grid = grid
        self._rule = rule
        self._folder = folder
        self._grid_points = grid.grid_points(pair)
        self._rounds: dict[GridPoint, list[Round]] = {each: [] for each in self._grid_points}
        for grid_point, rounds in self._rounds.items():
            load = grid.load(grid_point, seed=0)
            while (path := folder.round_path(grid_point, len(rounds) + 1)).exists():
                rounds.append(read_round(path, load))

    @property
    def finished(self) -> bool:
        return not self._missing()

    @property
    def points(self) -> tuple[Point, ...]:
        return tuple(_point(grid_point, rounds) for grid_point, rounds in self._rounds.items())

    @property
    def expected_work(self) -> float:
        """What is left at least."""
        return sum(
            max(0, self._rule.fewest_rounds - len(rounds))
            * work(self._grid.load(grid_point, seed=0))
            for grid_point, rounds in self._rounds.items()
        )

    async def run(
        self,
        generator: Loads,
        *,
        seed: int,
        progress: PairProgress,
        after_round: Callable[[], None],
    ) -> None:
        """Runs what is missing. No two rounds draw the same prompts; `seed` is for the first."""
        for load in self._grid.warm_ups(self._pair, seed=seed):
            progress.step(f"warming up, {load.prompt_tokens}-token prompts", work(load))
            await generator.run(load, self._folder.path / "warm-up.json")
        seed += len(self._grid_points)
        forwards = True
        while grid_points := self._missing():
            for grid_point in grid_points if forwards else reversed(grid_points):
                load, rounds = self._grid.load(grid_point, seed=seed), self._rounds[grid_point]
                number = len(rounds) + 1
                if number > self._rule.fewest_rounds:
                    progress.expect(work(load))
                place = f"{grid_point.concurrency} at once, {grid_point.prompt_tokens} tokens"
                progress.step(f"{place}, round {number}", work(load))
                path = self._folder.round_path(grid_point, number)
                rounds.append(await generator.run(load, path))
                after_round()
                seed += 1
            forwards = not forwards

    def _missing(self) -> Sequence[GridPoint]:
        """Places that need another round, those with the fewest rounds only.

        So a run that goes on visits them as the whole run would have.
        """
        missing = [
            grid_point
            for grid_point, rounds in self._rounds.items()
            if not rounds or not self._rule.converged(_point(grid_point, rounds))
        ]
        fewest = min((len(self._rounds[grid_point]) for grid_point in missing), default=0)
        return [grid_point for grid_point in missing if len(self._rounds[grid_point]) == fewest]


def _point(grid_point: GridPoint, rounds: Sequence[Round]) -> Point:
    return Point(
        concurrency=grid_point.concurrency,
        prompt_tokens=grid_point.prompt_tokens,
        rounds=tuple(rounds),
    )

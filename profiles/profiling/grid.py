"""Which loads make a latency surface: concurrency by prompt length, round after round."""

from __future__ import annotations

from dataclasses import dataclass

from profiles.errors import MeasurementUnusable
from profiles.profiling.loadgen import Load, left_out
from serve_app.core.fleet import Pair

# Answers end at up to one and a half times their mean; a few tokens more for the template.
LONGEST_ANSWER = 2


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class GridPoint:
    """One point of the surface's grid."""

    concurrency: int
    prompt_tokens: int

    @property
    def name(self) -> str:
        return f"c{self.concurrency}-p{self.prompt_tokens}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """The axes of the surface; without `concurrency`, 1, 2, 4, 8 ... up to the pair's maximum.

    Latency is close to linear in the prompt's length, so that two lengths far apart say more than
    three close together. Beyond the longest one readers go on with the last slope.
    """

    concurrency: tuple[int, ...] | None = None
    prompt_tokens: tuple[int, ...] = (64, 512)
    output_tokens: int = 32

    def __post_init__(self) -> None:
        for name, axis in (
            ("concurrency", self.concurrency or (1,)),
            ("prompt lengths", self.prompt_tokens),
        ):
            if not axis or min(axis) < 1 or len(set(axis)) != len(axis):
                raise ValueError(f"{name} {list(axis)}: give whole numbers from 1, each once")
        if len(self.prompt_tokens) < 2:
            raise ValueError(
                f"prompt lengths {list(self.prompt_tokens)}: the prefill rate is a difference of "
                f"two; add a second one"
            )
        if self.output_tokens < 2:
            raise ValueError(
                f"answers of {self.output_tokens} tokens have no time between tokens: ask for "
                f"at least 2, better 16"
            )

    def grid_points(self, pair: Pair) -> tuple[GridPoint, ...]:
        """Every place, in ascending order. Raises `MeasurementUnusable` for what does not fit."""
        longest = max(self.prompt_tokens) + LONGEST_ANSWER * self.output_tokens
        if longest > pair.context_window:
            raise MeasurementUnusable(
                f"prompts of {max(self.prompt_tokens)} tokens and their answers take up to "
                f"{longest} tokens; pair {pair.id!r} has a window of {pair.context_window}: "
                f"measure shorter prompts"
            )
        most = pair.max_concurrency
        powers = (2**power for power in range(most.bit_length()))
        levels = self.concurrency or {*powers, most}
        if max(levels) > most:
            raise MeasurementUnusable(
                f"concurrency {max(levels)} is more than the {most} requests that pair "
                f"{pair.id!r} runs at once; what waits is the router's to add: measure up to {most}"
            )
        return tuple(
            GridPoint(concurrency=level, prompt_tokens=length)
            for level in sorted(levels)
            for length in sorted(self.prompt_tokens)
        )

    def load(self, grid_point: GridPoint, *, seed: int) -> Load:
        """One round at a place."""
        level = grid_point.concurrency
        # More samples at busier levels, where requests differ more and cost less.
        samples = 4 + 3 * level // 2
        return Load(
            concurrency=level,
            prompt_tokens=grid_point.prompt_tokens,
            output_tokens=self.output_tokens,
            requests=left_out(level) + samples,
            seed=seed,
        )

    def warm_ups(self, pair: Pair, *, seed: int) -> tuple[Load, ...]:
        """One wave of each prompt length, to be thrown away."""
        level = max(grid_point.concurrency for grid_point in self.grid_points(pair))
        return tuple(
            Load(
                concurrency=level,
                prompt_tokens=length,
                output_tokens=self.output_tokens,
                requests=level,
                seed=seed + index,
            )
            for index, length in enumerate(self.prompt_tokens)
        )


def work(load: Load) -> float:
    """Roughly how long a load takes, in short requests one after another: for time left only."""
    waves = load.requests / load.concurrency
    return waves * (1 + load.concurrency / 20 + load.concurrency * load.prompt_tokens / 4096)

"""Which loads make a latency surface: concurrency by prompt length."""

from __future__ import annotations

from dataclasses import dataclass

from profiles.failures import MeasurementUnusable
from profiles.measuring.loadgen import Load
from serve_app.core.fleet import Pair


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """The axes of the surface; the defaults suit a small model on a CPU."""

    concurrency: tuple[int, ...] = (1, 4, 8)
    prompt_tokens: tuple[int, ...] = (64, 512)
    output_tokens: int = 32

    def loads(self, pair: Pair, seed: int) -> tuple[Load, ...]:
        """A load per grid point, each with prompts of its own.

        Points above `max_concurrency` are left out: what waits there is the router's to add.
        """
        longest = max(self.prompt_tokens) + 2 * self.output_tokens
        if longest > pair.context_window:
            raise MeasurementUnusable(
                f"prompts of {max(self.prompt_tokens)} tokens and their answers take up to "
                f"{longest} tokens; pair {pair.id!r} has a window of {pair.context_window}: "
                f"measure shorter prompts"
            )
        levels = [level for level in self.concurrency if level <= pair.max_concurrency]
        return tuple(
            self._load(level, length, requests=_requests(level), seed=seed + index)
            for index, (level, length) in enumerate(
                (level, length) for level in levels for length in self.prompt_tokens
            )
        )

    def warm_ups(self, pair: Pair, seed: int) -> tuple[Load, ...]:
        """One full round of each prompt length, to be thrown away."""
        level = min(max(self.concurrency), pair.max_concurrency)
        return tuple(
            self._load(level, length, requests=level, seed=seed - 1 - index)
            for index, length in enumerate(self.prompt_tokens)
        )

    def _load(self, concurrency: int, prompt_tokens: int, *, requests: int, seed: int) -> Load:
        return Load(
            concurrency=concurrency,
            prompt_tokens=prompt_tokens,
            output_tokens=self.output_tokens,
            requests=requests,
            seed=seed,
        )


def work(load: Load) -> float:
    """Roughly how long a load takes, in short requests one after another: for time left only."""
    rounds = load.requests / load.concurrency
    return rounds * (1 + load.concurrency / 20 + load.concurrency * load.prompt_tokens / 4096)


def _requests(concurrency: int) -> int:
    """Twenty samples and more at each level after the ramp-up round is left out."""
    return 20 + 4 * concurrency

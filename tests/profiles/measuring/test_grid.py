"""Which loads make a surface."""

from __future__ import annotations

import pytest

from profiles.failures import MeasurementUnusable
from profiles.measuring.grid import Grid
from tests.profiles.samples import a_pair


def test_every_concurrency_meets_every_prompt_length() -> None:
    loads = Grid(concurrency=(1, 4), prompt_tokens=(64, 512)).loads(a_pair(), seed=100)

    places = [(load.concurrency, load.prompt_tokens) for load in loads]
    assert places == [(1, 64), (1, 512), (4, 64), (4, 512)]


def test_no_two_loads_draw_the_same_prompts() -> None:
    grid = Grid()
    loads = (*grid.warm_ups(a_pair(), seed=100), *grid.loads(a_pair(), seed=100))

    assert len({load.seed for load in loads}) == len(loads)


def test_busier_loads_ask_more() -> None:
    alone, busy = Grid(concurrency=(1, 8), prompt_tokens=(64,)).loads(a_pair(), seed=0)

    assert busy.requests > alone.requests


def test_a_replica_is_not_measured_above_what_it_runs_at_once() -> None:
    loads = Grid(concurrency=(1, 4, 8)).loads(a_pair(max_concurrency=4), seed=0)

    assert {load.concurrency for load in loads} == {1, 4}


def test_prompts_too_long_for_the_window_are_refused() -> None:
    with pytest.raises(MeasurementUnusable, match="window of 512: measure shorter prompts"):
        Grid(prompt_tokens=(64, 512)).loads(a_pair(window=512), seed=0)

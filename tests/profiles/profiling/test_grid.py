"""Which loads make a surface."""

from __future__ import annotations

from itertools import count

import pytest

from profiles.errors import MeasurementUnusable
from profiles.profiling.grid import Grid, GridPoint
from profiles.profiling.loadgen import left_out
from tests.profiles.samples import a_pair


def grid_points(grid: Grid, **pair: int) -> list[tuple[int, int]]:
    return [(at.concurrency, at.prompt_tokens) for at in grid.grid_points(a_pair(**pair))]


def test_every_concurrency_meets_every_prompt_length() -> None:
    grid = Grid(concurrency=(4, 1), prompt_tokens=(512, 64))

    assert grid_points(grid) == [(1, 64), (1, 512), (4, 64), (4, 512)]


@pytest.mark.parametrize(
    ("most", "levels"), [(1, [1]), (2, [1, 2]), (8, [1, 2, 4, 8]), (12, [1, 2, 4, 8, 12])]
)
def test_without_other_wish_the_levels_double_up_to_the_pairs_maximum(
    most: int, levels: list[int]
) -> None:
    found = grid_points(Grid(), max_concurrency=most)

    assert sorted({level for level, _ in found}) == levels


def test_every_load_leaves_samples_and_busier_ones_leave_more() -> None:
    loads = [Grid().load(GridPoint(concurrency=c, prompt_tokens=64), seed=0) for c in (1, 2, 4, 8)]

    samples = [load.requests - left_out(load.concurrency) for load in loads]
    assert samples == sorted(set(samples))
    assert samples[0] >= 5


def test_warm_ups_draw_no_prompt_twice() -> None:
    warm_ups = Grid().warm_ups(a_pair(), seed=100)

    assert [load.seed for load in warm_ups] == [
        seed for seed, _ in zip(count(100), warm_ups, strict=False)
    ]
    assert {load.prompt_tokens for load in warm_ups} == set(Grid().prompt_tokens)


def test_a_replica_is_not_measured_above_what_it_runs_at_once() -> None:
    with pytest.raises(MeasurementUnusable, match="concurrency 8 is more than the 4 requests"):
        grid_points(Grid(concurrency=(1, 4, 8)), max_concurrency=4)


def test_prompts_too_long_for_the_window_are_refused() -> None:
    with pytest.raises(MeasurementUnusable, match="window of 512: measure shorter prompts"):
        grid_points(Grid(prompt_tokens=(64, 512)), window=512)


@pytest.mark.parametrize(
    ("axes", "complaint"),
    [
        ({"concurrency": (0, 4)}, r"concurrency \[0, 4\]: give whole numbers from 1"),
        ({"concurrency": (4, 4)}, "each once"),
        ({"prompt_tokens": (-1, 64)}, "prompt lengths"),
        ({"prompt_tokens": (64,)}, "add a second one"),
    ],
    ids=["none at once", "twice the same", "a negative length", "one length"],
)
def test_axes_that_make_no_surface_are_refused(
    axes: dict[str, tuple[int, ...]], complaint: str
) -> None:
    with pytest.raises(ValueError, match=complaint):
        Grid(**axes)


def test_answers_of_one_token_are_refused() -> None:
    with pytest.raises(ValueError, match="no time between tokens"):
        Grid(output_tokens=1)

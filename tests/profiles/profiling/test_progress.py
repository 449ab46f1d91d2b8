"""What a profiling run shows of itself."""

from __future__ import annotations

import io

import pytest
from rich.console import Console
from rich.progress import Progress

from profiles.profiling.progress import PairProgress, RunProgress, run_progress


def test_without_a_terminal_every_step_is_a_line() -> None:
    shown = io.StringIO()

    with run_progress(1, Console(file=shown)) as run, run.pair("tiny-bf16") as pair:
        pair.expect(10)
        pair.step("starting the engine", 5)
        pair.step("1 at once, 64 tokens", 5)

    assert shown.getvalue().splitlines() == [
        "tiny-bf16: starting the engine",
        "tiny-bf16: 1 at once, 64 tokens",
    ]


def test_on_a_terminal_the_step_under_way_stands_on_the_bar() -> None:
    shown = io.StringIO()

    with (
        run_progress(1, Console(file=shown, force_terminal=True, width=120)) as run,
        run.pair("tiny-bf16") as pair,
    ):
        pair.step("starting the engine", 5)

    assert "tiny-bf16: starting the engine" in shown.getvalue()


def a_bar() -> Progress:
    return Progress(console=Console(file=io.StringIO()), disable=True)


def test_a_step_counts_once_the_next_one_begins() -> None:
    bars = a_bar()
    pair = PairProgress(bars, bars.add_task("run", total=1), "tiny-bf16")
    pair.expect(10)

    pair.step("first", 4)
    assert bars.tasks[0].completed == 0
    pair.step("second", 6)
    assert bars.tasks[0].completed == pytest.approx(0.4)
    pair.within(1, 2)
    assert bars.tasks[0].completed == pytest.approx(0.7)


def test_a_pair_that_fails_half_way_is_done_with_all_the_same() -> None:
    bars = a_bar()
    run = RunProgress(bars, bars.add_task("run", total=2))

    def fail() -> None:
        with run.pair("tiny-bf16") as pair:
            pair.step("starting the engine", 0.5)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()

    assert bars.tasks[0].completed == pytest.approx(1)

"""How long a step still takes, on a terminal and in a log."""

from __future__ import annotations

from collections.abc import Mapping
from io import StringIO

import pytest
from rich.console import Console

from profiles.checkpoints.progress import ConsoleProgress, time_text


class Clock:
    """Moves only when a test moves it."""

    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def log() -> StringIO:
    return StringIO()


def lines(log: StringIO, reports: Mapping[float, int], *, total: int) -> list[str]:
    """What a log gets of one step, without its first and last line."""
    clock = Clock()
    with ConsoleProgress(Console(file=log), clock).step("Downloading") as step:
        for now_s, done in reports.items():
            clock.now_s = now_s
            step.at(done, total)
    return log.getvalue().splitlines()[1:-1]


def test_bytes_of_an_earlier_run_do_not_count_as_speed(log: StringIO) -> None:
    assert lines(log, {0.0: 900, 10.0: 910}, total=1000) == ["Downloading: 91%, 1 min 30 s left"]


def test_a_step_that_begins_again_has_the_speed_of_what_came_since(log: StringIO) -> None:
    shown = lines(log, {0.0: 500, 1.0: 0, 6.0: 50, 11.0: 100}, total=1000)

    assert shown == ["Downloading: 10%, 1 min 30 s left"]


def test_no_time_is_shown_before_a_speed_is_known(log: StringIO) -> None:
    assert lines(log, {20.0: 10}, total=100) == ["Downloading: 10%"]


@pytest.mark.parametrize(("left", "text"), [(59, "59 s"), (61, "1 min 1 s")])
def test_time_left_reads_as_minutes_and_seconds(left: int, text: str) -> None:
    assert time_text(left) == text


def test_a_log_gets_a_line_every_ten_seconds_with_the_time_left(log: StringIO) -> None:
    clock = Clock()
    progress = ConsoleProgress(Console(file=log), clock)
    with progress.step("Downloading") as step:
        for second in range(1, 26):
            clock.now_s = float(second)
            step.at(second, 50)
    assert log.getvalue().splitlines() == [
        "Downloading ...",
        "Downloading: 20%, 40 s left",
        "Downloading: 40%, 30 s left",
        "Downloading: done in 25 s",
    ]


def test_a_terminal_gets_a_bar_with_the_time_left() -> None:
    clock, shown = Clock(), StringIO()
    progress = ConsoleProgress(Console(file=shown, force_terminal=True, width=100), clock)
    with progress.step("Downloading") as step:
        step.at(10, 100)
        clock.now_s = 1.0
        step.at(20, 100)
    assert "20%" in shown.getvalue()
    assert "0:00:08" in shown.getvalue()

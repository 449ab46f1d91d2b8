"""How long a step still takes, on a terminal and in a log."""

from __future__ import annotations

from io import StringIO

import pytest
from rich.console import Console

from profiles.checkpoints.progress import ConsoleProgress, Rate, left_text


class Clock:
    """Moves only when a test moves it."""

    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def test_the_rate_is_that_of_the_last_seconds() -> None:
    rate = Rate()
    for second in range(100):
        rate.add(second, second)
    for second in range(100, 130):
        rate.add(second, 100 + 10 * (second - 100))
    assert rate.left_s(490) == pytest.approx(10.0)


def test_nothing_is_said_before_a_rate_is_known() -> None:
    rate = Rate()
    assert left_text(rate, 100) == ""
    rate.add(0.0, 10)
    assert left_text(rate, 100) == ""
    rate.add(5.0, 10)
    assert left_text(rate, 100) == ""


def test_bytes_of_an_earlier_run_do_not_count_as_speed() -> None:
    rate = Rate()
    rate.add(0.0, 900)
    rate.add(1.0, 910)
    assert rate.left_s(1000) == pytest.approx(9.0)


def test_a_step_that_begins_again_begins_a_new_rate() -> None:
    rate = Rate()
    rate.add(0.0, 500)
    rate.add(1.0, 0)
    rate.add(2.0, 100)
    assert rate.left_s(300) == pytest.approx(2.0)


def test_many_reports_at_once_keep_few_of_them() -> None:
    rate = Rate()
    for report in range(10_000):
        rate.add(report / 1000, report)
    assert len(rate._seen) < 250
    assert rate.left_s(19_999) == pytest.approx(10.0)


@pytest.mark.parametrize(("left", "text"), [(59, "59 s left"), (61, "1 min 1 s left")])
def test_time_left_reads_as_minutes_and_seconds(left: int, text: str) -> None:
    rate = Rate()
    rate.add(0.0, 0)
    rate.add(1.0, 1)
    assert left_text(rate, left + 1) == text


def test_a_log_gets_a_line_every_ten_seconds_with_the_time_left() -> None:
    clock, log = Clock(), StringIO()
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
    assert "8 s left" in shown.getvalue()

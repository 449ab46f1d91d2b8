"""Shows what is going on and the time left: bars on a terminal, lines in a log."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Protocol

from rich.console import Console
from rich.progress import (
    BarColumn,
    SpinnerColumn,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bars

# The rate is that of the last seconds.
WINDOW_S = 10.0
LOG_EVERY_S = 10.0


class Step(Protocol):
    """One long piece of work under way."""

    def at(self, done: int, total: int | None) -> None:
        """Bytes or items that are done, of `total` where it is known."""
        ...


class Progress(Protocol):
    def step(self, text: str) -> AbstractContextManager[Step]: ...

    def note(self, text: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Portion:
    """A step that reports its bytes as bytes of a longer one."""

    step: Step
    before_bytes: int
    all_bytes: int

    def at(self, done: int, total: int | None) -> None:
        self.step.at(self.before_bytes + done, self.all_bytes)


class ConsoleProgress:
    """Writes to standard error, so that standard output stays for results."""

    def __init__(
        self, console: Console | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._console = console or Console(stderr=True)
        self._clock = clock

    @contextmanager
    def step(self, text: str) -> Iterator[Step]:
        start_s = self._clock()
        bars = Bars(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TaskProgressColumn(),
            TimeRemainingColumn(),
            console=self._console,
            transient=True,
            get_time=self._clock,
            speed_estimate_period=WINDOW_S,
        )
        task = bars.add_task(text, total=None)
        if self._console.is_terminal:
            with bars:
                yield _Bar(bars, task)
        else:
            self.note(f"{text} ...")
            yield _Log(bars, task, self.note, start_s)
        self.note(f"{text}: done in {self._clock() - start_s:.0f} s")

    def note(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)


@dataclass(slots=True)
class _Bar:
    bars: Bars
    task: TaskID

    def at(self, done: int, total: int | None) -> None:
        self.bars.update(self.task, completed=done, total=total)


@dataclass(slots=True)
class _Log(_Bar):
    """A line from time to time, with the bar's own estimate of the time left."""

    note: Callable[[str], None]
    written_s: float

    def at(self, done: int, total: int | None) -> None:
        _Bar.at(self, done, total)
        task, now_s = self.bars.tasks[0], self.bars.get_time()
        if total and now_s - self.written_s >= LOG_EVERY_S:
            self.written_s = now_s
            left_s = task.time_remaining
            left = "" if left_s is None else f", {time_text(left_s)} left"
            self.note(f"{task.description}: {done / total:.0%}{left}")


def time_text(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"

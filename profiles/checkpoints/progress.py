"""Shows what is going on and the time left: bars on a terminal, lines in a log."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, SpinnerColumn, TaskID, TaskProgressColumn, TextColumn
from rich.progress import Progress as Bars

# The rate is that of the last seconds.
WINDOW_S = 10.0
SPACING_S = 0.1
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


class Rate:
    """How fast a step has gone in the last seconds."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()

    def add(self, now_s: float, done: int) -> None:
        if self._seen and done < self._seen[-1][1]:
            # The work began again.
            self._seen.clear()
        if len(self._seen) > 1 and now_s - self._seen[-2][0] < SPACING_S:
            self._seen.pop()
        self._seen.append((now_s, done))
        while now_s - self._seen[0][0] > WINDOW_S and len(self._seen) > 2:
            self._seen.popleft()

    def left_s(self, total: int) -> float | None:
        """Seconds to `total` at this rate; `None` while no rate is known."""
        if len(self._seen) < 2:
            return None
        (first_s, first), (last_s, last) = self._seen[0], self._seen[-1]
        if last == first or last_s == first_s:
            return None
        return (total - last) * (last_s - first_s) / (last - first)


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
        if self._console.is_terminal:
            with self._bars() as bars:
                yield _Bar(bars, bars.add_task(text, total=None, left=""), self._clock)
        else:
            self.note(f"{text} ...")
            yield _Log(text, self.note, self._clock)
        self.note(f"{text}: done in {self._clock() - start_s:.0f} s")

    def note(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)

    def _bars(self) -> Bars:
        return Bars(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[left]}", markup=False),
            console=self._console,
            transient=True,
        )


class _Bar:
    def __init__(self, bars: Bars, task: TaskID, clock: Callable[[], float]) -> None:
        self._bars = bars
        self._task = task
        self._clock = clock
        self._rate = Rate()

    def at(self, done: int, total: int | None) -> None:
        self._rate.add(self._clock(), done)
        left = left_text(self._rate, total)
        self._bars.update(self._task, completed=done, total=total, left=left)


class _Log:
    def __init__(self, text: str, note: Callable[[str], None], clock: Callable[[], float]) -> None:
        self._text = text
        self._note = note
        self._clock = clock
        self._rate = Rate()
        self._written_s = clock()

    def at(self, done: int, total: int | None) -> None:
        now_s = self._clock()
        self._rate.add(now_s, done)
        if total and now_s - self._written_s >= LOG_EVERY_S:
            self._written_s = now_s
            left = left_text(self._rate, total)
            self._note(f"{self._text}: {done / total:.0%}{left and f', {left}'}")


def left_text(rate: Rate, total: int | None) -> str:
    left_s = rate.left_s(total) if total else None
    if left_s is None:
        return ""
    minutes, seconds = divmod(round(left_s), 60)
    return f"{minutes} min {seconds} s left" if minutes else f"{seconds} s left"

"""Shows what is going on: bars on a terminal, one line per step elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.progress import Progress as Bars


class Step(Protocol):
    """One long piece of work under way."""

    def at(self, done_bytes: int, total_bytes: int) -> None: ...


class Progress(Protocol):
    def step(self, text: str) -> AbstractContextManager[Step]: ...

    def note(self, text: str) -> None: ...


class ConsoleProgress:
    """Writes to standard error, so that standard output stays for results."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True)

    @contextmanager
    def step(self, text: str) -> Iterator[Step]:
        start = time.monotonic()
        if self._console.is_terminal:
            with self._bars() as bars:
                yield _Bar(bars, bars.add_task(text, total=None))
        else:
            self.note(f"{text} ...")
            yield _NoBar()
        self.note(f"{text}: done in {time.monotonic() - start:.0f} s")

    def note(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)

    def _bars(self) -> Bars:
        return Bars(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            DownloadColumn(),
            TimeElapsedColumn(),
            console=self._console,
            transient=True,
        )


class _Bar:
    def __init__(self, bars: Bars, task: TaskID) -> None:
        self._bars = bars
        self._task = task

    def at(self, done_bytes: int, total_bytes: int) -> None:
        self._bars.update(self._task, completed=done_bytes, total=total_bytes)


class _NoBar:
    def at(self, done_bytes: int, total_bytes: int) -> None:
        """A log gets lines for steps only."""

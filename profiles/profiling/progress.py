"""How far a profiling run is: a bar with the time left on a terminal, a line per step elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

# Steps are few and long, so the speed is taken over the whole run so far.
SPEED_WINDOW_S = 24 * 3600.0


class PairProgress:
    """One pair's part of the bar. A step counts as done when the next one begins."""

    def __init__(self, bars: Progress, run: TaskID, pair: str) -> None:
        self._bars = bars
        self._run = run
        self._pair = pair
        self._total = 0.0
        self._before = 0.0
        self._step = 0.0
        self._shown = 0.0

    def expect(self, work: float) -> None:
        """Adds to what the steps will come to."""
        self._total += work

    def step(self, text: str, work: float) -> None:
        """Begins a step that is `work` of what is expected."""
        self._before, self._step = self._before + self._step, work
        self.within(0, 1)
        self._bars.update(self._run, description=f"{self._pair}: {text}")
        if self._bars.disable:
            self._bars.console.print(f"{self._pair}: {text}", highlight=False, soft_wrap=True)

    def within(self, done: int, of: int) -> None:
        """Shows how far the step under way is."""
        expected = max(self._total, self._before + self._step)
        share = (self._before + self._step * done / of) / expected if expected else 0.0
        # Where more turns out to be needed the bar waits; it does not go back.
        self._show(max(share, self._shown))

    def finish(self) -> None:
        """Ends the pair, measured or not."""
        self._show(1.0)

    def _show(self, share: float) -> None:
        self._bars.advance(self._run, share - self._shown)
        self._shown = share


class RunProgress:
    """The bar of a whole run, in pairs."""

    def __init__(self, bars: Progress, run: TaskID) -> None:
        self._bars = bars
        self._run = run

    @contextmanager
    def pair(self, pair: str) -> Iterator[PairProgress]:
        part = PairProgress(self._bars, self._run, pair)
        try:
            yield part
        finally:
            part.finish()


@contextmanager
def run_progress(pairs: int, console: Console | None = None) -> Iterator[RunProgress]:
    """Draws on standard error, so that standard output stays for results."""
    console = console or Console(stderr=True)
    bars = Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        speed_estimate_period=SPEED_WINDOW_S,
        disable=not console.is_terminal,
    )
    with bars:
        yield RunProgress(bars, bars.add_task("profiling", total=pairs))

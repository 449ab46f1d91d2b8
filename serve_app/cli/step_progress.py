"""How far a command of a few long steps is: a bar on a terminal, a line per step elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn


@contextmanager
def step_progress() -> Iterator[Callable[[str, int, int], None]]:
    """Takes (step, done, of); draws on standard error, standard output stays for results."""
    console = Console(stderr=True)
    bars = Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    with bars:
        bar = bars.add_task("", total=None)
        shown = ""

        def show(step: str, done: int, of: int) -> None:
            nonlocal shown
            if bars.disable and step != shown:
                console.print(step, highlight=False, soft_wrap=True)
            shown = step
            bars.update(bar, description=step, completed=done, total=of)

        yield show

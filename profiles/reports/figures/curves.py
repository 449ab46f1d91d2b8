"""How throughput and latency go with load: all pairs in one panel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from profiles.reports.figures.figure import Drawing, Panel
from profiles.reports.figures.labels import add_letters
from profiles.reports.figures.layout import Canvas, Margins, titled_axes
from profiles.reports.figures.style import Mark, Marks
from profiles.reports.formatting import quantity, short
from profiles.reports.summary import nearest_column
from serve_app.core.catalog import Catalog
from serve_app.core.profile import ErrorGrid

HEIGHT = 300
# Beyond this ratio a linear axis would press most values into one corner.
LOGARITHMIC_FROM = 12


@dataclass(frozen=True, slots=True)
class Curve:
    """One pair's values over concurrency. `halves` are half intervals, where they are known."""

    mark: Mark
    concurrency: tuple[int, ...]
    values: tuple[float, ...]
    halves: tuple[float, ...] | None


def load_figure(catalog: Catalog, marks: Marks, *, prompt_tokens: int) -> Drawing:
    """Tokens per second, and the medians of TTFT and TPOT, over concurrency."""
    rates, first, each = [], [], []
    for profile in catalog:
        surface, error = profile.latency, profile.latency.median_error
        column = nearest_column(profile, prompt_tokens)
        axis = (marks[profile.pair], surface.concurrency)
        rates.append(Curve(*axis, profile.throughput.decode_tokens_per_s, None))
        halves = _column(error.ttft_ms, column) if error else None
        first.append(Curve(*axis, _column(surface.ttft_ms.p50, column), halves))
        halves = _column(error.tpot_ms, column) if error else None
        each.append(Curve(*axis, _column(surface.tpot_ms.p50, column), halves))
    return Drawing(
        name="load",
        title="Throughput and latency as load grows",
        caption=f"Concurrency is requests at one replica. Latencies are of the measured prompt "
        f"length nearest to {prompt_tokens:,} tokens; bars are 95 % intervals of the medians, "
        f"where the profile has them.",
        panels=(
            _panel("Output tokens per second", rates),
            _panel("Time to first token, p50 ms", first),
            _panel("Time per output token, p50 ms", each),
        ),
        key=tuple(marks.values()),
    )


def _column(grid: ErrorGrid, column: int) -> tuple[float, ...]:
    return tuple(row[column] for row in grid)


def _panel(title: str, curves: Sequence[Curve]) -> Panel:
    told = "; ".join(
        f"{curve.mark.label}: {quantity(curve.values[0])} at {curve.concurrency[0]}, "
        f"{quantity(curve.values[-1])} at {curve.concurrency[-1]}"
        for curve in curves
    )

    def draw(canvas: Canvas) -> None:
        axes = titled_axes(canvas, title, Margins())
        clear_of: list[tuple[float, float]] = []
        for curve in curves:
            axes.errorbar(
                curve.concurrency,
                curve.values,
                yerr=curve.halves,
                color=curve.mark.colour,
                marker=curve.mark.shape,
                capsize=2.5,
                elinewidth=1.2,
            )
            clear_of += list(zip(curve.concurrency, curve.values, strict=True))[:-1]
        _scale(axes, curves)
        axes.set_xlabel("concurrency")
        axes.grid()
        axes.margins(x=0.1)
        ends = {c.mark.letter: (float(c.concurrency[-1]), c.values[-1]) for c in curves}
        add_letters(canvas, axes, ends, clear_of)

    return Panel(alt=f"{title} against concurrency. {told}.", height=HEIGHT, draw=draw)


def _scale(axes: Axes, curves: Sequence[Curve]) -> None:
    """Load by doublings; values from 0, or by ratio where they differ much."""
    values = [value for curve in curves for value in curve.values]
    if max(values) / min(values) < LOGARITHMIC_FROM:
        axes.set_ylim(bottom=0)
    else:
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: short(value)))
    steps = sorted({step for curve in curves for step in curve.concurrency})
    axes.set_xscale("log", base=2)
    axes.set_xticks(steps, [f"{step:,}" for step in steps])
    axes.xaxis.set_minor_locator(NullLocator())

"""How throughput and latency go with load: all pairs in one panel."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from profiles.reports.figures.figure import Drawing, Panel
from profiles.reports.figures.labels import add_letters
from profiles.reports.figures.layout import Canvas, Margins, titled_axes
from profiles.reports.figures.style import Mark, Marks
from profiles.reports.formatting import quantity, short
from profiles.reports.summary import nearest_column
from serve_app.core.catalog import Catalog
from serve_app.core.profile import ErrorGrid, Grid, Profile

HEIGHT = 300
# Beyond this ratio a linear axis would press most values into one corner.
LOGARITHMIC_FROM = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """One pair's values over concurrency. `halves` are half intervals, where they are known."""

    mark: Mark
    concurrency: tuple[int, ...]
    values: tuple[float, ...]
    halves: tuple[float, ...] | None


def load_figure(catalog: Catalog, marks: Marks, *, prompt_tokens: int) -> Drawing:
    """Tokens per second, and the medians of TTFT and TPOT, over concurrency."""
    first, each = "Time to first token, p50 ms", "Time per output token, p50 ms"
    curves = {
        "Output tokens per second": [_rates(p, marks) for p in catalog],
        first: [_medians(p, marks, _ttft(p), prompt_tokens) for p in catalog],
        each: [_medians(p, marks, _tpot(p), prompt_tokens) for p in catalog],
    }
    return Drawing(
        name="load",
        title="Throughput and latency as load grows",
        caption=f"Concurrency is requests at one replica. Latencies are of the measured prompt "
        f"length nearest to {prompt_tokens:,} tokens; bars are 95 % intervals of the medians, "
        f"where the profile has them.",
        panels=tuple(_panel(title, tuple(lines)) for title, lines in curves.items()),
        key=tuple(marks.values()),
    )


def _rates(profile: Profile, marks: Marks) -> Curve:
    return Curve(
        mark=marks[profile.pair],
        concurrency=profile.latency.concurrency,
        values=profile.throughput.decode_tokens_per_s,
        halves=None,
    )


def _ttft(profile: Profile) -> tuple[Grid, ErrorGrid | None]:
    error = profile.latency.median_error
    return profile.latency.ttft_ms.p50, None if error is None else error.ttft_ms


def _tpot(profile: Profile) -> tuple[Grid, ErrorGrid | None]:
    error = profile.latency.median_error
    return profile.latency.tpot_ms.p50, None if error is None else error.tpot_ms


def _medians(
    profile: Profile, marks: Marks, grids: tuple[Grid, ErrorGrid | None], prompt_tokens: int
) -> Curve:
    column = nearest_column(profile, prompt_tokens)
    medians, errors = grids
    return Curve(
        mark=marks[profile.pair],
        concurrency=profile.latency.concurrency,
        values=tuple(row[column] for row in medians),
        halves=None if errors is None else tuple(row[column] for row in errors),
    )


def _panel(title: str, curves: tuple[Curve, ...]) -> Panel:
    told = "; ".join(
        f"{curve.mark.label}: {quantity(curve.values[0])} at {curve.concurrency[0]}, "
        f"{quantity(curve.values[-1])} at {curve.concurrency[-1]}"
        for curve in curves
    )
    return Panel(
        alt=f"{title} against concurrency. {told}.",
        height=HEIGHT,
        draw=partial(_draw, title=title, curves=curves),
    )


def _draw(canvas: Canvas, *, title: str, curves: tuple[Curve, ...]) -> None:
    axes = titled_axes(canvas, title, Margins())
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
    _scale_values(axes, [value for curve in curves for value in curve.values])
    _scale_load(axes, sorted({step for curve in curves for step in curve.concurrency}))
    axes.set_xlabel("concurrency")
    axes.grid()
    axes.margins(x=0.1)
    points = [
        place for c in curves for place in zip(c.concurrency[:-1], c.values[:-1], strict=True)
    ]
    ends = {c.mark.letter: (float(c.concurrency[-1]), c.values[-1]) for c in curves}
    add_letters(canvas, axes, ends, points)


def _scale_values(axes: Axes, values: list[float]) -> None:
    if max(values) / min(values) < LOGARITHMIC_FROM:
        axes.set_ylim(bottom=0)
    else:
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: short(value)))


def _scale_load(axes: Axes, steps: list[int]) -> None:
    axes.set_xscale("log", base=2)
    axes.set_xticks(steps, [f"{step:,}" for step in steps])
    axes.xaxis.set_minor_locator(NullLocator())

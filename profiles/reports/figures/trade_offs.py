"""Draws the Pareto front, and the maps of which pair wins where."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from profiles.reports.figures.figure import Drawing, Panel
from profiles.reports.figures.labels import add_letters
from profiles.reports.figures.layout import Canvas, Margins, titled_axes
from profiles.reports.figures.style import EMPTY, MUTED, PAPER, Mark, Marks
from profiles.reports.formatting import MISSING, duration, open_ended, percent, usd
from profiles.reports.pareto import Dominance, Standing
from profiles.reports.wins import WinMap
from serve_app.core.profile import TaskAccuracy

FRONT_HEIGHT = 320
WIN_ROW_HEIGHT = 25
WIN_FRAME_HEIGHT = 84
LOGARITHMIC_FROM = 12
SMALLEST_RING, LARGEST_RING = 90.0, 900.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A pair on the front's plane; `ring` is its share of the largest third value."""

    mark: Mark
    x: float
    accuracy: TaskAccuracy
    ring: float
    beaten: bool


def front_figure(
    places: Sequence[Standing], dominated: Sequence[Dominance], marks: Marks
) -> Drawing:
    """Accuracy against cost with latency as the ring, and the other way round."""
    beaten = frozenset(d.worse.pair for d in dominated)
    costs = [place.usd_per_1000 for place in places]
    delays = [place.total_ms / 1000 for place in places]

    def points(across: list[float], rings: list[float]) -> tuple[Point, ...]:
        largest = max(rings) or 1.0
        return tuple(
            Point(
                mark=marks[place.pair],
                x=x,
                accuracy=place.accuracy,
                ring=ring / largest,
                beaten=place.pair in beaten,
            )
            for place, x, ring in zip(places, across, rings, strict=True)
        )

    return Drawing(
        name="front",
        title="The Pareto front",
        caption="Filled mark: on the Pareto front, no other pair is at least as good in all three. "
        "Hollow: dominated by another. Area of the ring: the third quantity; smaller is better. "
        "Vertical line: 95 % interval of the accuracy.",
        panels=(
            _front_panel(
                "Against cost; ring: latency", "USD per 1,000 requests", points(costs, delays)
            ),
            _front_panel("Against latency; ring: cost", "whole answer, s", points(delays, costs)),
        ),
        key=tuple(marks.values()),
    )


def wins_figure(maps: Sequence[WinMap], marks: Marks) -> Drawing:
    return Drawing(
        name="wins",
        title="Chosen pair by accuracy floor and latency budget",
        caption="Each cell is one decision of the router: the letter is the pair it chose for that "
        f"accuracy floor and latency budget. {MISSING}: no pair meets both.",
        panels=tuple(
            Panel(
                alt=_told_wins(won, marks),
                height=WIN_FRAME_HEIGHT + WIN_ROW_HEIGHT * len(won.floors),
                draw=partial(_draw_wins, won=won, marks=marks),
            )
            for won in maps
        ),
        key=tuple(marks.values()),
    )


def _front_panel(title: str, across: str, points: tuple[Point, ...]) -> Panel:
    told = "; ".join(
        f"{point.mark.label}: {percent(point.accuracy.mean)} at {usd(point.x)}"
        f"{', dominated' if point.beaten else ''}"
        for point in points
    )
    return Panel(
        alt=f"Accuracy against {across}. {told}.",
        height=FRONT_HEIGHT,
        draw=partial(_draw_front, title=title, across=across, points=points),
    )


def _draw_front(canvas: Canvas, *, title: str, across: str, points: tuple[Point, ...]) -> None:
    axes = titled_axes(canvas, title, Margins(left=52))
    for point in points:
        colour, mean = point.mark.colour, point.accuracy.mean
        size = SMALLEST_RING + point.ring * (LARGEST_RING - SMALLEST_RING)
        upper = mean if open_ended(point.accuracy) else point.accuracy.upper
        axes.vlines(point.x, point.accuracy.lower, upper, color=colour, linewidth=1.2)
        axes.scatter([point.x], [mean], s=size, color=colour, alpha=0.16, linewidth=0)
        face = PAPER if point.beaten else colour
        axes.scatter(
            [point.x], [mean], marker=point.mark.shape, s=48, c=face, edgecolors=colour, zorder=3
        )
    axes.margins(x=0.16, y=0.12)
    _scale_across(axes, [point.x for point in points])
    axes.yaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{100 * share:g}"))
    axes.set_xlabel(across)
    axes.set_ylabel("accuracy, %")
    axes.grid()
    add_letters(canvas, axes, {p.mark.letter: (p.x, p.accuracy.mean) for p in points})


def _scale_across(axes: Axes, values: list[float]) -> None:
    if min(values) > 0 and max(values) / min(values) >= LOGARITHMIC_FROM:
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 3)))
        axes.xaxis.set_minor_locator(NullLocator())
    else:
        axes.xaxis.set_major_locator(MaxNLocator(nbins=5))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: usd(max(value, 0.0))))


def _told_wins(won: WinMap, marks: Marks) -> str:
    shares = "; ".join(
        f"{'no pair' if pair is None else marks[pair].label}: {count} of {won.cells}"
        for pair, count in won.won.most_common()
    )
    return f"Chosen pair by accuracy floor and latency budget, {at_once(won)}. Cells won: {shares}."


def at_once(won: WinMap) -> str:
    if won.concurrency == 1:
        return "alone at each replica"
    return f"{won.concurrency:,} requests at each replica"


def _draw_wins(canvas: Canvas, *, won: WinMap, marks: Marks) -> None:
    axes = titled_axes(canvas, at_once(won).capitalize(), Margins(right=4, bottom=54))
    for row, chosen in enumerate(won.chosen):
        for column, pair in enumerate(chosen):
            _draw_cell(axes, row, column, None if pair is None else marks[pair])
    axes.set_xlim(-0.5, len(won.budgets_ms) - 0.5)
    axes.set_ylim(-0.5, len(won.floors) - 0.5)
    axes.set_xticks(range(len(won.budgets_ms)), map(duration, won.budgets_ms), rotation=40)
    axes.set_yticks(range(len(won.floors)), [f"{100 * floor:g}" for floor in won.floors])
    axes.set_xlabel("latency budget")
    axes.set_ylabel("accuracy floor, %")
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)


def _draw_cell(axes: Axes, row: int, column: int, mark: Mark | None) -> None:
    colour, ink, told = (
        (EMPTY, MUTED, MISSING) if mark is None else (mark.colour, PAPER, mark.letter)
    )
    place = Rectangle((column - 0.48, row - 0.46), 0.96, 0.92, facecolor=colour, linewidth=0)
    axes.add_patch(place)
    axes.text(column, row, told, ha="center", va="center", color=ink, weight="bold")

"""Draws the Pareto front, and the maps of which pair wins where."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from profiles.reports.figures.figure import Drawing, Panel
from profiles.reports.figures.labels import add_letters
from profiles.reports.figures.layout import Canvas, Cell, Margins, draw_cells, titled_axes
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


@dataclass(frozen=True, slots=True)
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
            Point(marks[place.pair], x, place.accuracy, ring / largest, place.pair in beaten)
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


def _front_panel(title: str, across: str, points: tuple[Point, ...]) -> Panel:
    told = "; ".join(
        f"{point.mark.label}: {percent(point.accuracy.mean)} at {usd(point.x)}"
        f"{', dominated' if point.beaten else ''}"
        for point in points
    )

    def draw(canvas: Canvas) -> None:
        axes = titled_axes(canvas, title, Margins(left=52))
        for point in points:
            colour, x, mean = point.mark.colour, point.x, point.accuracy.mean
            ring = SMALLEST_RING + point.ring * (LARGEST_RING - SMALLEST_RING)
            upper = mean if open_ended(point.accuracy) else point.accuracy.upper
            axes.vlines(x, point.accuracy.lower, upper, color=colour, linewidth=1.2)
            axes.scatter([x], [mean], s=ring, color=colour, alpha=0.16, linewidth=0)
            face, shape = PAPER if point.beaten else colour, point.mark.shape
            axes.scatter([x], [mean], marker=shape, s=48, c=face, edgecolors=colour, zorder=3)
        axes.margins(x=0.16, y=0.12)
        least, most = min(point.x for point in points), max(point.x for point in points)
        if least > 0 and most / least >= LOGARITHMIC_FROM:
            axes.set_xscale("log")
            axes.xaxis.set_major_locator(LogLocator(subs=(1, 3)))
            axes.xaxis.set_minor_locator(NullLocator())
        else:
            axes.xaxis.set_major_locator(MaxNLocator(nbins=5))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: usd(max(value, 0.0))))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{100 * share:g}"))
        axes.set_xlabel(across)
        axes.set_ylabel("accuracy, %")
        axes.grid()
        add_letters(canvas, axes, {p.mark.letter: (p.x, p.accuracy.mean) for p in points})

    return Panel(alt=f"Accuracy against {across}. {told}.", height=FRONT_HEIGHT, draw=draw)


def wins_figure(maps: Sequence[WinMap], marks: Marks) -> Drawing:
    cells: dict[str | None, Cell] = {m.pair: (m.letter, m.colour, PAPER) for m in marks.values()}
    cells[None] = (MISSING, EMPTY, MUTED)

    def panel(won: WinMap) -> Panel:
        def draw(canvas: Canvas) -> None:
            axes = titled_axes(canvas, at_once(won).capitalize(), Margins(right=4, bottom=54))
            draw_cells(axes, [[cells[pair] for pair in row] for row in won.chosen], weight="bold")
            axes.set_xticks(range(len(won.budgets_ms)), map(duration, won.budgets_ms), rotation=40)
            axes.set_yticks(range(len(won.floors)), [f"{100 * floor:g}" for floor in won.floors])
            axes.set_xlabel("latency budget")
            axes.set_ylabel("accuracy floor, %")

        shares = "; ".join(
            f"{'no pair' if pair is None else marks[pair].label}: {count} of {won.cells}"
            for pair, count in won.won.most_common()
        )
        alt = f"Chosen pair by accuracy floor and latency budget, {at_once(won)}. Cells won: "
        height = WIN_FRAME_HEIGHT + WIN_ROW_HEIGHT * len(won.floors)
        return Panel(alt=f"{alt}{shares}.", height=height, draw=draw)

    return Drawing(
        name="wins",
        title="Chosen pair by accuracy floor and latency budget",
        caption="Each cell is one decision of the router: the letter is the pair it chose for that "
        f"accuracy floor and latency budget. {MISSING}: no pair meets both.",
        panels=tuple(panel(won) for won in maps),
        key=tuple(marks.values()),
    )


def at_once(won: WinMap) -> str:
    if won.concurrency == 1:
        return "alone at each replica"
    return f"{won.concurrency:,} requests at each replica"

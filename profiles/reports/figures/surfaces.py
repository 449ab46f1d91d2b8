"""Latency surfaces as heat maps with their numbers, one panel per pair, one scale for all."""

from __future__ import annotations

from dataclasses import dataclass

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, to_rgb

from profiles.reports.figures.figure import Drawing, Panel
from profiles.reports.figures.layout import ROW_GAP, Canvas, Cell, Margins, draw_cells, titled_grid
from profiles.reports.figures.style import MUTED, Mark, Marks
from profiles.reports.formatting import quantity, short
from serve_app.core.catalog import Catalog
from serve_app.core.profile import ErrorGrid, Grid, LatencySurface, Quantiles

COLOURS = "YlGnBu"
CELL_HEIGHT = 30
FRAME_HEIGHT = 88
MARGINS = Margins(left=44, right=4, top=48, bottom=40)
WIDEST_BESIDE = 4
CAPTION = (
    "Darker is slower; the colours mean the same in every panel. Below a median, half of its 95 % "
    "interval, where the profile has it."
)
DARK_INK, LIGHT_INK = "#101418", "#fdfdfd"
# Relative luminance at which black and white figures are equally easy to read.
READABLE_BOTH = 0.18


@dataclass(frozen=True, slots=True)
class Quantity:
    """One latency of one pair, with half the interval of its medians where that is known."""

    mark: Mark
    surface: LatencySurface
    quantiles: Quantiles
    halves: ErrorGrid | None


def surface_figures(catalog: Catalog, marks: Marks) -> tuple[Drawing, ...]:
    """TTFT, TPOT and, where any profile has it, the whole answer."""
    ttft, tpot, answers = [], [], []
    for profile in catalog:
        mark, surface, error = marks[profile.pair], profile.latency, profile.latency.median_error
        ttft_halves, tpot_halves = (error.ttft_ms, error.tpot_ms) if error else (None, None)
        ttft.append(Quantity(mark, surface, surface.ttft_ms, ttft_halves))
        tpot.append(Quantity(mark, surface, surface.tpot_ms, tpot_halves))
        if surface.e2e_ms is not None:
            answers.append(Quantity(mark, surface, surface.e2e_ms, None))
    kinds = (
        ("ttft", "Time to first token, ms", ttft),
        ("tpot", "Time per output token, ms", tpot),
        ("answer", "Whole answer, ms", answers),
    )
    figures = []
    for name, title, every in kinds:
        grids = [grid for q in every for grid in (q.quantiles.p50, q.quantiles.p95)]
        values = [value for grid in grids for row in grid for value in row]
        if values:
            low, high = min(values), max(values)
            # One value everywhere has no range of its own.
            norm = LogNorm(low, high if high > low else 2 * low)
            panels = tuple(_panel(title, shown, norm) for shown in every)
            figures.append(Drawing(name=name, title=title, caption=CAPTION, panels=panels))
    return tuple(figures)


def _panel(title: str, shown: Quantity, norm: LogNorm) -> Panel:
    loads, lengths = shown.surface.concurrency, shown.surface.prompt_tokens
    p50, p95 = shown.quantiles.p50, shown.quantiles.p95
    rows, columns = (1, 2) if len(lengths) <= WIDEST_BESIDE else (2, 1)

    def draw(canvas: Canvas) -> None:
        every = titled_grid(canvas, shown.mark.label, MARGINS, rows=rows, columns=columns)
        _draw_grid(every[0], "p50", p50, shown.halves, norm)
        _draw_grid(every[1], "p95", p95, None, norm)
        for index, axes in enumerate(every):
            first, lowest = index % columns == 0, index // columns == rows - 1
            axes.set_xticks(range(len(lengths)), [short(n) for n in lengths] if lowest else [])
            axes.set_yticks(range(len(loads)), [f"{c:,}" for c in loads] if first else [])
            axes.set_xlabel("prompt tokens" if lowest else "")
            axes.set_ylabel("concurrency" if first else "")

    return Panel(
        alt=f"{title}, of {shown.mark.label}, over concurrency {loads[0]} to {loads[-1]} and "
        f"prompts of {lengths[0]} to {lengths[-1]} tokens: p50 from {quantity(p50[0][0])} to "
        f"{quantity(p50[-1][-1])}, p95 from {quantity(p95[0][0])} to {quantity(p95[-1][-1])}.",
        height=FRAME_HEIGHT + (rows - 1) * ROW_GAP + CELL_HEIGHT * len(loads) * rows,
        draw=draw,
    )


def _ink_on(colour: tuple[float, float, float]) -> str:
    linear = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour)
    luminance = sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
    return DARK_INK if luminance > READABLE_BOTH else LIGHT_INK


def _draw_grid(axes: Axes, name: str, grid: Grid, halves: ErrorGrid | None, norm: LogNorm) -> None:
    cells: list[list[Cell]] = []
    for row, values in enumerate(grid):
        cells.append([])
        for column, value in enumerate(values):
            colour = to_rgb(mpl.colormaps[COLOURS](float(norm(value))))
            told = short(value)
            if halves is not None:
                told += f"\n±{short(halves[row][column])}"
            cells[-1].append((told, colour, _ink_on(colour)))
    draw_cells(axes, cells)
    axes.invert_yaxis()
    axes.set_title(name, loc="left", fontsize=10.5, color=MUTED)

"""Latency surfaces as heat maps with their numbers, one panel per pair, one scale for all."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, to_rgb
from matplotlib.patches import Rectangle

from profiles.reports.figures.figure import Drawing, Panel
from profiles.reports.figures.layout import ROW_GAP, Canvas, Margins, titled_grid
from profiles.reports.figures.style import MUTED, Mark, Marks
from profiles.reports.formatting import quantity, short
from serve_app.core.catalog import Catalog
from serve_app.core.profile import ErrorGrid, Grid, LatencySurface, Quantiles

COLOURS = "YlGnBu"
CELL_HEIGHT = 30
FRAME_HEIGHT = 88
MARGINS = Margins(left=44, right=4, top=48, bottom=40)
WIDEST_BESIDE = 4
DARK_INK, LIGHT_INK = "#101418", "#fdfdfd"
# Relative luminance at which black and white figures are equally easy to read.
READABLE_BOTH = 0.18


@dataclass(frozen=True, slots=True, kw_only=True)
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
        mark, surface = marks[profile.pair], profile.latency
        error = surface.median_error
        ttft.append(
            _quantity(mark, surface, surface.ttft_ms, None if error is None else error.ttft_ms)
        )
        tpot.append(
            _quantity(mark, surface, surface.tpot_ms, None if error is None else error.tpot_ms)
        )
        if surface.e2e_ms is not None:
            answers.append(_quantity(mark, surface, surface.e2e_ms, None))
    kinds = (
        ("ttft", "Time to first token, ms", ttft),
        ("tpot", "Time per output token, ms", tpot),
        ("answer", "Whole answer, ms", answers),
    )
    return tuple(_figure(name, title, every) for name, title, every in kinds if every)


def _quantity(
    mark: Mark, surface: LatencySurface, quantiles: Quantiles, halves: ErrorGrid | None
) -> Quantity:
    return Quantity(mark=mark, surface=surface, quantiles=quantiles, halves=halves)


def _figure(name: str, title: str, every: list[Quantity]) -> Drawing:
    values = [
        v for q in every for grid in (q.quantiles.p50, q.quantiles.p95) for r in grid for v in r
    ]
    low, high = min(values), max(values)
    # One value everywhere has no range of its own.
    norm = LogNorm(low, high if high > low else 2 * low)
    return Drawing(
        name=name,
        title=title,
        caption="Darker is slower; the colours mean the same in every panel. Below a median, half "
        "of its 95 % interval, where the profile has it.",
        panels=tuple(_panel(title, quantity, norm) for quantity in every),
    )


def _panel(title: str, shown: Quantity, norm: LogNorm) -> Panel:
    surface = shown.surface
    beside = len(surface.prompt_tokens) <= WIDEST_BESIDE
    grids = 1 if beside else 2
    return Panel(
        alt=_told(title, shown),
        height=FRAME_HEIGHT
        + (grids - 1) * ROW_GAP
        + CELL_HEIGHT * len(surface.concurrency) * grids,
        draw=partial(_draw, shown=shown, norm=norm, beside=beside),
    )


def _told(title: str, shown: Quantity) -> str:
    surface, p50, p95 = shown.surface, shown.quantiles.p50, shown.quantiles.p95
    return (
        f"{title}, of {shown.mark.label}, over concurrency {surface.concurrency[0]} to "
        f"{surface.concurrency[-1]} and prompts of {surface.prompt_tokens[0]} to "
        f"{surface.prompt_tokens[-1]} tokens: p50 from {quantity(p50[0][0])} to "
        f"{quantity(p50[-1][-1])}, p95 from {quantity(p95[0][0])} to {quantity(p95[-1][-1])}."
    )


def _draw(canvas: Canvas, *, shown: Quantity, norm: LogNorm, beside: bool) -> None:
    rows, columns = (1, 2) if beside else (2, 1)
    every = titled_grid(canvas, shown.mark.label, MARGINS, rows=rows, columns=columns)
    _draw_grid(every[0], "p50", shown.quantiles.p50, shown.halves, norm)
    _draw_grid(every[1], "p95", shown.quantiles.p95, None, norm)
    loads, lengths = shown.surface.concurrency, shown.surface.prompt_tokens
    for index, axes in enumerate(every):
        first, lowest = index % columns == 0, index // columns == rows - 1
        axes.set_xticks(range(len(lengths)), [short(n) for n in lengths] if lowest else [])
        axes.set_yticks(range(len(loads)), [f"{c:,}" for c in loads] if first else [])
        axes.set_xlabel("prompt tokens" if lowest else "")
        axes.set_ylabel("concurrency" if first else "")


def _ink_on(colour: tuple[float, float, float]) -> str:
    linear = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour)
    luminance = sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
    return DARK_INK if luminance > READABLE_BOTH else LIGHT_INK


def _draw_grid(axes: Axes, name: str, grid: Grid, halves: ErrorGrid | None, norm: LogNorm) -> None:
    colours = mpl.colormaps[COLOURS]
    for row, values in enumerate(grid):
        for column, value in enumerate(values):
            colour = to_rgb(colours(float(norm(value))))
            axes.add_patch(
                Rectangle((column - 0.49, row - 0.48), 0.98, 0.96, facecolor=colour, linewidth=0)
            )
            told = short(value)
            if halves is not None:
                told += f"\n±{short(halves[row][column])}"
            axes.text(column, row, told, ha="center", va="center", color=_ink_on(colour))
    axes.set_title(name, loc="left", fontsize=10.5, color=MUTED)
    axes.set_xlim(-0.5, len(grid[0]) - 0.5)
    axes.set_ylim(len(grid) - 0.5, -0.5)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)

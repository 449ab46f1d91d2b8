"""Draws what weights and thresholds do: accuracy against cost and latency, floors kept."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from profiles.reports.figures.style import INK, MUTED, SERIES, look
from profiles.tuning.case import Saved
from profiles.tuning.certainty import KEPT, CertaintyCurve
from profiles.tuning.sweep import Result
from profiles.tuning.tune import Tuning

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PANEL_IN = (5.6, 5.4)
DPI = 140
LEAST_SPREAD = 0.05
# Colours alone do not tell marks apart that lie on each other.
MARKS: Mapping[str, tuple[str, float]] = {
    "the reference pair": ("s", 13),
    "the best single pair": ("p", 11),
    "always the cheapest": ("v", 9),
    "the oracle": ("*", 13),
}
SHAPES: Mapping[str, str] = {"batch": "D", "balanced": "o", "quality": "^", "chat": "o"}
AXES: Mapping[Saved, str] = {
    "cost": "cost, % of the reference pair's",
    "latency": "predicted ms per answer, at the deadline's quantile",
}


def draw(tuning: Tuning, path: Path) -> None:
    """One picture, PNG or SVG by the name of `path`. Raises `OSError`."""
    from matplotlib.figure import Figure

    known: tuple[Saved, ...] = ("cost", "latency")
    saved = [one for one in known if any(advice.saved == one for advice in tuning.presets)]
    panels = len(saved) + 1
    with look():
        figure = Figure(figsize=(PANEL_IN[0] * panels, PANEL_IN[1]), layout="constrained")
        figure.set_facecolor("white")
        axes = figure.subplots(1, panels)
        for one, what in zip(axes, saved, strict=False):
            _draw_curve(one, tuning, what)
        _draw_certainty(axes[-1], tuning.certainty)
        figure.suptitle(f"{tuning.prompts:,} prompts, against {tuning.reference}")
        figure.savefig(path, dpi=DPI)


def _draw_curve(axes: Axes, tuning: Tuning, saved: Saved) -> None:
    """All weights as a line, with its interval against the reference pair; advice as marks."""
    tuned = [one for one in tuning.presets if one.saved == saved]
    reference = tuning.marks["the reference pair"].accuracy
    results = sorted((point.result for point in tuned[0].curve), key=lambda r: _place(r, saved))
    spent = [_place(result, saved)[0] for result in results]
    axes.plot(spent, [100 * one.accuracy for one in results], color=INK, label="all weights")
    axes.fill_between(
        spent,
        [100 * (reference + one.change_interval.lower) for one in results],
        [100 * (reference + one.change_interval.upper) for one in results],
        color=MUTED,
        alpha=0.18,
        linewidth=0,
        label="95 % interval",
    )
    for name, result in tuning.marks.items():
        shape, size = MARKS[name]
        _mark(axes, _place(result, saved), shape, size, MUTED, name, full=name == "the oracle")
    for one, colour in zip(tuned, SERIES, strict=False):
        shape = SHAPES[one.preset]
        now, best = _place(one.present, saved), _place(one.aside, saved)
        _mark(axes, now, shape, 10, colour, f"{one.preset}, now", full=False)
        _mark(axes, best, shape, 7, colour, f"{one.preset}, best on other prompts", full=True)
    axes.set(xlabel=AXES[saved], ylabel="answered right, %")
    _finish(axes, f"Accuracy against {saved}")


def _mark(
    axes: Axes,
    at: tuple[float, float],
    shape: str,
    size: float,
    colour: str,
    label: str,
    *,
    full: bool,
) -> None:
    fill = "full" if full else "none"
    # A marker without a style of line draws no line.
    axes.plot(*at, shape, ms=size, fillstyle=fill, color=colour, label=label, zorder=3)


def _place(result: Result, saved: Saved) -> tuple[float, float]:
    spent = 100 * result.cost_share if saved == "cost" else result.total_ms or 0.0
    return spent, 100 * result.accuracy


def _draw_certainty(axes: Axes, curve: CertaintyCurve) -> None:
    at = [point.certainty for point in curve.points]
    kept = [100 * point.share for point in curve.points]
    axes.plot(at, kept, marker="o", color=SERIES[0], label="cells kept")
    worst = [100 * point.worst for point in curve.points]
    axes.plot(at, worst, color=SERIES[0], linestyle=":", label="in the worst split")
    axes.axhline(100 * KEPT, color=MUTED, linewidth=0.9, linestyle="--", label=f"{KEPT:.0%}")
    cost = axes.twinx()
    cost.spines["right"].set_visible(True)
    usd = [1e3 * point.usd for point in curve.points]
    (line,) = cost.plot(at, usd, marker="s", markersize=5, color=SERIES[1])
    axes.plot([], [], marker="s", markersize=5, color=line.get_color(), label="cost, right scale")
    # A change of far less than a hundredth should not look like one.
    room = max(0.0, LEAST_SPREAD * max(usd) - (max(usd) - min(usd))) / 2
    cost.update_datalim([(at[0], min(usd) - room), (at[0], max(usd) + room)])
    cost.autoscale_view()
    cost.set_ylabel("US dollars per 1,000 prompts", color=SERIES[1])
    axes.set(
        xlabel="certainty of floors, standard errors", ylabel="reachable cells that are kept, %"
    )
    _finish(axes, "Floors kept, and what they cost")


def _finish(axes: Axes, title: str) -> None:
    axes.set_title(title, loc="left", fontsize=11, color=INK)
    axes.grid(visible=True)
    axes.legend(
        fontsize=8.5, frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.13), ncols=2
    )

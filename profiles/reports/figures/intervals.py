"""Dots with intervals: every pair side by side, one panel per task."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.ticker import FuncFormatter, MaxNLocator

from profiles.reports.figures.figure import Drawing, Panel
from profiles.reports.figures.layout import CHARACTER_WIDTH, Canvas, Margins, titled_axes
from profiles.reports.figures.style import INK, MUTED, Mark, Marks, middle_cut
from profiles.reports.formatting import open_ended, points
from serve_app.core.catalog import Catalog
from serve_app.core.profile import TaskAccuracy

ROW_HEIGHT = 23
FRAME_HEIGHT = 68
FIRST = ("overall", "easy", "medium", "hard")
# By task, difficulty or benchmark, whatever names those.
ByScope = Mapping[Any, TaskAccuracy]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dot:
    """A value between the ends of its interval, `upper` as far as it is known.

    `label` names its row, `told` is the value as text.
    """

    label: str
    mark: Mark
    middle: float
    lower: float
    upper: float | None
    told: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """One for all panels of a figure; a `zero` line where values have a sign."""

    lowest: float
    highest: float
    label: str
    signed: bool = False


ACCURACY_CAPTION = (
    "Dot: share of items graded right. Line: its 95 % interval, dotted where its upper end is not "
    "known. Where two lines overlap widely, the items do not tell the pairs apart."
)
SHARES = Scale(lowest=0, highest=1, label="graded right, %")


def accuracy_figures(catalog: Catalog, marks: Marks) -> tuple[Drawing, ...]:
    """Those of the accuracies that any profile has."""
    kinds: dict[tuple[str, str], dict[str, ByScope]] = {
        ("accuracy-by-task", "Accuracy by task"): {p.pair: p.accuracy for p in catalog},
        ("accuracy-by-difficulty", "Accuracy by difficulty"): {
            p.pair: p.accuracy_by_difficulty for p in catalog
        },
        ("benchmarks", "Standard benchmarks"): {p.pair: p.benchmarks for p in catalog},
    }

    def dot(pair: str, accuracy: TaskAccuracy) -> Dot:
        return Dot(
            label=f"{marks[pair].name}  {marks[pair].letter}",
            mark=marks[pair],
            middle=accuracy.mean,
            lower=accuracy.lower,
            upper=None if open_ended(accuracy) else accuracy.upper,
            told=f"{100 * accuracy.mean:.1f}",
        )

    figures = []
    for (name, title), by_pair in kinds.items():
        panels = []
        for scope in _ordered({scope for measured in by_pair.values() for scope in measured}):
            measured = {pair: found[scope] for pair, found in by_pair.items() if scope in found}
            dots = [dot(pair, accuracy) for pair, accuracy in measured.items()]
            panels.append(_panel(_words(scope), dots, SHARES))
        if panels:
            figures.append(
                Drawing(name=name, title=title, caption=ACCURACY_CAPTION, panels=tuple(panels))
            )
    return tuple(figures)


def parent_figures(catalog: Catalog, marks: Marks) -> tuple[Drawing, ...]:
    """What quantizing changed, per pair and task; none when no profile has it."""
    paired = {p.pair: p.against_parent for p in catalog if p.against_parent}
    if not paired:
        return ()
    every = [change for by_task in paired.values() for change in by_task.values()]
    reach = max(max(abs(c.lower), abs(c.upper)) for c in every) or 0.01
    scale = Scale(lowest=-reach, highest=reach, label="change, points", signed=True)

    def dot(pair: str, task: Any) -> Dot:
        change = paired[pair][task]
        return Dot(
            label=_words(task),
            mark=marks[pair],
            middle=change.change,
            lower=change.lower,
            upper=change.upper,
            told=points(change.change),
        )

    figure = Drawing(
        name="change-against-parent",
        title="Change against the unquantized parent",
        caption="Paired over the same items, so a loss shows that is far smaller than either "
        "accuracy's own interval. An interval that crosses the line at 0 proves no change.",
        panels=tuple(
            _panel(marks[pair].label, [dot(pair, task) for task in _ordered(by_task)], scale)
            for pair, by_task in paired.items()
        ),
    )
    return (figure,)


def _ordered(scopes: Iterable[str]) -> list[str]:
    """Those of `FIRST` in its order, then the others by name."""
    return sorted(scopes, key=lambda scope: ([scope != first for first in FIRST], scope))


def _words(scope: str) -> str:
    return middle_cut(scope.replace("_", " "), 40)


def _panel(title: str, dots: Sequence[Dot], scale: Scale) -> Panel:
    told = "; ".join(f"{dot.label}: {dot.told}" for dot in dots)

    def draw(canvas: Canvas) -> None:
        longest = max(len(dot.label) for dot in dots)
        axes = titled_axes(canvas, title, Margins(left=12 + CHARACTER_WIDTH * longest, right=46))
        for row, dot in enumerate(dots):
            colour = dot.mark.colour
            known_to = dot.middle if dot.upper is None else dot.upper
            axes.plot([dot.lower, known_to], [row, row], color=colour, solid_capstyle="round")
            if dot.upper is None:
                axes.plot([dot.middle, scale.highest], [row, row], ":", color=colour)
            axes.plot([dot.middle], [row], dot.mark.shape, color=colour, markersize=7)
            axes.text(
                1.03, row, dot.told, transform=axes.get_yaxis_transform(), va="center", color=INK
            )
        axes.set_yticks(range(len(dots)), [dot.label for dot in dots], color=INK)
        axes.set_ylim(len(dots) - 0.4, -0.6)
        axes.set_xlim(scale.lowest, scale.highest)
        axes.xaxis.set_major_locator(MaxNLocator(nbins=5))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{100 * share:g}"))
        axes.set_xlabel(scale.label)
        axes.grid(axis="x")
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        if scale.signed:
            axes.axvline(0, color=MUTED, linewidth=1)

    return Panel(
        alt=f"{title}, {scale.label}. {told}.",
        height=FRAME_HEIGHT + ROW_HEIGHT * len(dots),
        draw=draw,
    )

"""Where things stand on a panel, in points from its edges.

matplotlib's own layout would measure every text first, which takes longer than drawing does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.patches import Rectangle
from matplotlib.transforms import BboxBase
from matplotlib.typing import ColorType

Canvas = Figure | SubFigure
POINTS_PER_INCH = 72
TITLE_HEIGHT = 26
TITLE_SIZE = 12
COLUMN_GAP, ROW_GAP = 10, 26
# An average character of a row's label, at the size of labels; wide enough for capitals.
CHARACTER_WIDTH = 6.1


# Text, its background and its own colour.
Cell = tuple[str, ColorType, ColorType]


@dataclass(frozen=True, slots=True, kw_only=True)
class Margins:
    """What axes leave free around them; the top has room for the panel's title."""

    left: float = 44
    right: float = 16
    top: float = TITLE_HEIGHT + 4
    bottom: float = 40


def titled_axes(canvas: Canvas, title: str, margins: Margins) -> Axes:
    """The panel's only axes, under its title."""
    return titled_grid(canvas, title, margins, rows=1, columns=1)[0]


def titled_grid(
    canvas: Canvas, title: str, margins: Margins, *, rows: int, columns: int
) -> list[Axes]:
    """Equal axes in rows and columns under the panel's title, row by row."""
    width, height = points_of(canvas, canvas.bbox)
    canvas.text(4 / width, 1 - 8 / height, title, va="top", weight="bold", size=TITLE_SIZE)
    inner_width = (width - margins.left - margins.right - COLUMN_GAP * (columns - 1)) / columns
    inner_height = (height - margins.top - margins.bottom - ROW_GAP * (rows - 1)) / rows
    size = (inner_width / width, inner_height / height)
    return [
        canvas.add_axes(
            (
                (margins.left + column * (inner_width + COLUMN_GAP)) / width,
                1 - (margins.top + inner_height + row * (inner_height + ROW_GAP)) / height,
                *size,
            )
        )
        for row in range(rows)
        for column in range(columns)
    ]


def draw_cells(axes: Axes, cells: Sequence[Sequence[Cell]], *, weight: str = "normal") -> None:
    """Fills axes with rows of cells, the first row at the bottom; ticks stand at whole numbers."""
    for row, line in enumerate(cells):
        for column, (text, colour, ink) in enumerate(line):
            corner = (column - 0.49, row - 0.48)
            axes.add_patch(Rectangle(corner, 0.98, 0.96, facecolor=colour, linewidth=0))
            axes.text(column, row, text, ha="center", va="center", color=ink, weight=weight)
    axes.set_xlim(-0.5, len(cells[0]) - 0.5)
    axes.set_ylim(-0.5, len(cells) - 0.5)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)


def points_of(canvas: Canvas, box: BboxBase) -> tuple[float, float]:
    """Width and height of a box that matplotlib gives in pixels."""
    root = canvas.get_figure(root=True)
    assert root is not None
    scale = POINTS_PER_INCH / root.dpi
    return box.width * scale, box.height * scale

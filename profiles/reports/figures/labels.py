"""Puts each pair's letter next to its mark, clear of other marks and letters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import hypot

from matplotlib.axes import Axes

from profiles.reports.figures.layout import Canvas, points_of
from profiles.reports.figures.style import INK

# In points, from a mark to its letter and between any two things.
OFFSET = 12
CLEARANCE = 10
DIRECTIONS = ((1, 0), (1, 1), (1, -1), (0, 1), (0, -1), (-1, 0), (-1, 1), (-1, -1))
REACH = (1, 1.6, 2.4)
OFFSETS = [(OFFSET * r * x, OFFSET * r * y) for r in REACH for x, y in DIRECTIONS]
Place = tuple[float, float]


def add_letters(
    canvas: Canvas, axes: Axes, marks: Mapping[str, Place], others: Sequence[Place] = ()
) -> None:
    """`marks` are where the letters' marks stand, `others` what else to stay clear of.

    Call it when the axes' limits and scales are final.
    """
    axes.autoscale_view()
    to_share = axes.transScale + axes.transLimits
    width, height = points_of(canvas, axes.bbox)

    def spot(place: Place) -> Place:
        across, up = to_share.transform(place)
        return float(across * width), float(up * height)

    taken = [spot(place) for place in (*marks.values(), *others)]
    for letter, place in marks.items():
        x, y = spot(place)
        # The nearest offset that nothing has taken, or the first of all.
        free = (
            (across, up)
            for across, up in OFFSETS
            if all(hypot(x + across - a, y + up - b) >= CLEARANCE for a, b in taken)
        )
        offset = next(free, OFFSETS[0])
        taken.append((x + offset[0], y + offset[1]))
        axes.annotate(
            letter,
            place,
            xytext=offset,
            textcoords="offset points",
            ha="center",
            va="center",
            color=INK,
            annotation_clip=False,
        )

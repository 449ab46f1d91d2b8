"""Draws what a measurement of routers found."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from profiles.learning.quality import Quality


def draw(routers: Mapping[str, Quality], path: Path, *, title: str) -> None:
    """Gap recovered, cost against accuracy, and reliability, one line per router."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(15, 4.5), layout="constrained")
    gap, cost, calibration = figure.subplots(1, 3)
    for name, quality in routers.items():
        share = np.linspace(0, 100, len(quality.two.curve))
        gap.plot(share, quality.two.curve, label=name)
        points = quality.many.curve
        cost.plot([1e3 * p.cost for p in points], [p.accuracy for p in points], label=name)
        bins = quality.reliability
        calibration.plot([b.predicted for b in bins], [b.got for b in bins], marker=".", label=name)
    calibration.plot((0, 1), (0, 1), color="grey", linestyle=":")
    gap.set(xlabel="prompts to the strong model, %", ylabel="performance gap recovered")
    cost.set(xlabel="US dollars per 1,000 prompts", ylabel="answered right", xscale="log")
    calibration.set(xlabel="predicted success", ylabel="answered right")
    gap.legend(fontsize="small")
    figure.suptitle(title)
    figure.savefig(path, dpi=110)

"""Numbers and names as people read them."""

from __future__ import annotations

from math import floor, log10

from serve_app.core.profile import TaskAccuracy

MISSING = "\N{EN DASH}"
TIMES = "\N{MULTIPLICATION SIGN}"
MINUS = "\N{MINUS SIGN}"
LONGEST_NAME = 60


def quantity(value: float) -> str:
    """Three digits at most before the point stay exact to a tenth; larger numbers lose it."""
    if value == 0:
        return "0"
    if abs(value) >= 99.95:
        return f"{value:,.0f}"
    if abs(value) >= 9.995:
        return f"{value:.1f}"
    if abs(value) >= 0.01:
        return f"{value:.2f}"
    return f"{value:.1g}"


def short(value: float) -> str:
    """A number for a small space: two or three digits, thousands as `k`."""
    if value >= 9_950:
        return f"{value / 1000:.0f}k"
    if value >= 9.95 or value == 0:
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= 0.95 else f"{value:.2f}"


def usd(value: float) -> str:
    """Three significant digits, whatever the size."""
    if value == 0:
        return "0"
    decimals = max(0, 2 - floor(log10(value)))
    text = f"{value:,.{decimals}f}"
    return text.rstrip("0").rstrip(".") if decimals else text


def duration(milliseconds: float) -> str:
    """Three significant digits."""
    if milliseconds < 1000:
        return f"{milliseconds:.3g} ms"
    return f"{milliseconds / 1000:.3g} s" if milliseconds < 1e6 else f"{milliseconds / 1000:,.0f} s"


def size(count: int) -> str:
    for unit, scale in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= scale:
            return f"{quantity(count / scale)} {unit}"
    return f"{count} B"


def percent(share: float) -> str:
    return f"{100 * share:.1f}\N{NO-BREAK SPACE}%"


def open_ended(accuracy: TaskAccuracy) -> bool:
    """Whether the source gave no upper end: a Wilson interval reaches 1 only from a mean of 1."""
    return accuracy.upper == 1.0 and accuracy.mean < 1.0


def interval(accuracy: TaskAccuracy) -> str:
    """Between which ends, as far as they are known."""
    if open_ended(accuracy):
        return f"{percent(accuracy.lower)} or more"
    return f"{percent(accuracy.lower)} to {percent(accuracy.upper)}"


def points(change: float) -> str:
    """A change of a share, in percentage points with its sign."""
    rounded = round(100 * change, 1)
    if rounded == 0:
        return "0.0"
    return f"{'+' if rounded > 0 else MINUS}{abs(rounded):.1f}"


def plain(name: str) -> str:
    """A name without what does not print, cut where it would break a layout."""
    printable = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in name)
    if len(printable) <= LONGEST_NAME:
        return printable
    return f"{printable[: LONGEST_NAME - 1]}…"


def listed(names: list[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)

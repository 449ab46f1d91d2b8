"""Whether a profile's accuracies rest on enough items to decide a floor."""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil

from profiles.publishing.finding import Finding
from serve_app.core.intervals import wilson
from serve_app.core.profile import Profile, TaskAccuracy

MOST_ITEMS = 100_000


def floor_findings(profile: Profile, floor: float) -> Iterator[Finding]:
    """Refuses sets on which no pair could reach the floor; warns of those that leave it open.

    An interval that lies wholly on one side of the floor decides, however few its items.
    """
    hopeless: list[str] = []
    open_: list[str] = []
    needed: list[str] = []
    for scope, accuracy in profile.accuracy.items():
        upper = upper_end(accuracy)
        if not accuracy.lower < floor <= upper:
            continue
        told = (
            f"{scope} {accuracy.mean:.3f} ({accuracy.lower:.3f} to {upper:.3f}) on "
            f"{accuracy.items} items"
        )
        if wilson(1.0, accuracy.items)[0] < floor:
            hopeless.append(told)
        else:
            open_.append(told)
            needed.append(f"{_items_to_decide(accuracy, floor)} ({scope})")
    if hopeless:
        yield Finding(
            pair=profile.pair,
            field="accuracy",
            got=", ".join(hopeless),
            allowed=(
                f"a floor of {floor:g} needs at least {items_to_pass(floor)} items: with fewer, "
                f"even a pair that gets all right is below it"
            ),
            advice="evaluate it on more items, or give the floor it is to decide (--floor)",
        )
    if open_:
        yield Finding(
            pair=profile.pair,
            field="accuracy",
            severity="warning",
            got=", ".join(open_),
            allowed=f"a floor of {floor:g} lies inside: the pair is rejected, and may be good",
            advice=f"to decide it would take about {', '.join(needed)}",
        )


def items_to_pass(floor: float) -> int:
    """The fewest items on which a pair that gets all right reaches `floor`."""
    enough = (items for items in range(1, MOST_ITEMS) if wilson(1.0, items)[0] >= floor)
    return next(enough, MOST_ITEMS)


def upper_end(accuracy: TaskAccuracy) -> float:
    """The stored end, or the one its items give where a source gave none."""
    return min(accuracy.upper, wilson(accuracy.mean, accuracy.items)[1])


def _items_to_decide(accuracy: TaskAccuracy, floor: float) -> str:
    """Half an interval shrinks with the root of the items; it must fit next to the floor."""
    above = accuracy.mean >= floor
    half = accuracy.mean - accuracy.lower if above else upper_end(accuracy) - accuracy.mean
    distance = abs(accuracy.mean - floor)
    needed = ceil(accuracy.items * (half / distance) ** 2) if distance else MOST_ITEMS
    if needed >= MOST_ITEMS:
        return "more items than there can be"
    return f"{max(needed, accuracy.items + 1)} items"

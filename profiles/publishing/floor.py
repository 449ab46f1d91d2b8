"""Whether a profile's accuracies rest on enough items to decide a floor."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import ceil

from profiles.publishing.finding import Finding
from serve_app.core.intervals import wilson
from serve_app.core.profile import Profile, TaskAccuracy

MOST_ITEMS = 100_000


def floor_findings(profile: Profile, floor: float) -> Iterator[Finding]:
    """Refuses sets on which no pair could reach the floor; warns of those that leave it open.

    An interval that lies wholly on one side of the floor decides, however few its items.
    """
    undecided: dict[str, TaskAccuracy] = {
        scope: accuracy
        for scope, accuracy in profile.accuracy.items()
        if accuracy.lower < floor <= upper_end(accuracy)
    }
    hopeless = {
        scope: accuracy
        for scope, accuracy in undecided.items()
        if wilson(1.0, accuracy.items)[0] < floor
    }
    if hopeless:
        yield Finding(
            pair=profile.pair,
            field="accuracy",
            severity="refused",
            got=_listed(hopeless),
            allowed=(
                f"a floor of {floor:g} needs at least {items_to_pass(floor)} items: with fewer, "
                f"even a pair that gets all right is below it"
            ),
            advice="evaluate it on more items, or give the floor it is to decide (--floor)",
        )
    open_ = {scope: accuracy for scope, accuracy in undecided.items() if scope not in hopeless}
    if open_:
        yield Finding(
            pair=profile.pair,
            field="accuracy",
            severity="warning",
            got=_listed(open_),
            allowed=f"a floor of {floor:g} lies inside: the pair is rejected, and may be good",
            advice="to decide it would take about "
            + ", ".join(
                f"{_needed(accuracy, floor)} ({scope})" for scope, accuracy in open_.items()
            ),
        )


def items_to_pass(floor: float) -> int:
    """The fewest items on which a pair that gets all right reaches `floor`."""
    enough = (items for items in range(1, MOST_ITEMS) if wilson(1.0, items)[0] >= floor)
    return next(enough, MOST_ITEMS)


def upper_end(accuracy: TaskAccuracy) -> float:
    """The stored end, or the one its items give where a source gave none."""
    return min(accuracy.upper, wilson(accuracy.mean, accuracy.items)[1])


def _listed(accuracies: Mapping[str, TaskAccuracy]) -> str:
    return ", ".join(
        f"{scope} {accuracy.mean:.3f} ({accuracy.lower:.3f} to {upper_end(accuracy):.3f}) on "
        f"{accuracy.items} items"
        for scope, accuracy in accuracies.items()
    )


def _needed(accuracy: TaskAccuracy, floor: float) -> str:
    """Half an interval shrinks with the root of the items; it must fit next to the floor."""
    above = accuracy.mean >= floor
    half = accuracy.mean - accuracy.lower if above else upper_end(accuracy) - accuracy.mean
    distance = abs(accuracy.mean - floor)
    needed = ceil(accuracy.items * (half / distance) ** 2) if distance else MOST_ITEMS
    if needed >= MOST_ITEMS:
        return "more items than there can be"
    return f"{max(needed, accuracy.items + 1)} items"

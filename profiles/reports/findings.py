"""What a reader should know first, in sentences."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from profiles.reports.figures.style import Marks
from profiles.reports.formatting import duration, listed, percent, usd
from profiles.reports.pareto import Dominance, Standing
from serve_app.core.catalog import Catalog

OVERLAP = " Accuracy intervals overlap: other items may say otherwise."


def findings(
    catalog: Catalog,
    places: Sequence[Standing],
    dominated: Sequence[Dominance],
    marks: Marks,
) -> tuple[str, ...]:
    """Who is best in what, who is beaten in everything, and what to be careful of."""
    if len(places) == 1:
        (only,) = places
        lines = [f"{marks[only.pair].label}: {_merits(only)}."]
        return (*lines, *_cautions(catalog, marks))
    lines = []
    leaders = {
        "most accurate": max(places, key=lambda p: p.accuracy.mean).pair,
        "fastest": min(places, key=lambda p: p.total_ms).pair,
        "cheapest": min(places, key=lambda p: p.usd_per_1000).pair,
    }
    for place in places:
        if titles := [title for title, pair in leaders.items() if pair == place.pair]:
            lines.append(f"{marks[place.pair].label} is the {listed(titles)}: {_merits(place)}.")
    beaten = {d.worse.pair for d in dominated}
    front = [place.pair for place in places if place.pair not in beaten]
    lines += _dominated(dominated, marks)
    lines.append(f"On the Pareto front: {_labels(front, marks)}.")
    return (*lines, *_cautions(catalog, marks))


def _dominated(dominated: Sequence[Dominance], marks: Marks) -> Iterator[str]:
    beaten_by: dict[tuple[str, ...], list[str]] = {}
    for pair in dict.fromkeys(d.worse.pair for d in dominated):
        by = tuple(d.by.pair for d in dominated if d.worse.pair == pair)
        beaten_by.setdefault(by, []).append(pair)
    told_apart = {(d.worse.pair, d.by.pair) for d in dominated if d.told_apart}
    for by, beaten in beaten_by.items():
        sure = all((worse, better) in told_apart for worse in beaten for better in by)
        yield (
            f"{_labels(beaten, marks)} {'is' if len(beaten) == 1 else 'are'} dominated by "
            f"{_labels(by, marks)}: no better in accuracy, latency or cost, and worse in one of "
            f"them at least.{'' if sure else OVERLAP}"
        )


def _cautions(catalog: Catalog, marks: Marks) -> Iterator[str]:
    """Pairs that may not serve, that are not validated, or that were not measured here."""
    for profile in catalog:
        if profile.golden is not None and not profile.golden.passed:
            reason = profile.golden.reason or "no reason given"
            yield f"{marks[profile.pair].label} failed the golden gate and may not serve: {reason}."
    if unchecked := [p.pair for p in catalog if p.golden is None]:
        yield f"The golden gate has not been run for {_labels(unchecked, marks)}."
    if published := [p.pair for p in catalog if p.provenance.origin == "published"]:
        yield (
            f"Published by others, not measured on this hardware: {_labels(published, marks)}. The "
            f"router adds a margin to their latencies, and so do the figures that predict."
        )


def _labels(pairs: Sequence[str], marks: Marks) -> str:
    return listed([marks[pair].label for pair in pairs])


def _merits(place: Standing) -> str:
    return (
        f"{percent(place.accuracy.mean)} graded right, {duration(place.total_ms)} for the whole "
        f"answer, {usd(place.usd_per_1000)} USD per 1,000 requests"
    )

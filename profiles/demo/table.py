"""The demonstration on a terminal: one table that fills in, and one line that sums it up."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from statistics import median

from rich.table import Table
from rich.text import Text

from profiles.demo.run import Reply, Row

LONGEST_PROMPT = 60
_FIGURES = re.compile(r", -?[\d.]+ \(.*\)$")


def table(rows: Sequence[Row], largest: str) -> Table:
    """One row per group: prompt, constraints, pair and reason, times, tokens, costs, grades."""
    shown = Table(title=f"Routed requests, and the same requests sent to {largest}")
    shown.add_column("prompt and constraints", ratio=3)
    shown.add_column("pair and reason", ratio=3)
    shown.add_column("predicted\nactual", justify="right", no_wrap=True)
    shown.add_column("tokens", justify="right", no_wrap=True)
    shown.add_column("cost, of\nlargest", justify="right", no_wrap=True)
    shown.add_column("routed\nlargest", no_wrap=True)
    for row in rows:
        routed, pinned = row.routed, row.largest
        counts = Counter(reply.pair or "refused" for reply in routed).most_common()
        pairs = [f"{pair} x{count}" if len(routed) > 1 else pair for pair, count in counts]
        choice = Text(", ".join(pairs), style="bold" if routed[0].pair else "red")
        choice.append(f"\n{routed[0].error or _short(routed[0])}", style="not bold dim")
        slowest = max(routed, key=lambda reply: reply.total_ms)
        predicted = "-" if slowest.predicted_ms is None else f"{slowest.predicted_ms / 1000:.1f} s"
        cost = "-"
        if _cost(pinned):
            cost = f"{_cost(routed) * 1e6:.1f} uUSD\n{_cost(routed) / _cost(pinned):.0%}"
        shown.add_row(
            _request(row),
            choice,
            f"{predicted}\n{slowest.total_ms / 1000:.1f} s",
            str(sum(reply.output_tokens for reply in routed)),
            cost,
            Text.assemble(_grade(routed), "\n", _grade(pinned)),
        )
    return shown


def summary(rows: Sequence[Row], largest: str) -> str:
    """Both sides over all requests. Refused requests count as wrong and cost nothing."""
    routed = [reply for row in rows for reply in row.routed]
    pinned = [reply for row in rows for reply in row.largest]
    share = _cost(routed) / _cost(pinned) if _cost(pinned) else None
    pairs = Counter(reply.pair for reply in routed if reply.pair)
    split = ", ".join(f"{pair} {count}" for pair, count in pairs.most_common())
    cost = "" if share is None else f", {share:.0%} of the cost"
    return (
        f"Routed: {_side(routed)}{cost} ({split})\n"
        f"Everything to {largest}: {_side(pinned)}, {_cost(pinned) * 1e6:.0f} uUSD"
    )


def as_json(rows: Sequence[Row], largest: str) -> dict[str, object]:
    """The same figures for programs."""
    return {
        "largest": largest,
        "requests": [
            {
                "id": request.id,
                "title": request.title,
                "routing": dict(request.routing),
                "routed": asdict(routed),
                "largest": asdict(pinned),
            }
            for row in rows
            for request, routed, pinned in zip(row.requests, row.routed, row.largest, strict=True)
        ],
    }


def _request(row: Row) -> Text:
    first = row.requests[0]
    count = len(row.requests)
    prompt = " ".join(first.messages[-1].content.split())
    if len(prompt) > LONGEST_PROMPT:
        # The request stands at the end of a long text and at the start of a short one.
        long = len(prompt) > 10 * LONGEST_PROMPT
        words = len(prompt.split())
        prompt = (
            f"({words} words) ... {prompt[-LONGEST_PROMPT:]}"
            if long
            else f"{prompt[:LONGEST_PROMPT]} ..."
        )
    constraints = ", ".join(f"{name}={value}" for name, value in first.routing.items())
    text = Text(f"{count} at once: {prompt}" if count > 1 else prompt)
    return text.append(f"\n{constraints or 'defaults'}", style="dim")


def _short(reply: Reply) -> str:
    """The reason without the pair's name and the figures, which the row has in other columns."""
    of_chosen = reply.reason.removeprefix(f"{reply.pair} has the ")
    if of_chosen == reply.reason:
        return reply.reason
    return _FIGURES.sub("", of_chosen.partition("; ")[0])


def _grade(replies: Sequence[Reply]) -> tuple[str, str]:
    right = sum(reply.right for reply in replies)
    if len(replies) > 1:
        return f"{right} of {len(replies)} right", "green" if right == len(replies) else "yellow"
    return ("right", "green") if right else ("wrong", "red")


def _side(replies: Sequence[Reply]) -> str:
    times_s = [reply.total_ms / 1000 for reply in replies]
    right = sum(reply.right for reply in replies)
    return (
        f"{right} of {len(replies)} right, median {median(times_s):.1f} s, "
        f"slowest {max(times_s):.1f} s"
    )


def _cost(replies: Sequence[Reply]) -> float:
    return sum(reply.cost_usd or 0.0 for reply in replies)

"""Advice as people read it in a terminal, and as one JSON document."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from profiles.advice.max_model_len import Advice, Orphans

GIB = 2**30
ASKED_FOR = (
    "The router also sends a request elsewhere when its prompt and max_tokens do not fit: callers "
    "that ask for longer answers than they get add to these shares."
)


def window_document(advice: Sequence[Advice], orphans: Orphans | None, *, quantile: float) -> str:
    document = {
        "quantile": quantile,
        "pairs": [asdict(one) for one in advice],
        "held_by_nobody": None if orphans is None else asdict(orphans),
    }
    return json.dumps(document, indent=2)


def window_lines(advice: Sequence[Advice], orphans: Orphans | None) -> Iterator[str]:
    """A few lines for each pair; warnings open with an exclamation mark."""
    for one in advice:
        yield from _pair_lines(one)
    if orphans is not None:
        yield (
            f"! all of this at once would leave no pair for {orphans.requests:,} requests over "
            f"{orphans.longest_window:,} tokens: keep one pair's window"
        )
    if any(one.advises_less for one in advice):
        yield ASKED_FOR


def _pair_lines(one: Advice) -> Iterator[str]:
    lengths = ", ".join(
        f"{name} {'beyond all buckets' if value is None else f'{value:,.0f}'}"
        for name, value in (("P50", one.p50), ("P95", one.p95), ("P99", one.p99))
        if one.seen
    )
    seen = f"{one.seen:,} requests, contexts of {lengths} tokens" if one.seen else "no requests"
    yield f"{one.pair}: {seen}; window {one.context_window:,}"
    if one.advises_less:
        yield f"  max_model_len {one.max_model_len:,}: {_freed(one)}"
        yield f"  {_above(one)}"
    elif one.seen:
        yield "  keep the window: the traffic fills it"
    for warning in one.warnings:
        yield f"  ! {warning}"


def _freed(one: Advice) -> str:
    room = f"room for {one.further_requests:,} more requests of that length"
    if one.freed_bytes is None:
        return room
    return f"frees {one.freed_bytes / GIB:.2f} GiB that requests could take at most, {room}"


def _above(one: Advice) -> str:
    if not one.share_above:
        return "no request was longer"
    share = f"at most {one.share_above:.2%} of requests were longer"
    return f"{share}: they go to {', '.join(one.elsewhere)}" if one.elsewhere else share

"""A failed verdict of the golden gate stays with its pair until the gate passes its checkpoint."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime

from serve_app.core.profile import GoldenResult

# Opens the reason of a demotion by a weekly run, whose pair has passed the gate.
DRIFTED = "drifted: "


def failed_gate(verdict: GoldenResult | None) -> bool:
    """Whether the golden gate itself failed. A demotion for drift is not that."""
    return verdict is not None and not verdict.passed and not verdict.reason.startswith(DRIFTED)


def standing_verdict(
    earlier: GoldenResult | None,
    later: GoldenResult | None,
    *,
    checkpoints: Collection[str] = (),
) -> GoldenResult | None:
    """`later`, unless `earlier` is a failure that it does not end.

    Only the gate ends a failure, by a pass with a later date. It has to be of the checkpoint that
    failed, or of one in `checkpoints`, which the pair has now. A failure from before checkpoints
    were recorded names none, and any later pass ends it.
    """
    if earlier is None or not failed_gate(earlier):
        return later
    if later is None or not _is_later(later, earlier):
        return earlier
    same = not earlier.checkpoint or later.checkpoint in {earlier.checkpoint, *checkpoints}
    return later if same or failed_gate(later) else earlier


def _is_later(one: GoldenResult, other: GoldenResult) -> bool:
    """A verdict without a date is later than none."""
    moment, before = _moment(one.date), _moment(other.date)
    return moment is not None and (before is None or moment > before)


def _moment(date: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(date)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)

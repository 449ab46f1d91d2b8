"""Judges a checkpoint by what was seen of it and of its parent. Pure."""

from __future__ import annotations

from profiles.validation.answer_checks import answer_checks
from profiles.validation.claims import Claim
from profiles.validation.divergence import diverge
from profiles.validation.engine_checks import engine_checks
from profiles.validation.file_checks import file_checks
from profiles.validation.thresholds import Thresholds
from profiles.validation.verdict import Seen, Verdict

NOT_STARTED = "its files fail already, so no engine was started"


def judge(
    candidate: Seen, parent: Seen | None, *, claim: Claim | None, thresholds: Thresholds
) -> Verdict:
    """Every check that what was seen allows.

    Without a claim it is not asked whether the checkpoint is what it says; without a parent only
    what a sound model shows by itself is asked.
    """
    by_files = tuple(file_checks(candidate, parent, claim, thresholds))
    if candidate.probes is None:
        failed = not all(check.passed for check in by_files)
        return Verdict(checks=by_files, note=NOT_STARTED if failed else "")
    parents = parent.probes if parent else None
    divergence = diverge(candidate.probes, parents) if parents else None
    return Verdict(
        checks=(
            *by_files,
            *engine_checks(candidate, claim, divergence, thresholds),
            *answer_checks(candidate.probes, parents, divergence, thresholds),
        )
    )

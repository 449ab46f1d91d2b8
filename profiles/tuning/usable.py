"""Which outcomes there are enough of to tune on: logs grade some pairs often and others hardly."""

from __future__ import annotations

import numpy as np

from profiles.learning.outcome_table import OutcomesUnusable, OutcomeTable

LEAST_ANSWERS = 50


def usable(table: OutcomeTable) -> tuple[OutcomeTable, tuple[str, ...]]:
    """Pairs with enough graded answers, and prompts that one of them answered; the rest is said.

    Raises `OutcomesUnusable`.
    """
    graded = (~np.isnan(table.scores)).sum(axis=0)
    counts = dict(zip(table.pairs, graded.tolist(), strict=True))
    kept = [pair for pair, count in counts.items() if count >= LEAST_ANSWERS]
    few = [f"{pair} ({count})" for pair, count in counts.items() if count < LEAST_ANSWERS]
    if not kept:
        raise OutcomesUnusable(
            f"graded answers are too few to tune on: {', '.join(few)}; at least {LEAST_ANSWERS} of "
            f"each of two pairs"
        )
    table = table.only(kept)
    answered = np.flatnonzero(~np.isnan(table.scores).all(axis=1))
    dropped = len(table) - len(answered)
    notes = []
    if few:
        notes.append(f"fewer than {LEAST_ANSWERS} graded answers of {', '.join(few)}: left out")
    if dropped:
        notes.append(f"{dropped} prompts that no other pair answered left out")
    return table.rows(answered), tuple(notes)

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from profiles.training.outcomes import OutcomesUnusable
from profiles.tuning.tune import usable
from tests.outcomes import outcomes


def test_pairs_that_were_hardly_graded_are_left_out_and_said() -> None:
    table = outcomes(100)
    scores = table.scores.copy()
    scores[49:, 1] = np.nan
    kept, notes = usable(replace(table, scores=scores))
    assert kept.pairs == ("small", "large")
    assert notes == ("fewer than 50 graded answers of middle (49): left out",)


def test_prompts_that_only_those_answered_are_left_out_too() -> None:
    table = outcomes(100)
    scores = table.scores.copy()
    scores[20:, 1] = np.nan
    scores[:20, (0, 2)] = np.nan
    kept, notes = usable(replace(table, scores=scores))
    assert kept.prompts == table.prompts[20:]
    assert "20 prompts that no other pair answered left out" in notes


def test_whole_outcomes_stay_as_they_are() -> None:
    kept, notes = usable(outcomes(60))
    assert (len(kept), len(kept.pairs), notes) == (60, 3, ())


def test_too_few_graded_answers_of_every_pair_are_refused() -> None:
    with pytest.raises(OutcomesUnusable, match=r"small \(10\), middle \(10\), large \(10\)"):
        usable(outcomes(10))

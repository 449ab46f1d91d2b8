from __future__ import annotations

import numpy as np
import pytest

from profiles.tuning.presets import Means, knee, least_spent, most_accurate, rules

SPENT = (1.0, 2.0, 3.0, 4.0)


def means(
    *accuracy: float,
    spent: tuple[float, ...] = SPENT,
    reference: float = 0.8,
    lose: float = 0.0,
) -> Means:
    """The reference pair spends 4."""
    return Means(
        accuracy=np.array(accuracy),
        spent=np.array(spent),
        reference_accuracy=reference,
        reference_spent=4.0,
        lose=lose,
    )


def test_least_cost_stays_within_the_accuracy_that_may_be_lost() -> None:
    assert least_spent(means(0.5, 0.6, 0.7, 0.8, lose=0.15)) == 2
    assert least_spent(means(0.5, 0.6, 0.7, 0.8, lose=0.1)) == 2


def test_where_too_much_is_lost_everywhere_most_accuracy_is_kept() -> None:
    assert least_spent(means(0.5, 0.7, 0.6, 0.6)) == 1


def test_at_equal_cost_the_more_accurate_point_is_taken() -> None:
    assert least_spent(means(0.6, 0.7, 0.7, spent=(1.0, 1.0, 1.0), lose=0.2)) == 1


def test_the_knee_is_where_accuracy_begins_to_cost_more() -> None:
    assert knee(means(0.5, 0.72, 0.76, 0.8)) == 1
    assert knee(means(0.5, 0.52, 0.76, 0.8)) == 2


def test_a_curve_as_good_as_the_reference_pair_for_less_is_gone_to_its_end() -> None:
    assert knee(means(0.5, 0.8, spent=(1.0, 2.0))) == 1


def test_where_nothing_is_gained_for_more_money_the_knee_is_the_cheapest() -> None:
    assert knee(means(0.7, 0.7, 0.6, 0.5, reference=0.5)) == 0


def test_a_reference_pair_worse_than_the_curve_does_not_move_the_knee() -> None:
    assert knee(means(0.5, 0.72, 0.76, 0.8, reference=0.4)) == 1


def test_most_accuracy_does_not_pay_for_what_it_does_not_get() -> None:
    assert most_accurate(means(0.5, 0.8, 0.8, 0.7)) == 1


def test_every_preset_has_a_rule_that_says_what_may_be_lost() -> None:
    found = rules(0.02)
    assert found.keys() == {"balanced", "chat", "batch", "quality"}
    assert "at most 2 points" in found["batch"].words
    assert [preset for preset, rule in found.items() if rule.saved == "latency"] == ["chat"]


@pytest.mark.parametrize("lose", [0.0, 0.1])
def test_quality_never_weighs_cost_more_than_accuracy(lose: float) -> None:
    assert rules(lose)["quality"].least_ratio == 1.0

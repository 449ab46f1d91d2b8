"""What it tells of an answer whether it says the same as the reference's, by Bayes' rule.

Two answers that agree may both be wrong, and two right ones often differ: how often is known of
every way to compare them. What a verdict is worth follows from that and from what is believed of
both pairs, so that a pair which is as good as believed is moved by no verdict on average.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """How often two answers are found to say the same, by how many of them are right."""

    both_right: float
    one_right: float
    both_wrong: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Grade:
    """The probability that an answer is right, and how much of knowing it for sure that is."""

    score: float
    sureness: float


def grade(*, same: bool, rates: Rates, answer: float, reference: float) -> Grade:
    """Grades one answer; `answer` and `reference` are how likely each pair is right, as believed.

    Which of them is right counts as independent. `sureness` is the share of the variance of
    "right or wrong" that verdicts of this kind explain.
    """
    right_and_same = answer * (reference * rates.both_right + (1 - reference) * rates.one_right)
    wrong_and_same = (1 - answer) * (
        reference * rates.one_right + (1 - reference) * rates.both_wrong
    )
    found_same = right_and_same + wrong_and_same
    if_same = right_and_same / found_same
    if_not = (answer - right_and_same) / (1 - found_same)
    explained = found_same * (if_same - answer) ** 2 + (1 - found_same) * (if_not - answer) ** 2
    return Grade(
        score=min(max(if_same if same else if_not, 0.0), 1.0),
        sureness=min(1.0, explained / (answer * (1 - answer))),
    )

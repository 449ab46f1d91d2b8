"""How often two graded answers to one question are found to say the same.

What a verdict of shadow grading is worth follows from these rates: `feedback/grading.py` has them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import permutations
from pathlib import Path

from profiles.evaluation.outcome import Outcome, read_outcomes
from profiles.router_eval.fleet_outcomes import OUTCOMES_SUFFIX
from profiles.training.outcomes import OutcomesUnusable
from serve_app.feedback.grading import EXACTLY, Rates, compared

EXACT = "JSON, choice or number"
RIGHT_FROM = 0.5


@dataclass(slots=True, kw_only=True)
class Count:
    """Of `pairs` of answers, `same` were found to say the same."""

    pairs: int = 0
    same: int = 0

    @property
    def rate(self) -> float:
        """By the rule of succession: one more of each is thought to have been seen."""
        return (self.same + 1) / (self.pairs + 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """Counts by how many of the two answers are right."""

    both_right: Count = field(default_factory=Count)
    one_right: Count = field(default_factory=Count)
    both_wrong: Count = field(default_factory=Count)

    def of(self, right: int) -> Count:
        return (self.both_wrong, self.one_right, self.both_right)[right]

    @property
    def rates(self) -> Rates:
        return Rates(
            both_right=self.both_right.rate,
            one_right=self.one_right.rate,
            both_wrong=self.both_wrong.rate,
        )


def run(folder: Path) -> dict[str, Agreement]:
    """By how answers are compared: exactly, or in words at one task.

    Every pair's answer is compared with every other pair's as its reference. Raises `OSError`,
    `OutcomesInvalid` or `OutcomesUnusable`.
    """
    found: dict[str, Agreement] = {}
    for answer, reference in _both_graded(_answers(folder)):
        verdict = compared(answer.task, answer.answer or "", reference.answer or "")
        way = EXACT if verdict.rates is EXACTLY else answer.task
        right = sum((one.score or 0.0) >= RIGHT_FROM for one in (answer, reference))
        count = found.setdefault(way, Agreement()).of(right)
        count.pairs += 1
        count.same += verdict.same
    return found


def report(found: Mapping[str, Agreement]) -> str:
    heads = ("compared by", "both right", "one right", "both wrong")
    rows = [f"{heads[0]:24}{heads[1]:>14}{heads[2]:>14}{heads[3]:>14}"]
    for way in sorted(found):
        counts = [found[way].of(right) for right in (2, 1, 0)]
        cells = "".join(f"{f'{one.rate:.2f} of {one.pairs}':>14}" for one in counts)
        rows.append(f"{way:24}{cells}")
    compared_pairs = sum(one.of(right).pairs for one in found.values() for right in range(3))
    return "\n".join((*rows, f"{compared_pairs} comparisons"))


def _answers(folder: Path) -> Sequence[Mapping[str, Outcome]]:
    """For every pair its graded answers by question."""
    files = sorted(folder.glob(f"*{OUTCOMES_SUFFIX}"))
    if len(files) < 2:
        raise OutcomesUnusable(
            f"{folder} has {len(files)} files *{OUTCOMES_SUFFIX}; answers of two pairs are compared"
        )
    return [
        {one.digest: one for one in read_outcomes(file)[1] if one.score is not None}
        for file in files
    ]


def _both_graded(answers: Sequence[Mapping[str, Outcome]]) -> Iterator[tuple[Outcome, Outcome]]:
    for mine, others in permutations(answers, 2):
        for digest in mine.keys() & others.keys():
            yield mine[digest], others[digest]

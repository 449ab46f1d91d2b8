"""Answers that are none: they repeat themselves, are empty, or hold broken characters."""

from __future__ import annotations

from collections.abc import Sequence

from profiles.validation.probe_results import Answer

LONGEST_PERIOD = 16
# A period counts as a loop from this many repeats and this many tokens on.
LOOP_REPEATS = 3
LOOP_TOKENS = 8
LOOPING_SHARE = 0.5
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


def loops(answer: Answer) -> bool:
    """Whether at least half of the answer repeats one short sequence over and over."""
    return loop_share(answer.token_ids) >= LOOPING_SHARE


def is_empty(answer: Answer) -> bool:
    return not answer.text.strip()


def is_broken(answer: Answer) -> bool:
    """Whether bytes came that are no text; a character cut off at the limit of tokens is none."""
    text = answer.text.rstrip(REPLACEMENT) if answer.cut else answer.text
    return REPLACEMENT in text


def loop_share(tokens: Sequence[int]) -> float:
    """The longest loop in `tokens`, as a share of all."""
    if not tokens:
        return 0.0
    return max(_longest_loop(tokens, p) for p in range(1, LONGEST_PERIOD + 1)) / len(tokens)


def _longest_loop(tokens: Sequence[int], period: int) -> int:
    longest = run = 0
    for index in range(period, len(tokens)):
        run = run + 1 if tokens[index] == tokens[index - period] else 0
        longest = max(longest, run)
    length = longest + period
    return length if length >= max(LOOP_REPEATS * period, LOOP_TOKENS) else 0

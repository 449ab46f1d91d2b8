"""What an engine's tokens must show: finite, sound, and near enough to the parent's.

An answer that repeats itself, is empty, or holds broken characters is none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from operator import eq

from profiles.validation.divergence import Divergence
from profiles.validation.probe_set import Answer, Probes
from profiles.validation.thresholds import Thresholds
from profiles.validation.verdict import Check, check, listed

LONGEST_PERIOD = 16
# A period counts as a loop from this many repeats and this many tokens on.
LOOP_REPEATS = 3
LOOP_TOKENS = 8
LOOPING_SHARE = 0.5
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
SAME_TOKENS = "every prompt and text becomes the parent's tokens"


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
    longest = 0
    for period in range(1, LONGEST_PERIOD + 1):
        repeats = groupby(map(eq, tokens, tokens[period:]))
        runs = [sum(1 for _ in group) for same, group in repeats if same]
        length = max(runs, default=0) + period
        if length >= max(LOOP_REPEATS * period, LOOP_TOKENS):
            longest = max(longest, length)
    return longest / len(tokens) if tokens else 0.0


def answer_checks(
    candidate: Probes, parent: Probes | None, divergence: Divergence | None, allowed: Thresholds
) -> Iterator[Check]:
    spoilt = [trouble for trouble in candidate.troubles if trouble.kind == "not_finite"]
    wrong = tuple(f"{each.probe} ({each.topic}): {each.told}" for each in spoilt)
    yield check(
        "finite log-probabilities",
        passed=not wrong,
        seen=f"none on {listed(wrong, most=2)}" if wrong else "on every probe",
        allowed="a finite log-probability for every token of every probe",
    )
    # A probe that the parent cannot answer either shows nothing about the candidate.
    excused = {trouble.probe for trouble in parent.troubles} if parent else set()
    errors = [trouble for trouble in candidate.troubles if trouble.kind == "error"]
    wrong = tuple(f"{each.probe}: {each.told}" for each in errors if each.probe not in excused)
    yield check(
        "every probe answered",
        passed=not wrong,
        seen=listed(wrong, most=2) if wrong else "without an error",
        allowed="no error",
    )
    if divergence is not None:
        yield from _near_the_parent(divergence, allowed)
    elif parent is not None:
        yield check(
            "same tokens",
            passed=False,
            seen="no text that both scored has the same tokens in both",
            allowed=SAME_TOKENS,
        )
    for name, is_wrong, excess in (
        ("answers that loop", loops, allowed.looping_excess_max),
        ("empty answers", is_empty, allowed.empty_excess_max),
        ("broken characters", is_broken, allowed.broken_excess_max),
    ):
        own, theirs = _share(candidate, is_wrong), _share(parent, is_wrong)
        yield check(
            name,
            passed=own <= theirs + excess,
            seen=f"{own:.0%} of {len(candidate.answers)} answers"
            + (f", {theirs:.0%} of the parent's" if parent else ""),
            allowed=f"at most {theirs + excess:.0%}",
        )


def _near_the_parent(seen: Divergence, allowed: Thresholds) -> Iterator[Check]:
    prompts = (f"prompt {name}" for name in seen.other_prompts)
    differing = (*prompts, *(f"text {name}" for name in seen.other_texts))
    told = f"other tokens than the parent's: {listed(differing)}"
    yield check(
        "same tokens",
        passed=not differing,
        seen=told if differing else "the parent's on every probe",
        allowed=SAME_TOKENS,
    )
    over, worst = f"over {seen.places} tokens", seen.worst_topic
    topic_ratio = seen.topic_perplexity_ratios[worst]
    ratio_max, topic_ratio_max = allowed.perplexity_ratio_max, allowed.topic_perplexity_ratio_max
    by_topic = f"times the parent's, on {worst}"
    for name, value, most, unit in (
        ("mean shift", seen.mean_shift_nats, allowed.mean_shift_nats_max, f"nats {over}"),
        ("p99 shift", seen.p99_shift_nats, allowed.p99_shift_nats_max, f"nats {over}"),
        ("KL divergence", seen.kl_nats, allowed.kl_nats_max, f"nats {over}"),
        ("perplexity", seen.perplexity_ratio, ratio_max, "times the parent's"),
        ("perplexity by topic", topic_ratio, topic_ratio_max, by_topic),
    ):
        told = f"{value:.3f} {unit}"
        yield check(name, passed=value <= most, seen=told, allowed=f"at most {most:g}")
    for name, value, least, unit in (
        ("same first choice", seen.top1_agreement, allowed.top1_agreement_min, over),
        ("same greedy answers", seen.greedy_agreement, allowed.greedy_agreement_min, "of tokens"),
    ):
        told = f"{value:.1%} {unit}"
        yield check(name, passed=value >= least, seen=told, allowed=f"at least {least:.0%}")


def _share(probes: Probes | None, is_wrong: Callable[[Answer], bool]) -> float:
    if probes is None or not probes.answers:
        return 0.0
    return sum(map(is_wrong, probes.answers)) / len(probes.answers)

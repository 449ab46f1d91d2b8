"""What an engine's tokens must show: finite, sound, and near enough to the parent's.

An answer that repeats itself, is empty, or holds broken characters is none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from profiles.validation.divergence import Divergence
from profiles.validation.probe_set import Answer, Probes, Trouble
from profiles.validation.thresholds import Thresholds
from profiles.validation.verdict import Check, check, listed

LONGEST_PERIOD = 16
# A period counts as a loop from this many repeats and this many tokens on.
LOOP_REPEATS = 3
LOOP_TOKENS = 8
LOOPING_SHARE = 0.5
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
DAMAGED = (
    "weights or scales damaged or in the wrong order, calibration data unlike the probes, or a "
    "method too coarse for this model"
)
BETTER_METHOD = (
    "quantize again; if it stays, use GPTQ or AWQ in place of round-to-nearest, smaller groups, "
    "or more bits"
)
SPOILT = "damaged weights, a wrong chat template, or too few bits for this model"


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


def answer_checks(
    candidate: Probes, parent: Probes | None, divergence: Divergence | None, allowed: Thresholds
) -> Iterator[Check]:
    yield _finite(candidate.troubles)
    yield _answered(candidate, parent)
    if parent is not None:
        yield _same_tokens(divergence)
    if divergence is not None:
        yield from _near_the_parent(divergence, allowed)
    yield from _degenerate(candidate, parent, allowed)


def _finite(troubles: tuple[Trouble, ...]) -> Check:
    wrong = tuple(f"{t.probe} ({t.topic}): {t.told}" for t in troubles if t.kind == "not_finite")
    return check(
        name="finite log-probabilities",
        passed=not wrong,
        seen=f"none on {listed(wrong, most=2)}" if wrong else "on every probe",
        allowed="a finite log-probability for every token of every probe",
        cause="NaN or infinity in weights or scales; with FP8 or FP16 activations, an overflow, "
        "most often on dense numbers and formulas",
        remedy="look which topics fail: if only numbers and formulas do, use INT8 or BF16 "
        "activations or per-token scales; else quantize again",
    )


def _answered(candidate: Probes, parent: Probes | None) -> Check:
    """A probe that the parent cannot answer either shows nothing about the candidate."""
    excused = {t.probe for t in parent.troubles} if parent else set()
    wrong = tuple(
        f"{t.probe}: {t.told}"
        for t in candidate.troubles
        if t.kind == "error" and t.probe not in excused
    )
    return check(
        name="every probe answered",
        passed=not wrong,
        seen=listed(wrong, most=2) if wrong else "without an error",
        allowed="no error",
        cause="an engine that breaks down on some input, or a context window below the probes'",
        remedy="read the engine's log; raise `max_model_len` if it is below 1,024",
    )


def _same_tokens(divergence: Divergence | None) -> Check:
    seen = "no text that both scored has the same tokens in both"
    differing: tuple[str, ...] = ()
    if divergence is not None:
        prompts = (f"prompt {name}" for name in divergence.other_prompts)
        differing = (*prompts, *(f"text {name}" for name in divergence.other_texts))
        told = f"other tokens than the parent's: {listed(differing)}"
        seen = told if differing else "the parent's on every probe"
    return check(
        name="same tokens",
        passed=divergence is not None and not differing,
        seen=seen,
        allowed="every prompt and text becomes the parent's tokens",
        cause="another chat template or tokenizer in the engine's arguments, or probes that failed",
        remedy="serve both with the parent's tokenizer and chat template",
    )


def _near_the_parent(seen: Divergence, allowed: Thresholds) -> Iterator[Check]:
    over = f"over {seen.places} tokens"
    highest = (
        ("mean shift", seen.mean_shift_nats, allowed.mean_shift_nats_max, f" nats {over}"),
        ("p99 shift", seen.p99_shift_nats, allowed.p99_shift_nats_max, f" nats {over}"),
        ("KL divergence", seen.kl_nats, allowed.kl_nats_max, f" nats {over}"),
        ("perplexity", seen.perplexity_ratio, allowed.perplexity_ratio_max, " times the parent's"),
        (
            "perplexity by topic",
            seen.topic_perplexity_ratios[seen.worst_topic],
            allowed.topic_perplexity_ratio_max,
            f" times the parent's, on {seen.worst_topic}",
        ),
    )
    lowest = (
        ("same first choice", seen.top1_agreement, allowed.top1_agreement_min, f" {over}"),
        ("same greedy answers", seen.greedy_agreement, allowed.greedy_agreement_min, " of tokens"),
    )
    for name, value, bound, unit in highest:
        seen_value = f"{value:.3f}{unit}"
        yield _bounded(name, passed=value <= bound, seen=seen_value, allowed=f"at most {bound:g}")
    for name, value, bound, unit in lowest:
        seen_value = f"{value:.1%}{unit}"
        yield _bounded(
            name, passed=value >= bound, seen=seen_value, allowed=f"at least {bound:.0%}"
        )


def _bounded(name: str, *, passed: bool, seen: str, allowed: str) -> Check:
    return check(
        name=name, passed=passed, seen=seen, allowed=allowed, cause=DAMAGED, remedy=BETTER_METHOD
    )


def _degenerate(candidate: Probes, parent: Probes | None, allowed: Thresholds) -> Iterator[Check]:
    kinds: tuple[tuple[str, Callable[[Answer], bool], float], ...] = (
        ("answers that loop", loops, allowed.looping_excess_max),
        ("empty answers", is_empty, allowed.empty_excess_max),
        ("broken characters", is_broken, allowed.broken_excess_max),
    )
    for name, is_wrong, excess in kinds:
        own, theirs = _share(candidate, is_wrong), _share(parent, is_wrong)
        yield check(
            name=name,
            passed=own <= theirs + excess,
            seen=f"{own:.0%} of {len(candidate.answers)} answers"
            + (f", {theirs:.0%} of the parent's" if parent else ""),
            allowed=f"at most {theirs + excess:.0%}",
            cause=SPOILT,
            remedy=BETTER_METHOD,
        )


def _share(probes: Probes | None, is_wrong: Callable[[Answer], bool]) -> float:
    if probes is None or not probes.answers:
        return 0.0
    return sum(map(is_wrong, probes.answers)) / len(probes.answers)

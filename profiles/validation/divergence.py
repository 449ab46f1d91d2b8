"""How far a candidate's tokens are from its parent's: pure functions of two sets of probes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import exp, log
from statistics import fmean, quantiles

from profiles.validation.probe_set import Probes, ScoredText, Top

SMALLEST_SHARE = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Divergence:
    """Over all `places` that both scored; the thresholds of the same names say what each is.

    `other_prompts` and `other_texts` are probes that the two turned into different tokens.
    `topic_perplexity_ratios` is by topic. The number of places is 0 where nothing compares.
    """

    places: int
    mean_shift_nats: float
    p99_shift_nats: float
    kl_nats: float
    top1_agreement: float
    identical_share: float
    perplexity_ratio: float
    greedy_agreement: float
    topic_perplexity_ratios: Mapping[str, float] = field(default_factory=dict)
    other_prompts: tuple[str, ...] = ()
    other_texts: tuple[str, ...] = ()

    @property
    def worst_topic(self) -> str:
        ratios = self.topic_perplexity_ratios
        return max(ratios, key=lambda topic: ratios[topic])


def diverge(candidate: Probes, parent: Probes) -> Divergence | None:
    """The candidate against its parent; `None` when not one text has the same tokens in both."""
    others = {(text.probe, text.origin): text for text in parent.texts}
    both = [
        (text, others[text.probe, text.origin])
        for text in candidate.texts
        if (text.probe, text.origin) in others
    ]
    same = [(own, other) for own, other in both if own.token_ids == other.token_ids]
    if not any(own.token_ids for own, _ in same):
        return None
    shifts = [
        abs(a - b) for own, other in same for a, b in zip(own.logprobs, other.logprobs, strict=True)
    ]
    tops = [pair for own, other in same for pair in zip(own.tops, other.tops, strict=True)]
    compared = [(own, other) for own, other in same if own.origin == "written"] or same
    topics: defaultdict[str, list[tuple[ScoredText, ScoredText]]] = defaultdict(list)
    for own, other in compared:
        if own.token_ids:
            topics[own.topic].append((own, other))
    by_probe = {answer.probe: answer for answer in parent.answers}
    answers = [(own, by_probe[own.probe]) for own in candidate.answers if own.probe in by_probe]
    agreeing = [agreeing_share(own.token_ids, other.token_ids) for own, other in answers]
    return Divergence(
        places=len(shifts),
        mean_shift_nats=fmean(shifts),
        p99_shift_nats=quantiles(shifts, n=100)[-1] if len(shifts) > 1 else shifts[0],
        kl_nats=fmean(divergence_of_tops(of=other, under=own) for own, other in tops),
        top1_agreement=fmean(_first(own) == _first(other) for own, other in tops),
        identical_share=fmean(shift == 0 for shift in shifts),
        perplexity_ratio=_perplexity_ratio(compared),
        greedy_agreement=fmean(agreeing) if agreeing else 0.0,
        topic_perplexity_ratios={name: _perplexity_ratio(each) for name, each in topics.items()},
        other_prompts=tuple(a.probe for a, b in answers if a.prompt_ids != b.prompt_ids),
        other_texts=tuple(own.probe for own, other in both if own.token_ids != other.token_ids),
    )


def divergence_of_tops(*, of: Top, under: Top) -> float:
    """A lower bound of the Kullback-Leibler divergence, from the likeliest tokens of both.

    Tokens fall into those that both tell, those that only `of` tells, taken as one, and all others,
    taken as one. Of the second kind `under` gives none more than the least likely that it tells.
    """
    p = {token: exp(value) for token, value in of}
    q = {token: exp(value) for token, value in under}
    shared = p.keys() & q.keys()
    only_p = sum(p[token] for token in p.keys() - q.keys())
    rest_p = max(1 - sum(p.values()), SMALLEST_SHARE)
    left_q = max(1 - sum(q[token] for token in shared), SMALLEST_SHARE)
    most = (len(p) - len(shared)) * min(q.values())
    only_q = min(most, left_q * only_p / (only_p + rest_p))
    cells = [(p[token], q[token]) for token in shared]
    cells += [(only_p, only_q), (rest_p, left_q - only_q)]
    return max(sum(a * log(a / max(b, SMALLEST_SHARE)) for a, b in cells if a > 0), 0.0)


def agreeing_share(own: Sequence[int], other: Sequence[int]) -> float:
    """Share of the longer answer before the first token that differs."""
    longer = max(len(own), len(other))
    if not longer:
        return 1.0
    pairs = enumerate(zip(own, other, strict=False))
    return next((i for i, (a, b) in pairs if a != b), min(len(own), len(other))) / longer


def _first(top: Top) -> int:
    return max(top, key=lambda told: told[1])[0]


def _perplexity_ratio(pairs: Sequence[tuple[ScoredText, ScoredText]]) -> float:
    own = fmean(value for text, _ in pairs for value in text.logprobs)
    other = fmean(value for _, text in pairs for value in text.logprobs)
    return exp(min(other - own, 700.0))

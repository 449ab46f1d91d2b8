"""What the numeric guard keeps off FP8 at several thresholds, and what that costs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from random import Random
from statistics import fmean
from typing import Any

from tokenizers import Tokenizer

from profiles.bench.prompts import read_prompts
from serve_app.classifier.heuristics import judge
from serve_app.core.catalog import Catalog
from serve_app.core.decide import decide
from serve_app.core.decision import Decision
from serve_app.core.fleet import Load
from serve_app.core.profile import Grid, Profile, Quantiles, TaskAccuracy
from serve_app.core.request import Constraints, Features, Judgement, Prompt
from serve_app.testing.synthetic_fleet import Fleet, synthetic_fleet
from serve_app.tokens.estimate import estimate_tokens

# The made-up FP8 pair against its BF16 parent on the same GPU: as a guess, no measurement.
FP8_SPEED = 1.4
FP8_LOSS = 0.002
NO_GUARD = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One prompt as the router sees it; `exact_share` is by the tokens of a real tokenizer."""

    task: str
    features: Features
    exact_share: float

    @property
    def share(self) -> float:
        return self.features.judgement.numeric_share


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskEffect:
    """Of one task's prompts, how many a threshold kept off FP8."""

    task: str
    prompts: int
    kept_off: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ThresholdEffect:
    """What one `numeric_guard_share` does.

    `cost_change` is of the mean predicted cost against no guard. `misjudged` prompts are on the
    other side of the threshold by exact count.
    """

    share: float
    kept_off: int
    mean_cost_usd: float
    cost_change: float
    misjudged: int
    tasks: tuple[TaskEffect, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardBench:
    """`share_error` is the mean distance of estimated from exact numeric share."""

    prompts: int
    share_error: float
    unguarded_cost_usd: float
    thresholds: tuple[ThresholdEffect, ...]


def run(prompts: Path, shares: Sequence[float], tokenizer: Path) -> GuardBench:
    """Decides every prompt at every threshold. Raises `PromptsUnusable`."""
    exact = Tokenizer.from_file(str(tokenizer))
    exact.no_truncation()
    exact.no_padding()
    cases = [
        Case(task=task, features=_features(text), exact_share=_numeric_share(exact, text))
        for task, text in read_prompts(prompts)
    ]
    fleet = fleet_with_fp8()
    unguarded_usd = _mean_cost_usd(_decided(fleet, cases, NO_GUARD))
    return GuardBench(
        prompts=len(cases),
        share_error=fmean(abs(case.share - case.exact_share) for case in cases),
        unguarded_cost_usd=unguarded_usd,
        thresholds=tuple(_effect(fleet, cases, share, unguarded_usd) for share in shares),
    )


def fleet_with_fp8() -> Fleet:
    """A BF16 pair and the same model in FP8, faster by `FP8_SPEED` and so much cheaper."""
    fleet = synthetic_fleet(2, Random(0))
    bf16, fp8 = (fleet.catalog.profiles[pair.id] for pair in fleet.pairs)
    return replace(fleet, catalog=Catalog.of("bench", (bf16, _as_fp8(bf16, fp8))))


def as_document(result: GuardBench) -> dict[str, Any]:
    return {"fp8_speed": FP8_SPEED, "fp8_loss": FP8_LOSS, **asdict(result)}


def report(result: GuardBench) -> str:
    lines = [
        f"{result.prompts} prompts; the share of numeric tokens is off by "
        f"{result.share_error:.4f} in the mean; a made-up FP8 pair {FP8_SPEED:g} times as fast "
        f"as BF16; without the guard ${result.unguarded_cost_usd:.3g} a request"
    ]
    for effect in result.thresholds:
        lines.append(
            f"above {effect.share:g}: {effect.kept_off} kept off FP8 "
            f"({effect.kept_off / result.prompts:.1%}), cost {effect.cost_change:+.2%}, "
            f"{effect.misjudged} misjudged"
        )
        lines += [
            f"    {task.task}: {task.kept_off} of {task.prompts}"
            for task in effect.tasks
            if task.kept_off
        ]
    return "\n".join(lines)


def _as_fp8(bf16: Profile, fp8: Profile) -> Profile:
    surface, rate = bf16.latency, bf16.throughput
    return replace(
        bf16,
        pair=fp8.pair,
        quantization=fp8.quantization,
        latency=replace(
            surface, ttft_ms=_faster(surface.ttft_ms), tpot_ms=_faster(surface.tpot_ms)
        ),
        throughput=replace(
            rate,
            prefill_tokens_per_s=rate.prefill_tokens_per_s * FP8_SPEED,
            decode_tokens_per_s=tuple(each * FP8_SPEED for each in rate.decode_tokens_per_s),
        ),
        accuracy={scope: _less(accuracy) for scope, accuracy in bf16.accuracy.items()},
    )


def _faster(times: Quantiles) -> Quantiles:
    def divided(grid: Grid) -> Grid:
        return tuple(tuple(cell / FP8_SPEED for cell in row) for row in grid)

    return Quantiles(p50=divided(times.p50), p95=divided(times.p95), p99=divided(times.p99))


def _less(accuracy: TaskAccuracy) -> TaskAccuracy:
    return replace(accuracy, mean=accuracy.mean - FP8_LOSS, lower=accuracy.lower - FP8_LOSS)


def _features(text: str) -> Features:
    judgement: Judgement = judge(Prompt(asked=text))
    return Features(
        prompt_tokens=estimate_tokens(text),
        max_tokens=None,
        needs=frozenset(),
        judgement=judgement,
    )


def _numeric_share(tokenizer: Tokenizer, text: str) -> float:
    """Tokens with a digit in them, per token."""
    spans = tokenizer.encode(text, add_special_tokens=False).offsets
    numeric = sum(any(map(str.isdigit, text[start:end])) for start, end in spans)
    return numeric / max(1, len(spans))


def _decided(fleet: Fleet, cases: Iterable[Case], share: float) -> list[Decision]:
    policy = replace(fleet.policy, numeric_guard_share=share)
    load = {pair.id: Load(ready_replicas=1) for pair in fleet.pairs}
    return [
        decide(
            decision_id="bench",
            features=case.features,
            constraints=Constraints(),
            pairs=fleet.pairs,
            catalog=fleet.catalog,
            load=load,
            policy=policy,
        )
        for case in cases
    ]


def _effect(
    fleet: Fleet, cases: Sequence[Case], share: float, unguarded_usd: float
) -> ThresholdEffect:
    decisions = _decided(fleet, cases, share)
    kept_off = [any(r.rule == "numeric_guard" for r in d.rejected) for d in decisions]
    mean_usd = _mean_cost_usd(decisions)
    return ThresholdEffect(
        share=share,
        kept_off=sum(kept_off),
        mean_cost_usd=mean_usd,
        cost_change=mean_usd / unguarded_usd - 1,
        misjudged=sum((case.share > share) != (case.exact_share > share) for case in cases),
        tasks=_by_task(cases, kept_off),
    )


def _by_task(cases: Sequence[Case], kept_off: Sequence[bool]) -> tuple[TaskEffect, ...]:
    prompts: Mapping[str, int] = Counter(case.task for case in cases)
    kept = Counter(case.task for case, off in zip(cases, kept_off, strict=True) if off)
    return tuple(
        TaskEffect(task=task, prompts=count, kept_off=kept[task])
        for task, count in sorted(prompts.items())
    )


def _mean_cost_usd(decisions: Sequence[Decision]) -> float:
    chosen = (decision.ranked or decision.best_effort for decision in decisions)
    return fmean(first[0].prediction.cost_usd for first in chosen if first and first[0].prediction)

"""What the gate allows, every number by name; defaults depend on the weights' bits and number."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

import yaml
from pydantic import TypeAdapter, ValidationError

from profiles.validation.claims import Claim
from serve_app.core.units import NonNegativeFloat, PositiveFloat, Ratio
from serve_app.validation_errors import problem_lines

MEDIUM_BITS = 6.0
SMALL_WEIGHTS = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """Bounds of every check; a value on the bound passes.

    Of the weights: `bits_over_claim_min` and `_max` bound bits per weight, with scales, over the
    claimed bits; `quantized_share_min` is the share of the linear layers' weights that must be
    quantized; `identical_share_max` the share of tokens whose log-probability may equal the
    parent's to the last digit where a quantization is claimed.

    Against the parent on fixed texts: `mean_shift_nats_max` and `p99_shift_nats_max` bound the
    change of a token's log-probability, `kl_nats_max` the divergence of its distribution,
    `top1_agreement_min` the share of places where both hold the same token for the likeliest,
    `perplexity_ratio_max` the perplexity over the parent's on all texts, and
    `topic_perplexity_ratio_max` on the worst topic.

    Of greedy answers: `greedy_agreement_min` is the share of tokens before the first that differs
    from the parent's answer; `looping_excess_max`, `empty_excess_max` and `broken_excess_max`
    bound the share of answers that repeat themselves, are empty or hold broken characters, over
    the parent's share.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid", "allow_inf_nan": False}

    bits_over_claim_min: PositiveFloat = 0.75
    bits_over_claim_max: PositiveFloat = 1.25
    quantized_share_min: Ratio = 0.80
    identical_share_max: Ratio = 0.50
    mean_shift_nats_max: PositiveFloat
    p99_shift_nats_max: PositiveFloat
    kl_nats_max: PositiveFloat
    top1_agreement_min: Ratio
    perplexity_ratio_max: PositiveFloat
    topic_perplexity_ratio_max: PositiveFloat
    greedy_agreement_min: Ratio
    looping_excess_max: NonNegativeFloat = 0.25
    empty_excess_max: NonNegativeFloat = 0.0
    broken_excess_max: NonNegativeFloat = 0.0


# Bounds for models of a billion weights and more.
UNQUANTIZED = Thresholds(
    mean_shift_nats_max=0.10,
    p99_shift_nats_max=0.75,
    kl_nats_max=0.02,
    top1_agreement_min=0.93,
    perplexity_ratio_max=1.02,
    topic_perplexity_ratio_max=1.06,
    greedy_agreement_min=0.30,
)
EIGHT_BIT = Thresholds(
    mean_shift_nats_max=0.12,
    p99_shift_nats_max=1.00,
    kl_nats_max=0.03,
    top1_agreement_min=0.92,
    perplexity_ratio_max=1.03,
    topic_perplexity_ratio_max=1.08,
    greedy_agreement_min=0.30,
)
FOUR_BIT = Thresholds(
    mean_shift_nats_max=0.30,
    p99_shift_nats_max=2.00,
    kl_nats_max=0.12,
    top1_agreement_min=0.82,
    perplexity_ratio_max=1.12,
    topic_perplexity_ratio_max=1.30,
    greedy_agreement_min=0.15,
)
# A small model has less to spare: the same bits move it further.
SMALL_EIGHT_BIT = Thresholds(
    mean_shift_nats_max=0.22,
    p99_shift_nats_max=1.60,
    kl_nats_max=0.05,
    top1_agreement_min=0.82,
    perplexity_ratio_max=1.10,
    topic_perplexity_ratio_max=1.15,
    greedy_agreement_min=0.20,
)
SMALL_FOUR_BIT = Thresholds(
    mean_shift_nats_max=0.90,
    p99_shift_nats_max=5.50,
    kl_nats_max=0.45,
    top1_agreement_min=0.60,
    perplexity_ratio_max=1.80,
    topic_perplexity_ratio_max=3.50,
    greedy_agreement_min=0.05,
)

_THRESHOLDS = TypeAdapter(Thresholds)


class ThresholdsInvalid(ValueError):
    """A file of thresholds cannot be used."""


def default_thresholds(claim: Claim | None, *, weights: int) -> Thresholds:
    """What is allowed to a model of so many linear weights in the claimed bits.

    Without a claim it is judged as if it claimed eight bits.
    """
    if claim is not None and not claim.quantized:
        return UNQUANTIZED
    small = weights < SMALL_WEIGHTS
    if claim is None or claim.weight_bits >= MEDIUM_BITS:
        return SMALL_EIGHT_BIT if small else EIGHT_BIT
    return SMALL_FOUR_BIT if small else FOUR_BIT


def read_changes(file: Path) -> dict[str, float]:
    """The thresholds that `file` sets, by name. Raises `OSError` or `ThresholdsInvalid`."""
    try:
        changes: Any = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
    except (yaml.YAMLError, UnicodeDecodeError) as exc:
        raise ThresholdsInvalid(f"{file}: not YAML: {exc}") from exc
    if not isinstance(changes, dict):
        raise ThresholdsInvalid(f"{file}: should map names of thresholds to numbers")
    try:
        checked = _THRESHOLDS.validate_python({**asdict(EIGHT_BIT), **changes})
    except ValidationError as exc:
        raise ThresholdsInvalid(f"{file}: {'; '.join(problem_lines(exc))}") from exc
    return {name: getattr(checked, name) for name in changes}

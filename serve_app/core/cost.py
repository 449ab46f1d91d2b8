"""Marginal cost: tokens times a pair's price per token at its measured throughput."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from serve_app.core.profile import Profile

SECONDS_PER_HOUR = 3600.0


# Made once per pair in every decision: a tuple is made in half the time of a frozen dataclass.
class Usage(NamedTuple):
    """Tokens as the engine counted them."""

    prompt_tokens: int
    completion_tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenPrice:
    """USD per million prompt and completion tokens."""

    usd_per_mtok_in: float
    usd_per_mtok_out: float

    @classmethod
    def of(cls, profile: Profile) -> TokenPrice:
        """What its endpoint charges, or what a replica costs.

        That is the replica's price per second over its tokens per second, at stated utilization.
        Prompt tokens are charged at the prefill rate, completion tokens at the highest decode
        rate measured, since both come out of the same replica-seconds.
        """
        charged = profile.hardware.usd_per_mtok
        if charged is not None:
            return cls(usd_per_mtok_in=charged.input, usd_per_mtok_out=charged.output)
        rate = profile.throughput
        usd_per_busy_s = profile.hardware.usd_per_hour / SECONDS_PER_HOUR / rate.utilization
        return cls(
            usd_per_mtok_in=usd_per_busy_s / rate.prefill_tokens_per_s * 1e6,
            usd_per_mtok_out=usd_per_busy_s / max(rate.decode_tokens_per_s) * 1e6,
        )

    def cost_usd(self, usage: Usage) -> float:
        return (
            usage.prompt_tokens * self.usd_per_mtok_in
            + usage.completion_tokens * self.usd_per_mtok_out
        ) / 1e6


NO_USAGE = Usage(prompt_tokens=0, completion_tokens=0)

"""A pair's tokens per estimated token, corrected by what its engine counted.

What a request takes is fitted as `added + ratio x estimate`, by least squares of the relative
error: `added` is what the pair's chat template puts around every request, which short prompts
show, `ratio` what its tokenizer makes of the text, which long ones show. Without telling the two
apart, a fleet of short prompts would count its long ones wrong. Earlier requests fade by number,
not by time: no clock is needed, and a quiet night forgets nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

# The profile's ratio weighs as much as this many requests.
PROFILE_WEIGHT = 20.0
REMEMBERED_REQUESTS = 1000.0
# How far a request strays from its estimate, and how far ratio and template may from the profile.
SPREAD_SHARE = 0.1
RATIO_SPREAD_SHARE = 0.15
ADDED_SPREAD_TOKENS = 20.0
# Beyond these the text was not what filled the context.
LEAST_CHANGE, MOST_CHANGE = 1 / 8, 4.0
TEMPLATE_TOKENS = 64.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenTally:
    """Fading sums over requests, each weighed by one over its squared estimate."""

    requests: float = 0.0
    weight: float = 0.0
    estimate: float = 0.0
    actual: float = 0.0
    both: float = 0.0

    def plus(self, *, estimated: int, actual: int) -> TokenTally:
        """With one more request, of at least one estimated token."""
        kept, weight = 1.0 - 1.0 / REMEMBERED_REQUESTS, 1.0 / (estimated * estimated)
        return TokenTally(
            requests=kept * self.requests + 1.0,
            weight=kept * self.weight + weight,
            estimate=kept * self.estimate + weight * estimated,
            actual=kept * self.actual + weight * actual,
            both=kept * self.both + weight * estimated * actual,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRatio:
    """What is held of one pair's tokens: `ratio` is in use, `profile` what was measured.

    `requests` is how many count, the earlier ones less; `added_tokens` is what its template was
    seen to add to each beyond what the router counts.
    """

    profile: float
    ratio: float
    added_tokens: float
    requests: float


def is_telling(profile_ratio: float, *, estimated: int, actual: int) -> bool:
    """Whether a request's text can have taken that many tokens; images, for one, take more."""
    if estimated < 1:
        return False
    expected = profile_ratio * estimated
    return LEAST_CHANGE * expected <= actual <= MOST_CHANGE * expected + TEMPLATE_TOKENS


def token_ratio(profile_ratio: float, tally: TokenTally) -> TokenRatio:
    """The likeliest ratio, held back towards the profile's while few requests are known.

    Both unknowns are taken as normal around what the profile says (template: nothing), which
    also settles them where all prompts are of one length.
    """
    of_ratio = (SPREAD_SHARE / RATIO_SPREAD_SHARE) ** 2 / profile_ratio**2
    of_added = (SPREAD_SHARE / ADDED_SPREAD_TOKENS) ** 2
    a, b, d = of_added + tally.weight, tally.estimate, of_ratio + tally.requests
    along = of_ratio * profile_ratio + tally.both
    determinant = a * d - b * b
    fitted = (a * along - b * tally.actual) / determinant
    added = (d * tally.actual - b * along) / determinant
    share = tally.requests / (tally.requests + PROFILE_WEIGHT)
    held = profile_ratio + share * (fitted - profile_ratio)
    return TokenRatio(
        profile=profile_ratio,
        ratio=min(max(held, LEAST_CHANGE * profile_ratio), MOST_CHANGE * profile_ratio),
        added_tokens=added,
        requests=tally.requests,
    )

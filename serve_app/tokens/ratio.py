"""A pair's tokens per estimated token, corrected by what its engine counted.

What a request takes is fitted as `added + ratio x estimate`, by least squares of the relative
error: `added` is what the pair's chat template puts around every request of one form, which short
prompts show, `ratio` what its tokenizer makes of the text, which long ones show. Without telling
the two apart, a fleet of short prompts would count its long ones wrong. Earlier requests fade by
number, not by time: no clock is needed, and a quiet night forgets nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from operator import add
from typing import NamedTuple

from serve_app.core.request import PromptForm

# The profile's ratio, and nothing added, weigh as much as this many requests.
PROFILE_WEIGHT = 20.0
REMEMBERED_REQUESTS = 1000.0
# How far a request strays from its estimate, and how far ratio and template may from the profile.
SPREAD_SHARE = 0.1
RATIO_SPREAD_SHARE = 0.15
ADDED_SPREAD_TOKENS = 20.0
# Beyond these the text was not what filled the context.
LEAST_CHANGE, MOST_CHANGE = 1 / 8, 4.0
TEMPLATE_TOKENS = 512.0


class FormTotals(NamedTuple):
    """Fading sums over requests of one form, each weighed by one over its squared estimate."""

    requests: float = 0.0
    weight: float = 0.0
    estimate: float = 0.0
    actual: float = 0.0
    both: float = 0.0

    def plus(self, *, estimated: int, actual: int) -> FormTotals:
        """With one more request, of at least one estimated token."""
        weight = 1.0 / (estimated * estimated)
        added = (1.0, weight, weight * estimated, weight * actual, weight * estimated * actual)
        return FormTotals(*map(add, self, added))

    def faded(self) -> FormTotals:
        """After one more request."""
        kept = 1.0 - 1.0 / REMEMBERED_REQUESTS
        return FormTotals(*(kept * total for total in self))


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenTotals:
    """What was counted of one pair, by the form of the prompts."""

    forms: Mapping[PromptForm, FormTotals] = field(default_factory=dict)

    def plus(self, form: PromptForm, *, estimated: int, actual: int) -> TokenTotals:
        """With one more request, of at least one estimated token."""
        faded = {known: totals.faded() for known, totals in self.forms.items()}
        faded[form] = faded.get(form, FormTotals()).plus(estimated=estimated, actual=actual)
        return TokenTotals(forms=faded)


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRatio:
    """What is held of one pair's tokens: `ratio` is in use, `profile` what was measured.

    `requests` is how many count, the earlier ones less; `added_tokens` is what its template is
    held to add to a prompt of each form beyond what the router counts.
    """

    profile: float
    ratio: float
    added_tokens: Mapping[PromptForm, float]
    requests: float


def is_informative(profile_ratio: float, *, estimated: int, actual: int) -> bool:
    """Whether a request's text can have taken that many tokens; images, for one, take more."""
    if estimated < 1:
        return False
    expected = profile_ratio * estimated
    return LEAST_CHANGE * expected <= actual <= MOST_CHANGE * expected + TEMPLATE_TOKENS


def token_ratio(profile_ratio: float, totals: TokenTotals) -> TokenRatio:
    """The likeliest ratio and additions, held back while few requests are known.

    All unknowns are taken as normal around the profile's values (templates: zero), which
    also settles them where all prompts are of one length.
    """
    of_ratio = (SPREAD_SHARE / RATIO_SPREAD_SHARE) ** 2 / profile_ratio**2
    of_added = (SPREAD_SHARE / ADDED_SPREAD_TOKENS) ** 2
    along, across, requests = of_ratio * profile_ratio, of_ratio, 0.0
    for of_form in totals.forms.values():
        explained = of_form.estimate / (of_added + of_form.weight)
        along += of_form.both - explained * of_form.actual
        across += of_form.requests - explained * of_form.estimate
        requests += of_form.requests
    fitted = along / across
    added_tokens: dict[PromptForm, float] = {}
    for form, of_form in totals.forms.items():
        added = (of_form.actual - fitted * of_form.estimate) / (of_added + of_form.weight)
        trusted = _trust(of_form.requests) * added
        added_tokens[form] = min(max(trusted, -TEMPLATE_TOKENS), TEMPLATE_TOKENS)
    held = profile_ratio + _trust(requests) * (fitted - profile_ratio)
    return TokenRatio(
        profile=profile_ratio,
        ratio=min(max(held, LEAST_CHANGE * profile_ratio), MOST_CHANGE * profile_ratio),
        added_tokens=added_tokens,
        requests=requests,
    )


def _trust(requests: float) -> float:
    return requests / (requests + PROFILE_WEIGHT)

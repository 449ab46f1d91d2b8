"""What an operator sets of feedback and of shadow grading."""

from __future__ import annotations

from dataclasses import dataclass, field

from serve_app.core.beliefs import Fading
from serve_app.core.units import NonNegativeFloat, PositiveFloat, PositiveInt, Ratio


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskSettings:
    """What the desk counts and how long it remembers.

    `caller_weight` and `shadow_weight` are what one score weighs against one item of a profile,
    whose grader knew the right answer; all scores of one source for a pair at a task weigh
    `most_weight` at most. The last `remember` answered requests of the fleet may be given
    feedback, for `remember_s`.
    """

    caller_weight: Ratio = 0.5
    shadow_weight: Ratio = 1.0
    half_life_s: PositiveFloat = 7 * 24 * 3600.0
    most_weight: PositiveFloat = 200.0
    remember: PositiveInt = 20_000
    remember_s: PositiveFloat = 24 * 3600.0

    @property
    def fading(self) -> Fading:
        return Fading(half_life_s=self.half_life_s, most_weight=self.most_weight)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShadowRules:
    """Which answers are asked of the reference pair too, and how many at most.

    `share` of the answers of other pairs, within `usd_per_hour` for all ingress replicas together,
    `max_in_flight` of each at once, and only while less than `below_load` of the reference pair's
    slots are taken.
    """

    reference: str
    share: Ratio = 0.0
    usd_per_hour: NonNegativeFloat = 1.0
    max_in_flight: PositiveInt = 1
    below_load: Ratio = 0.5
    timeout_s: PositiveFloat = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedbackRules:
    """How a gateway takes feedback; without `shadow` nothing is asked twice.

    `replica` is the name by which the desk knows who served an answer. Prompts are remembered
    only with `keep_prompts`, for the log of graded requests.
    """

    desk: DeskSettings = field(default_factory=DeskSettings)
    shadow: ShadowRules | None = None
    replica: str = ""
    keep_prompts: bool = False

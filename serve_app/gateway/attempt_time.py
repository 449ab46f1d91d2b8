"""How long one attempt may take, from what its pair was predicted to need."""

from __future__ import annotations

from serve_app.core.decision import Candidate
from serve_app.core.inference_request import InferenceRequest, is_one_answer
from serve_app.core.profile import Profile
from serve_app.core.surface import Z99, read_surface
from serve_app.settings import RoutingSettings


def attempt_limit_s(
    timeout_s: float | None, need_s: float | None, left_s: float, settings: RoutingSettings
) -> float:
    """Seconds after which an attempt gives way to another pair, of the `left_s` until the deadline.

    A share of what is left, or what the pair was predicted to need, if that is longer. Its own
    timeout may end it before.
    """
    limit_s = max(settings.attempt_share * left_s, need_s or 0.0)
    return limit_s if timeout_s is None else min(timeout_s, limit_s)


def attempt_timeout_s(
    candidate: Candidate,
    profile: Profile | None,
    settings: RoutingSettings,
    request: InferenceRequest,
) -> float | None:
    """Seconds until a pair that gave nothing is late; `None` is without such a limit.

    An answer that comes whole shows nothing before: a hang looks like a long answer, unless the
    caller has bounded its length. A pair without a profile has no prediction.
    """
    if not request.stream and _greatest_length(candidate, request) is None:
        return None
    need_s = predicted_need_s(candidate, profile, request)
    if need_s is None:
        return None
    return max(settings.attempt_timeout_min_ms / 1e3, settings.attempt_timeout_factor * need_s)


def predicted_need_s(
    candidate: Candidate, profile: Profile | None, request: InferenceRequest
) -> float | None:
    """Seconds to a stream's first token, or to the end of a unary answer.

    Where the length of an answer is bounded, 99 of 100 of all the tokens that are allowed take
    no longer. `None` without a profile.
    """
    prediction = candidate.prediction
    if prediction is None or profile is None:
        return None
    if request.stream:
        return prediction.ttft_ms / 1e3
    tokens = _greatest_length(candidate, request)
    if tokens is None:
        return prediction.total_ms / 1e3
    latency = read_surface(
        profile.latency,
        concurrency=min(prediction.concurrency, profile.max_concurrency),
        prompt_tokens=prediction.prompt_tokens,
        z=Z99,
    )
    return (prediction.wait_ms + latency.ttft_ms + tokens * latency.tpot_ms) / 1e3


def _greatest_length(candidate: Candidate, request: InferenceRequest) -> int | None:
    """The tokens that a single unary answer may have at most, `None` without a limit."""
    if request.prompts > 1 or not is_one_answer(request.body):
        return None
    return request.max_tokens_with(candidate.default_max_tokens)

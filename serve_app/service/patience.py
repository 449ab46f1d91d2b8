"""How long one pair may keep a request waiting while another could be tried."""

from __future__ import annotations

from serve_app.core.decision import Candidate, Prediction
from serve_app.core.ports import EngineCall
from serve_app.core.profile import Profile
from serve_app.core.surface import Z99, read_surface
from serve_app.service.gateway_settings import GatewaySettings
from serve_app.service.inbound import is_one_answer


def patience_s(
    candidate: Candidate,
    profile: Profile | None,
    settings: GatewaySettings,
    *,
    call: EngineCall,
    max_tokens: int | None,
) -> float | None:
    """Seconds until a pair that gave nothing counts as hanging; `None` is without such a limit.

    An answer that comes whole shows nothing before: a hang looks like a long answer, unless the
    caller has bounded its length. Nobody knows what to expect of a pair without a profile.
    """
    prediction = candidate.prediction
    if prediction is None or profile is None:
        return None
    if call.stream:
        expected_ms = prediction.ttft_ms
    elif max_tokens is None or not is_one_answer(call.body):
        return None
    else:
        expected_ms = _longest_ms(profile, prediction, max_tokens)
    return max(settings.attempt_floor_ms, settings.attempt_patience * expected_ms) / 1e3


def _longest_ms(profile: Profile, prediction: Prediction, max_tokens: int) -> float:
    """99 of 100 answers of all the tokens that the caller allows take no longer."""
    latency = read_surface(
        profile.latency,
        concurrency=min(prediction.concurrency, profile.max_concurrency),
        prompt_tokens=prediction.prompt_tokens,
        z=Z99,
    )
    return prediction.wait_ms + latency.ttft_ms + max_tokens * latency.tpot_ms

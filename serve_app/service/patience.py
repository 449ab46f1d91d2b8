"""How long one pair may keep a request waiting while another could be tried."""

from __future__ import annotations

from serve_app.core.decision import Candidate
from serve_app.service.gateway_settings import GatewaySettings


def patience_s(candidate: Candidate, settings: GatewaySettings, *, stream: bool) -> float | None:
    """Seconds until a pair that gave nothing counts as hanging; `None` is without such a limit.

    An unary answer shows nothing before it is whole, so that a hang looks like a long answer
    there; and nobody knows what to expect of a pair without a profile.
    """
    if not stream or candidate.prediction is None:
        return None
    expected_ms = settings.attempt_patience * candidate.prediction.ttft_ms
    return max(settings.attempt_floor_ms, expected_ms) / 1e3

"""`POST /v1/feedback` takes a score of an answer. `/admin/feedback` shows the estimates."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, TypeAdapter, model_validator
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from serve_app.api.body import decoded, parse_object, read_body
from serve_app.api.openai_schema import Wire, validated
from serve_app.core.errors import RequestError
from serve_app.core.events import FeedbackRefused
from serve_app.feedback.collector import EXCHANGE_EVERY_S, Feedback
from serve_app.feedback.corrected_catalog import AccuracyEstimate
from serve_app.settings import IngressSettings

ESTIMATES = TypeAdapter(tuple[AccuracyEstimate, ...])
SCORES = {"good": 1.0, "bad": 0.0}
# An id, a score and some spaces.
LONGEST_BODY_BYTES = 16 * 1024


class FeedbackBody(Wire):
    """One score, as a number or as a verdict; anything else is refused, so that no typo is lost."""

    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)

    decision_id: Annotated[str, Field(min_length=1, max_length=200)]
    score: Annotated[float, Field(ge=0, le=1)] | None = None
    verdict: Literal["good", "bad"] | None = None

    @model_validator(mode="after")
    def _says_one_thing(self) -> FeedbackBody:
        if (self.score is None) == (self.verdict is None):
            came = "neither" if self.score is None else "both"
            raise ValueError(f"send score (0 to 1) or verdict (good, bad), one of them; got {came}")
        return self

    @property
    def said(self) -> float:
        return SCORES[self.verdict] if self.verdict is not None else self.score or 0.0


def feedback_route(feedback: Feedback, settings: IngressSettings, replica: str) -> Route:
    async def take(request: Request) -> Response:
        try:
            limit_bytes = min(LONGEST_BODY_BYTES, settings.body_limit_bytes)
            raw = await read_body(request, limit_bytes)
            text = decoded(raw, request.headers.get("content-encoding", ""), limit_bytes)
            body = validated(FeedbackBody, parse_object(text, settings.body_limit_values))
        except RequestError:
            feedback.events.emit(FeedbackRefused(reason="bad_request"))
            raise
        receipt = await feedback.take(body.decision_id, body.said)
        served, repeated = receipt.served, receipt.status == "repeated"
        taken = {
            "decision_id": body.decision_id,
            "pair": served.pair if served is not None else None,
            "task": served.task if served is not None else None,
            "score": receipt.score,
            "weight": receipt.weight,
            "repeated": repeated,
            "in_use_within_s": 2 * EXCHANGE_EVERY_S,
        }
        # A repeated score counts already. A new one counts within the next exchanges.
        headers = {"x-quantroute-replica": replica}
        return JSONResponse(taken, 200 if repeated else 202, headers=headers)

    return Route("/v1/feedback", take, methods=["POST"])


def estimates_route(feedback: Feedback) -> Route:
    async def estimates(_: Request) -> Response:
        held = ESTIMATES.dump_json(feedback.estimates())
        return Response(b'{"estimates":' + held + b"}", media_type="application/json")

    return Route("/admin/feedback", estimates)

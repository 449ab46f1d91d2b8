"""Errors as OpenAI clients expect them. Callers get our own sentences, never a traceback."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Scope

from serve_app.core.errors import (
    AnswerOverdue,
    BadRequest,
    BodyTimeout,
    BodyTooLarge,
    ContextTooLong,
    DeadlineExceeded,
    EngineRejected,
    FeedbackConflict,
    FeedbackUnavailable,
    Infeasible,
    NeverServable,
    NotServed,
    Overloaded,
    PoisonRequest,
    RouterError,
    UnknownDecision,
    UnknownModel,
    UnsupportedEncoding,
)
from serve_app.core.faults import is_too_long

CALLERS_FAULT = "invalid_request_error"
OUR_FAULT = "server_error"
TOO_LONG = "context_length_exceeded"
CLIENT_CLOSED_REQUEST = 499
# The least that the header can say. Who failed is not the whole fleet.
AT_ONCE_S = 1.0


PROMPT_TOO_LONG = "prompt is too long"
MESSAGES_PATH = "/v1/messages"
# Anthropic's clients read the id of a request from this header.
ANTHROPIC_REQUEST_ID = "request-id"
ANTHROPIC_TYPES: Mapping[int, str] = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorReply:
    """An error on its way out."""

    status: int
    message: str
    type: str
    code: str
    param: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def body(self) -> dict[str, dict[str, str | None]]:
        fields = {"message": self.message, "type": self.type, "param": self.param}
        return {"error": {**fields, "code": self.code}}

    @property
    def anthropic_body(self) -> dict[str, Any]:
        """The same as Anthropic answers it. It has no names for a code and a field."""
        said = self.message
        if self.code == TOO_LONG:
            # Clients of Anthropic look for these words, and shorten the conversation.
            said = said if self.param == "max_tokens" else f"{PROMPT_TOO_LONG}: {said}"
        default = "api_error" if self.type == OUR_FAULT else CALLERS_FAULT
        kind = ANTHROPIC_TYPES.get(self.status, default)
        return {"type": "error", "error": {"type": kind, "message": said}}

    def response_to(self, scope: Scope) -> JSONResponse:
        """The response to a request, in the form that the clients of its address read."""
        if MESSAGES_PATH not in scope["path"]:
            return JSONResponse(self.body, self.status, headers=self.headers)
        request_id = scope["state"].get("request_id", "")
        body = {**self.anthropic_body, "request_id": request_id}
        headers = {**self.headers, ANTHROPIC_REQUEST_ID: request_id}
        return JSONResponse(body, self.status, headers=headers)


# Status, code and param of errors that always have the same. Any other is an engine's failure.
REPLIES: Mapping[type[RouterError], tuple[int, str, str | None]] = {
    BadRequest: (400, "invalid_request", None),
    UnknownModel: (404, "model_not_found", "model"),
    NotServed: (400, "model_not_supported", "model"),
    ContextTooLong: (400, TOO_LONG, None),
    BodyTooLarge: (413, "body_too_large", None),
    BodyTimeout: (408, "request_timeout", None),
    UnsupportedEncoding: (415, "unsupported_encoding", "content-encoding"),
    Infeasible: (422, "infeasible_constraints", "routing"),
    NeverServable: (422, "never_servable", None),
    UnknownDecision: (404, "decision_not_found", "decision_id"),
    FeedbackConflict: (409, "feedback_conflict", "score"),
    FeedbackUnavailable: (503, "feedback_unavailable", None),
    Overloaded: (503, "overloaded", None),
    PoisonRequest: (502, "poison_request", None),
    DeadlineExceeded: (504, "deadline_exceeded", None),
    AnswerOverdue: (504, "deadline_exceeded", None),
}


def reply_to(error: RouterError) -> ErrorReply:
    """Every error of ours as a status and an OpenAI-shaped body."""
    status, code, param = REPLIES.get(type(error), (503, "engine_failed", None))
    retry_after_s = None if type(error) in REPLIES else AT_ONCE_S
    match error:
        case EngineRejected():
            code = TOO_LONG if is_too_long(error.message) else "rejected_by_engine"
            status, param, retry_after_s = 400, error.param, None
        case BadRequest():
            param = error.param
        case ContextTooLong():
            fits_alone = error.prompt_tokens < error.largest_window
            param = error.limit_param if error.max_tokens and fits_alone else error.param
        case Overloaded() | FeedbackUnavailable():
            retry_after_s = error.retry_after_s
    return ErrorReply(
        status=status,
        message=str(error),
        type=OUR_FAULT if status >= HTTPStatus.INTERNAL_SERVER_ERROR else CALLERS_FAULT,
        code=code,
        param=param,
        headers=_headers(error, retry_after_s),
    )


def _headers(error: RouterError, retry_after_s: float | None) -> Mapping[str, str]:
    headers = {}
    if retry_after_s is not None:
        headers["retry-after"] = str(math.ceil(retry_after_s))
    if error.decision_id is not None:
        headers["x-quantroute-decision"] = error.decision_id
    # OpenAI's SDKs read this. Without it they send some of these again.
    if isinstance(error, NeverServable | PoisonRequest):
        headers["x-should-retry"] = "false"
    return headers


async def on_router_error(request: Request, exc: Exception) -> Response:
    assert isinstance(exc, RouterError)
    return reply_to(exc).response_to(request.scope)


async def on_http_exception(request: Request, exc: Exception) -> Response:
    """No such path, or not with this method."""
    assert isinstance(exc, HTTPException)
    reply = ErrorReply(
        status=exc.status_code,
        message=f"{request.method} {request.url.path}: {exc.detail}",
        type=CALLERS_FAULT,
        code=HTTPStatus(exc.status_code).name.lower(),
        headers=exc.headers or {},
    )
    return reply.response_to(request.scope)


async def on_bug(request: Request, _: Exception) -> Response:
    """Starlette logs the exception after this answer is sent, which no middleware sees."""
    reply = ErrorReply(
        status=500,
        message="the router failed on this request; its log has the cause",
        type=OUR_FAULT,
        code="internal_error",
        headers=request.scope["state"].get("bug_headers", {}),
    )
    return reply.response_to(request.scope)


async def on_client_disconnect(_: Request, __: Exception) -> Response:
    """The client disconnected while sending its body. No one reads this."""
    return Response(status_code=CLIENT_CLOSED_REQUEST)

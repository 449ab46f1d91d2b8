"""What a refusing decision means to the caller, and what is wrong with a request without one."""

from __future__ import annotations

from collections.abc import Mapping

from serve_app.core.decision import Decision, Rule
from serve_app.core.errors import (
    BadRequest,
    BodyTooLarge,
    ContextTooLong,
    Infeasible,
    NeverServable,
    NotServed,
    Overloaded,
    RequestError,
    UnknownModel,
)
from serve_app.core.events import RejectReason
from serve_app.core.fleet import Pair
from serve_app.core.inference_request import LIMIT_FIELDS, PROMPT_FIELDS, InferenceRequest

# Neither time nor load makes a pair pass these.
PERMANENT: frozenset[Rule] = frozenset(
    {"switched_off", "profile", "context", "capability", "golden", "numeric_guard"}
)
# A pair that fails only these may pass them later.
PASSING: frozenset[Rule] = frozenset({"replica", "breaker"})


def reject_reason_of(error: RequestError) -> RejectReason:
    """The bounded name of what was wrong with a request that no decision was made for."""
    match error:
        case UnknownModel() | NotServed():
            return "unknown_model"
        case BodyTooLarge():
            return "body_too_large"
        case _:
            return "bad_request"


def raise_if_refused(
    decision: Decision, request: InferenceRequest, pairs: Mapping[str, Pair], retry_after_s: float
) -> None:
    """Raises the error that names what the caller can do about `decision.refusal`."""
    match decision.refusal:
        case None:
            return
        case "context_length":
            counted = decision.features.prompt_tokens if decision.features is not None else 0
            considered = {r.pair for r in decision.rejected if r.rule != "switched_off"}
            largest = max(pairs[pair].context_window for pair in considered)
            raise ContextTooLong(
                counted,
                request.max_tokens or 0,
                largest,
                PROMPT_FIELDS[request.operation],
                LIMIT_FIELDS.get(request.operation, "max_tokens"),
            )
        case "capability":
            # The first field that asks for what some pair with enough room cannot do.
            param = next(iter(request.needs.values()), None)
            fields = ", ".join(repr(field) for field in request.needs.values())
            lacking = ", ".join(
                repr(rejection.pair)
                for rejection in decision.rejected
                if rejection.rule == "capability"
            )
            raise BadRequest(
                f"no pair can do what {fields} asks for; these cannot: {lacking}; leave it out, or "
                f"ask for another model",
                param,
            )
        case "infeasible":
            raise Infeasible(decision.infeasible, decision.reason)
        case "unavailable":
            failed = rules_failed(decision).values()
            if failed and all(rules & PERMANENT for rules in failed):
                raise NeverServable(decision.reason)
            raise Overloaded(decision.reason, retry_after_s)


def may_serve_later(decision: Decision) -> bool:
    """Whether a pair was rejected only because it cannot be tried now."""
    return any(rules <= PASSING for rules in rules_failed(decision).values())


def rules_failed(decision: Decision) -> Mapping[str, set[Rule]]:
    """By rejected pair, the rules that it failed."""
    failed: dict[str, set[Rule]] = {}
    for rejection in decision.rejected:
        failed.setdefault(rejection.pair, set()).add(rejection.rule)
    return failed

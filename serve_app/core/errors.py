"""The error tree. Give arguments by position: errors are then pickled over a Ray handle.

* RouterError
  x RequestError               the caller can fix it
    + BadRequest                 400
    + UnknownModel               404
    + NotServed                  400, no such pair embeds, or generates
    + ContextTooLong             400
    + BodyTooLarge               413
    + UnsupportedEncoding        415
    + BodyTimeout                408
    + Infeasible                 422
    + NeverServable              422, waiting does not help
    + UnknownDecision            404
    + FeedbackConflict           409
  x CapacityError              later, or elsewhere
    + Overloaded                 503
    + DeadlineExceeded           504
    + FeedbackUnavailable        503
  x PoisonRequest              502, the request broke two pairs
  x EngineError                one pair did not answer; `core.faults` has what follows
    + EngineRejected             the engine refuses the request
    + EngineBusy                 the pair has no room
    + EngineLate                 the pair gave nothing in time
      - AnswerOverdue              its answer goes on beyond the longest that is allowed
    + EngineFailed               the pair broke
      - EngineSilent               no request at the pair gets anything
  x CatalogError               what the router reads is missing or wrong
    + CatalogInvalid
    + CatalogReplaced            another publisher was faster
    + VersionUnknown
    + StoreUnavailable
      - StoreEmpty               reachable, with nothing published yet
  x ClassifierUnavailable      the heuristics classify instead
  x SuccessModelRefused        a trained model cannot be used: the heuristics classify instead
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


class RouterError(Exception):
    """Anything quantroute raises on purpose. `decision_id` is that of its request's decision."""

    decision_id: str | None = None


class RequestError(RouterError):
    """The request cannot be served as it is; its sender can change it."""


@dataclass(eq=False, repr=False)
class BadRequest(RequestError):
    """A field is wrong. `param` names it."""

    message: str
    param: str | None = None

    def __str__(self) -> str:
        return self.message


@dataclass(eq=False, repr=False)
class UnknownModel(RequestError):
    """No pair and no model has this name."""

    name: str
    known: tuple[str, ...]

    def __str__(self) -> str:
        return f"model {self.name!r:.120} does not exist; known: {quoted(self.known)}"


@dataclass(eq=False, repr=False)
class NotServed(RequestError):
    """What the request names does not do what it asks for: `generate` or `embed`.

    `able` are the names that do.
    """

    name: str
    service: str
    able: tuple[str, ...]

    def __str__(self) -> str:
        asked = "embeds text" if self.service == "embed" else "generates text"
        if self.able:
            return f"model {self.name!r:.120} does not do this; what {asked}: {quoted(self.able)}"
        return (
            f"no pair of this fleet {asked}; an operator can add one with the setting "
            f"'serves: {self.service}'"
        )


@dataclass(eq=False, repr=False)
class ContextTooLong(RequestError):
    """Prompt and answer together fit no pair's context window. Counts are tokens.

    `param` is the field that holds the prompt, `limit_param` the one that limits the answer.
    """

    prompt_tokens: int
    max_tokens: int
    largest_window: int
    param: str = "messages"
    limit_param: str = "max_tokens"

    def __str__(self) -> str:
        # Clients look for the first words, which are OpenAI's.
        return (
            f"this model's maximum context length is {self.largest_window} tokens; the prompt has "
            f"about {self.prompt_tokens} tokens and asks for up to {self.max_tokens} more: shorten "
            f"the {self.param} or lower {self.limit_param}"
        )


@dataclass(eq=False, repr=False)
class BodyTooLarge(RequestError):
    """The request body is over the configured limit, in bytes."""

    limit_bytes: int

    def __str__(self) -> str:
        return f"the request body is larger than the limit of {self.limit_bytes} bytes"


@dataclass(eq=False, repr=False)
class UnsupportedEncoding(RequestError):
    """The body has a `Content-Encoding` that the router cannot decode."""

    encoding: str
    allowed: tuple[str, ...]

    def __str__(self) -> str:
        return (
            f"content-encoding {self.encoding!r:.80} is not supported; allowed: "
            f"{quoted(self.allowed)}; compress the body with one of them, or send it as it is"
        )


@dataclass(eq=False, repr=False)
class BodyTimeout(RequestError):
    """The caller had not sent its whole body in time."""

    limit_s: float

    def __str__(self) -> str:
        return f"the request body did not come within {self.limit_s:g} s; send it faster or in less"


@dataclass(eq=False, repr=False)
class Infeasible(RequestError):
    """No pair meets the constraints, and the request asked to be refused in that case."""

    constraints: tuple[str, ...]
    detail: str

    def __str__(self) -> str:
        return (
            f"no pair meets the constraints ({quoted(self.constraints)}): {self.detail}; relax "
            f"them, or send on_infeasible=best_effort to be served by the nearest pair"
        )


@dataclass(eq=False, repr=False)
class NeverServable(RequestError):
    """Every pair fails a rule that neither time nor load changes. `reason` names the rules."""

    reason: str

    def __str__(self) -> str:
        return (
            f"{self.reason}; waiting does not change this: change the request, or ask an operator "
            f"for a pair that may serve it"
        )


@dataclass(eq=False, repr=False)
class UnknownDecision(RequestError):
    """Feedback names an unknown decision."""

    decision: str
    kept: int
    kept_s: float

    def __str__(self) -> str:
        return (
            f"decision {self.decision!r:.120} is unknown; the last {self.kept} answered requests "
            f"of {self.kept_s / 3600:g} hours are remembered: send the id from the header "
            f"x-quantroute-decision of an answer, soon enough"
        )


@dataclass(eq=False, repr=False)
class FeedbackConflict(RequestError):
    """The answer of this decision has another score already."""

    decision: str
    before: float
    came: float

    def __str__(self) -> str:
        return (
            f"decision {self.decision!r:.120} has the score {self.before:g} already and cannot "
            f"take {self.came:g}: an answer is scored once"
        )


class CapacityError(RouterError):
    """Nothing is wrong with the request; there is no room or time for it now."""


@dataclass(eq=False, repr=False)
class Overloaded(CapacityError):
    """No pair can take the request now."""

    detail: str
    retry_after_s: float

    def __str__(self) -> str:
        return f"{self.detail}; retry after {self.retry_after_s:g} s"


@dataclass(eq=False, repr=False)
class DeadlineExceeded(CapacityError):
    """The first token did not come within the limit for the whole chain of attempts."""

    deadline_ms: float
    tried: tuple[str, ...]

    def __str__(self) -> str:
        return f"no answer within {self.deadline_ms:g} ms; tried: {quoted(self.tried)}"


@dataclass(eq=False, repr=False)
class FeedbackUnavailable(CapacityError):
    """The feedback actor did not answer. `cause` is a short name, never a traceback."""

    cause: str
    retry_after_s: float

    def __str__(self) -> str:
        return (
            f"the feedback actor did not answer ({self.cause}) and the score was not taken; "
            f"retry after {self.retry_after_s:g} s"
        )


@dataclass(eq=False, repr=False)
class ClassifierUnavailable(RouterError):
    """The classifier deployment did not answer. `cause` is a short name, never a traceback."""

    cause: str

    def __str__(self) -> str:
        return f"the classifier is unavailable: {self.cause}"


@dataclass(eq=False, repr=False)
class SuccessModelRefused(RouterError):
    """The file of a success model cannot be used. `problem` states why and what to do."""

    source: str
    problem: str

    def __str__(self) -> str:
        return f"success model in {self.source} refused: {self.problem}"


def quoted(names: Iterable[str]) -> str:
    """The names between quotes, or `none`."""
    return ", ".join(repr(name) for name in names) or "none"


class CatalogError(RouterError):
    """What the router reads is missing or wrong."""


@dataclass(eq=False, repr=False)
class CatalogInvalid(CatalogError):
    """A catalog did not pass validation; `problems` has one line each, with the field's path."""

    source: str
    problems: tuple[str, ...]

    def __str__(self) -> str:
        return f"catalog in {self.source} refused: " + "; ".join(self.problems)


@dataclass(eq=False, repr=False)
class PolicyInvalid(CatalogInvalid):
    """A policy to be published did not pass validation."""

    def __str__(self) -> str:
        return f"policy in {self.source} refused: " + "; ".join(self.problems)


@dataclass(eq=False, repr=False)
class CatalogReplaced(CatalogError):
    """The active catalog is no longer the one that was to be replaced."""

    store: str
    expected: str
    found: str | None

    def __str__(self) -> str:
        return (
            f"profile store {self.store}: version {self.found} is active and no longer "
            f"{self.expected}: another publisher was faster; look at what it changed, and try again"
        )


@dataclass(eq=False, repr=False)
class VersionUnknown(CatalogError):
    """The store holds no such version."""

    store: str
    version: str
    known: tuple[str, ...]

    def __str__(self) -> str:
        return (
            f"profile store {self.store} has no version {self.version!r:.120}; "
            f"it has: {quoted(self.known)}"
        )


@dataclass(eq=False, repr=False)
class StoreUnavailable(CatalogError):
    """The profile store gives no catalog. `store` never carries a password."""

    store: str
    cause: str

    def __str__(self) -> str:
        return f"profile store {self.store}: {self.cause}"


class StoreEmpty(StoreUnavailable):
    """The store answers, and nothing was published in it yet."""


@dataclass(eq=False, repr=False)
class PoisonRequest(RouterError):
    """The engines of two pairs broke on the same request. `causes` has one name per pair."""

    pairs: tuple[str, ...]
    causes: tuple[str, ...]

    def __str__(self) -> str:
        broken = ", ".join(
            f"{pair!r} ({cause})" for pair, cause in zip(self.pairs, self.causes, strict=True)
        )
        return (
            f"the engines of two pairs failed on this request: {broken}; no other pair is tried: "
            f"do not send it again unchanged"
        )


class EngineError(RouterError):
    """One pair did not answer."""


@dataclass(eq=False, repr=False)
class EngineRejected(EngineError):
    """The engine refuses the request, in OpenAI's terms.

    `core.faults.kind_of` decides if the request is wrong or only this pair cannot serve it.
    """

    pair: str
    status: int
    message: str
    type: str
    param: str | None

    def __str__(self) -> str:
        return self.message


@dataclass(eq=False, repr=False)
class EngineBusy(EngineError):
    """The pair has no room now: a full queue, back-pressure, or a draining replica."""

    pair: str

    def __str__(self) -> str:
        return f"pair {self.pair!r} is full"


@dataclass(eq=False, repr=False)
class EngineLate(EngineError):
    """The pair gave nothing in its time, and is not known to be broken."""

    pair: str
    cause: str

    def __str__(self) -> str:
        return f"pair {self.pair!r} is late: {self.cause}"


class AnswerOverdue(EngineLate):
    """The pair still answers when the request's time is over."""


@dataclass(eq=False, repr=False)
class EngineFailed(EngineError):
    """The pair broke before or while answering. `cause` is a short name, never a traceback."""

    pair: str
    cause: str

    def __str__(self) -> str:
        return f"pair {self.pair!r} failed: {self.cause}"


class EngineSilent(EngineFailed):
    """No request at the pair got anything while streams waited for it."""

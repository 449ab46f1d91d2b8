"""The error tree. Arguments are positional so that errors survive pickling over a Ray handle.

* RouterError
  x RequestError               the caller can fix it
    + BadRequest                 400
    + UnknownModel               404
    + ContextTooLong             413
    + BodyTooLarge               413
    + Infeasible                 422
    + UnknownDecision            404
    + FeedbackConflict           409
  x CapacityError              later, or elsewhere
    + Overloaded                 503
    + DeadlineExceeded           504
    + FeedbackUnavailable        503
  x EngineError                one pair did not answer
    + EngineRejected             the engine refuses the request itself: no other pair is tried
    + EngineBusy                 the pair is full: the next one is tried
    + EngineFailed               the pair broke: the next one is tried
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


class RouterError(Exception):
    """Anything quantroute raises on purpose."""


class RequestError(RouterError):
    """The request cannot be served as it is; its sender can change it."""


class BadRequest(RequestError):
    """A field is wrong. `param` names it."""

    def __init__(self, message: str, param: str | None = None) -> None:
        super().__init__(message, param)
        self.message = message
        self.param = param

    def __str__(self) -> str:
        return self.message


class UnknownModel(RequestError):
    """No pair and no model has this name."""

    def __init__(self, name: str, known: tuple[str, ...]) -> None:
        super().__init__(name, known)
        self.name = name
        self.known = known

    def __str__(self) -> str:
        return f"model {self.name!r:.120} does not exist; known: {quoted(self.known)}"


class ContextTooLong(RequestError):
    """Prompt and answer together fit no pair's context window. Counts are tokens."""

    def __init__(self, prompt_tokens: int, max_tokens: int, largest_window: int) -> None:
        super().__init__(prompt_tokens, max_tokens, largest_window)
        self.prompt_tokens = prompt_tokens
        self.max_tokens = max_tokens
        self.largest_window = largest_window

    def __str__(self) -> str:
        return (
            f"the prompt has about {self.prompt_tokens} tokens and asks for up to "
            f"{self.max_tokens} more; the largest context window here is {self.largest_window} "
            f"tokens: shorten the messages or lower max_tokens"
        )


class BodyTooLarge(RequestError):
    """The request body is over the configured limit, in bytes."""

    def __init__(self, limit_bytes: int) -> None:
        super().__init__(limit_bytes)
        self.limit_bytes = limit_bytes

    def __str__(self) -> str:
        return f"the request body is larger than the limit of {self.limit_bytes} bytes"


class Infeasible(RequestError):
    """No pair meets the constraints, and the request asked to be refused in that case."""

    def __init__(self, constraints: tuple[str, ...], detail: str) -> None:
        super().__init__(constraints, detail)
        self.constraints = constraints
        self.detail = detail

    def __str__(self) -> str:
        return (
            f"no pair meets the constraints ({quoted(self.constraints)}): {self.detail}; relax "
            f"them, or send on_infeasible=best_effort to be served by the nearest pair"
        )


class UnknownDecision(RequestError):
    """Feedback names an unknown decision."""

    def __init__(self, decision: str, kept: int, kept_s: float) -> None:
        super().__init__(decision, kept, kept_s)
        self.decision = decision
        self.kept = kept
        self.kept_s = kept_s

    def __str__(self) -> str:
        return (
            f"decision {self.decision!r:.120} is unknown; the last {self.kept} answered requests "
            f"of {self.kept_s / 3600:g} hours are remembered: send the id from the header "
            f"x-quantroute-decision of an answer, soon enough"
        )


class FeedbackConflict(RequestError):
    """The answer of this decision has another score already."""

    def __init__(self, decision: str, before: float, came: float) -> None:
        super().__init__(decision, before, came)
        self.decision = decision
        self.before = before
        self.came = came

    def __str__(self) -> str:
        return (
            f"decision {self.decision!r:.120} has the score {self.before:g} already and cannot "
            f"take {self.came:g}: an answer is scored once"
        )


class CapacityError(RouterError):
    """Nothing is wrong with the request; there is no room or time for it now."""


class Overloaded(CapacityError):
    """No pair can take the request now."""

    def __init__(self, detail: str, retry_after_s: float) -> None:
        super().__init__(detail, retry_after_s)
        self.detail = detail
        self.retry_after_s = retry_after_s

    def __str__(self) -> str:
        return f"{self.detail}; retry after {self.retry_after_s:g} s"


class DeadlineExceeded(CapacityError):
    """The first token did not come within the limit for the whole chain of attempts."""

    def __init__(self, deadline_ms: float, tried: tuple[str, ...]) -> None:
        super().__init__(deadline_ms, tried)
        self.deadline_ms = deadline_ms
        self.tried = tried

    def __str__(self) -> str:
        return f"no answer within {self.deadline_ms:g} ms; tried: {quoted(self.tried)}"


class FeedbackUnavailable(CapacityError):
    """The feedback actor did not answer. `cause` is a short name, never a traceback."""

    def __init__(self, cause: str, retry_after_s: float) -> None:
        super().__init__(cause, retry_after_s)
        self.cause = cause
        self.retry_after_s = retry_after_s

    def __str__(self) -> str:
        return (
            f"the feedback actor did not answer ({self.cause}) and the score was not taken; "
            f"retry after {self.retry_after_s:g} s"
        )


class ClassifierUnavailable(RouterError):
    """The classifier deployment did not answer. `cause` is a short name, never a traceback."""

    def __init__(self, cause: str) -> None:
        super().__init__(cause)
        self.cause = cause

    def __str__(self) -> str:
        return f"the classifier is unavailable: {self.cause}"


class SuccessModelRefused(RouterError):
    """The file of a success model cannot be used. `problem` states why and what to do."""

    def __init__(self, source: str, problem: str) -> None:
        super().__init__(source, problem)
        self.source = source
        self.problem = problem

    def __str__(self) -> str:
        return f"success model in {self.source} refused: {self.problem}"


def quoted(names: Iterable[str]) -> str:
    """The names between quotes, or `none`."""
    return ", ".join(repr(name) for name in names) or "none"


class CatalogError(RouterError):
    """What the router reads is missing or wrong."""


class CatalogInvalid(CatalogError):
    """A catalog did not pass validation; `problems` has one line each, with the field's path."""

    def __init__(self, source: str, problems: tuple[str, ...]) -> None:
        super().__init__(source, problems)
        self.source = source
        self.problems = problems

    def __str__(self) -> str:
        return f"catalog in {self.source} refused: " + "; ".join(self.problems)


class CatalogReplaced(CatalogError):
    """The active catalog is no longer the one that was to be replaced."""

    def __init__(self, store: str, expected: str, found: str | None) -> None:
        super().__init__(store, expected, found)
        self.store = store
        self.expected = expected
        self.found = found

    def __str__(self) -> str:
        return (
            f"profile store {self.store}: version {self.found} is active and no longer "
            f"{self.expected}: another publisher was faster; look at what it changed, and try again"
        )


class VersionUnknown(CatalogError):
    """The store holds no such version."""

    def __init__(self, store: str, version: str, known: tuple[str, ...]) -> None:
        super().__init__(store, version, known)
        self.store = store
        self.version = version
        self.known = known

    def __str__(self) -> str:
        return (
            f"profile store {self.store} has no version {self.version!r:.120}; "
            f"it has: {quoted(self.known)}"
        )


class StoreUnavailable(CatalogError):
    """The profile store gives no catalog. `store` never carries a password."""

    def __init__(self, store: str, cause: str) -> None:
        super().__init__(store, cause)
        self.store = store
        self.cause = cause

    def __str__(self) -> str:
        return f"profile store {self.store}: {self.cause}"


class StoreEmpty(StoreUnavailable):
    """The store answers, and nothing was published in it yet."""


class EngineError(RouterError):
    """One pair did not answer."""


class EngineRejected(EngineError):
    """The engine finds the request itself wrong; any pair would."""

    def __init__(self, pair: str, status: int, message: str, type_: str, param: str | None) -> None:
        super().__init__(pair, status, message, type_, param)
        self.pair = pair
        self.status = status
        self.message = message
        self.type = type_
        self.param = param

    def __str__(self) -> str:
        return self.message


class EngineBusy(EngineError):
    """The pair's queue is full."""

    def __init__(self, pair: str) -> None:
        super().__init__(pair)
        self.pair = pair

    def __str__(self) -> str:
        return f"pair {self.pair!r} is full"


class EngineFailed(EngineError):
    """The pair broke before or while answering. `cause` is a short name, never a traceback."""

    def __init__(self, pair: str, cause: str) -> None:
        super().__init__(pair, cause)
        self.pair = pair
        self.cause = cause

    def __str__(self) -> str:
        return f"pair {self.pair!r} failed: {self.cause}"

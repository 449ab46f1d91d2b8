from __future__ import annotations

import pickle

import pytest

from serve_app.core import errors
from serve_app.core.errors import RouterError

EVERY_ERROR = [
    (
        errors.BadRequest("min_accuracy is 2; allowed: 0 to 1", "min_accuracy"),
        "min_accuracy is 2; allowed: 0 to 1",
    ),
    (errors.UnknownModel("gpt", ("a", "b")), "model 'gpt' does not exist; known: 'a', 'b'"),
    (errors.UnknownModel("gpt", ()), "model 'gpt' does not exist; known: none"),
    (
        errors.NotServed("small", "embed", ("auto", "embedder")),
        "model 'small' does not do this; what embeds text: 'auto', 'embedder'",
    ),
    (
        errors.NotServed("auto", "embed", ()),
        "no pair of this fleet embeds text; an operator can add one with the setting "
        "'serves: embed'",
    ),
    (
        errors.ContextTooLong(9000, 100, 4096),
        "this model's maximum context length is 4096 tokens; the prompt has about 9000 tokens and "
        "asks for up to 100 more: shorten the messages or lower max_tokens",
    ),
    (
        errors.NeverServable("no pair can serve this request: a fails golden"),
        "no pair can serve this request: a fails golden; waiting does not change this: change the "
        "request, or ask an operator for a pair that may serve it",
    ),
    (
        errors.PoisonRequest(("a", "b"), ("oom", "RayActorError")),
        "the engines of two pairs failed on this request: 'a' (oom), 'b' (RayActorError); no other "
        "pair is tried: do not send it again unchanged",
    ),
    (errors.BodyTooLarge(8), "the request body is larger than the limit of 8 bytes"),
    (
        errors.UnsupportedEncoding("br", ("gzip", "identity")),
        "content-encoding 'br' is not supported; allowed: 'gzip', 'identity'; compress the body "
        "with one of them, or send it as it is",
    ),
    (
        errors.BodyTimeout(30.0),
        "the request body did not come within 30 s; send it faster or in less",
    ),
    (
        errors.Infeasible(("latency",), "too slow"),
        "no pair meets the constraints ('latency'): too slow; relax them, or send "
        "on_infeasible=best_effort to be served by the nearest pair",
    ),
    (
        errors.UnknownDecision("d1", 200, 7200),
        "decision 'd1' is unknown; the last 200 answered requests of 2 hours are remembered: send "
        "the id from the header x-quantroute-decision of an answer, soon enough",
    ),
    (
        errors.FeedbackConflict("d1", 1.0, 0.5),
        "decision 'd1' has the score 1 already and cannot take 0.5: an answer is scored once",
    ),
    (
        errors.FeedbackUnavailable("RayActorError", 1.0),
        "the feedback actor did not answer (RayActorError) and the score was not taken; retry "
        "after 1 s",
    ),
    (errors.Overloaded("all pairs are full", 1.5), "all pairs are full; retry after 1.5 s"),
    (errors.DeadlineExceeded(900, ("a",)), "no answer within 900 ms; tried: 'a'"),
    (errors.EngineRejected("a", 400, "no such field", "bad", "n"), "no such field"),
    (errors.EngineBusy("a"), "pair 'a' is full"),
    (errors.EngineLate("a", "nothing came"), "pair 'a' is late: nothing came"),
    (errors.AnswerOverdue("a", "too long"), "pair 'a' is late: too long"),
    (errors.EngineSilent("a", "nothing came"), "pair 'a' failed: nothing came"),
    (errors.EngineFailed("a", "RayActorError"), "pair 'a' failed: RayActorError"),
    (errors.CatalogInvalid("file", ("x", "y")), "catalog in file refused: x; y"),
    (errors.PolicyInvalid("file", ("x", "y")), "policy in file refused: x; y"),
    (
        errors.CatalogReplaced("redis", "3", "4"),
        "profile store redis: version 4 is active and no longer 3: another publisher was faster; "
        "look at what it changed, and try again",
    ),
    (
        errors.VersionUnknown("redis", "9", ("2", "1")),
        "profile store redis has no version '9'; it has: '2', '1'",
    ),
    (errors.StoreUnavailable("redis", "refused"), "profile store redis: refused"),
    (errors.StoreEmpty("redis", "empty"), "profile store redis: empty"),
    (
        errors.SuccessModelRefused("a.npz", "it has no header"),
        "success model in a.npz refused: it has no header",
    ),
    (errors.ClassifierUnavailable("late"), "the classifier is unavailable: late"),
]


@pytest.mark.parametrize(
    ("error", "text"), EVERY_ERROR, ids=[type(error).__name__ for error, _ in EVERY_ERROR]
)
def test_an_error_says_the_same_after_a_journey_over_a_ray_handle(
    error: RouterError, text: str
) -> None:
    arrived = pickle.loads(pickle.dumps(error))

    assert type(arrived) is type(error)
    assert (str(arrived), vars(arrived)) == (text, vars(error))


def test_every_error_that_is_raised_is_covered_here() -> None:
    speaking = {
        value
        for module in (errors,)
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, RouterError) and "__init__" in vars(value)
    }

    assert speaking <= {type(error) for error, _ in EVERY_ERROR}

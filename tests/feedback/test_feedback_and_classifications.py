"""Feedback moves the bounds of a trained success model too, and overrules no other rule."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from serve_app.classifier.heuristics import classify_sync
from serve_app.classifier.request_text import segment
from serve_app.classifier.success_model import ORIGIN, SuccessModel
from serve_app.core.decision import Decision, Prediction
from serve_app.core.profile import GoldenResult
from serve_app.core.request import Constraints
from tests.builders import a_catalog, a_pair, a_profile, an_accuracy
from tests.gateways import GatewayUnderTest, a_request, gateway_under_test, whole
from tests.outcomes import question, trained

HISTORY = segment(question("history", Random(1)))
SMALL = {classify_sync(HISTORY).task: an_accuracy(0.7, items=40)}
PAIRS = (a_pair("small"), a_pair("large"), a_pair("dear"))
CATALOG = a_catalog(
    a_profile("small", accuracy=SMALL, usd_per_hour=0.1),
    a_profile("large", accuracy=0.9, usd_per_hour=1.0),
    a_profile("dear", accuracy=0.9, usd_per_hour=2.0),
)
FLOOR = Constraints(min_accuracy=0.7)


def a_classifying_gateway() -> GatewayUnderTest:
    """Two pairs as a trained model classifies them, and one that it does not know."""
    return gateway_under_test(
        pairs=PAIRS,
        catalog=CATALOG,
        classifier=SuccessModel(trained(), local=classify_sync),
    )


async def decided(under_test: GatewayUnderTest, *, model: str = "auto") -> Decision:
    request = a_request(model=model, prompt=HISTORY, constraints=FLOOR)
    return (await under_test.gateway.explain(request)).decision


def prediction_of(decision: Decision, pair: str) -> Prediction:
    (prediction,) = [c.prediction for c in decision.candidates if c.pair == pair and c.prediction]
    return prediction


async def scored(under_test: GatewayUnderTest, pair: str, score: float, *, times: int) -> None:
    for _ in range(times):
        await whole(under_test, a_request(model=pair, prompt=HISTORY))
        await under_test.feedback.take(under_test.gateway.recent_decisions()[0].id, score)
    await under_test.feedback.exchange()


async def test_bad_scores_lower_the_bound_that_a_trained_model_gives_this_prompt() -> None:
    under_test = a_classifying_gateway()
    before = await decided(under_test)
    assert before.features is not None
    assert before.features.classification.origin == ORIGIN
    assert before.chosen == "small"
    classified = before.features.classification.success["small"]
    assert prediction_of(before, "small").accuracy_lower == classified.lower

    await scored(under_test, "small", 0.0, times=40)

    after = await decided(under_test)
    assert after.chosen == "large"
    prediction = prediction_of(after, "small")
    (estimate,) = under_test.feedback.estimates()
    assert prediction.feedback == estimate.correction
    assert prediction.accuracy_lower < 0.7 < classified.lower


async def test_good_scores_raise_the_bound_that_a_trained_model_gives_this_prompt() -> None:
    under_test = a_classifying_gateway()
    before = prediction_of(await decided(under_test), "small").accuracy_lower

    await scored(under_test, "small", 1.0, times=40)

    assert prediction_of(await decided(under_test), "small").accuracy_lower > before


async def test_scores_of_a_pinned_answer_count_for_the_routed_ones() -> None:
    under_test = a_classifying_gateway()
    await scored(under_test, "small", 0.0, times=40)

    assert (await decided(under_test, model="small")).chosen == "small"
    assert (await decided(under_test)).chosen == "large"


async def test_no_praise_helps_a_pair_whose_golden_set_failed() -> None:
    under_test = a_classifying_gateway()
    await scored(under_test, "small", 1.0, times=40)

    failed = replace(CATALOG.profiles["small"], golden=GoldenResult(passed=False, reason="NaN"))
    rest = [profile for profile in CATALOG if profile.pair != "small"]
    under_test.catalog.publish(a_catalog(failed, *rest, version="v2"))

    decision = await decided(under_test)
    assert decision.chosen == "large"
    assert ("small", "golden") in [(r.pair, r.rule) for r in decision.rejected]


async def test_published_figures_are_moved_as_measured_ones_are() -> None:
    published = a_profile("small", accuracy=SMALL, usd_per_hour=0.1, origin="published")
    rest = [profile for profile in CATALOG if profile.pair != "small"]
    under_test = a_classifying_gateway()
    under_test.catalog.publish(a_catalog(published, *rest, version="v2"))

    await scored(under_test, "small", 0.0, times=40)

    assert (await decided(under_test)).chosen == "large"

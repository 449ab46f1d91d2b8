from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serve_app.core.cost import TokenPrice, Usage
from serve_app.core.decision import Prediction
from serve_app.core.fleet import Load
from serve_app.core.predict import predict
from serve_app.core.profile import Profile, Throughput
from serve_app.core.request import Constraints, Features, Success
from tests.builders import a_classification, a_profile, a_quantity, an_accuracy, features
from tests.core.strategies import constraints, profiles, requests

IDLE = Load(ready_replicas=1)


def predicted(
    profile: Profile,
    request: Features | None = None,
    *,
    load: Load = IDLE,
    quantile: float = 0.95,
    published_margin: float = 1.0,
) -> Prediction:
    return predict(
        profile,
        TokenPrice.of(profile),
        request or features(),
        load,
        Constraints(deadline_quantile=quantile),
        published_margin=published_margin,
    )


def test_an_answer_takes_the_first_token_and_then_each_token_after_it() -> None:
    prediction = predicted(
        a_profile(ttft_ms=50, tpot_ms=10),
        features(classification=a_classification(output_tokens=21)),
    )

    assert (prediction.ttft_ms, prediction.total_ms, prediction.output_tokens) == (50, 250, 21)


def test_sequences_share_a_replica_and_are_paid_together() -> None:
    profile = a_profile()
    price = TokenPrice.of(profile)

    one = predicted(profile)
    six = predicted(
        profile, features(prompts=2, sequences=6), load=Load(ready_replicas=1, in_flight=2)
    )

    assert (one.concurrency, six.concurrency) == (1, 8)
    assert (six.prompt_tokens, six.output_tokens) == (one.prompt_tokens, one.output_tokens)
    assert six.cost_usd == pytest.approx(
        price.cost_usd(Usage(2 * one.prompt_tokens, 6 * one.output_tokens))
    )


def test_an_answer_of_one_token_takes_no_longer_than_its_first_token() -> None:
    prediction = predicted(a_profile(ttft_ms=50), features(max_tokens=1))

    assert prediction.total_ms == prediction.ttft_ms == 50


@pytest.mark.parametrize(
    ("profile", "request_", "total_ms"),
    [
        pytest.param(
            a_profile(ttft_ms=a_quantity(50, 80), tpot_ms=10),
            features(classification=a_classification(output_tokens=21)),
            280,
            id="only the first token varies",
        ),
        pytest.param(
            a_profile(ttft_ms=50, tpot_ms=a_quantity(10, 12)),
            features(classification=a_classification(output_tokens=21)),
            290,
            id="only the pace varies",
        ),
        pytest.param(
            a_profile(ttft_ms=50, tpot_ms=10),
            features(classification=a_classification(output_tokens=21, output_tokens_p95=41)),
            450,
            id="only the length varies",
        ),
        pytest.param(
            a_profile(ttft_ms=a_quantity(50, 80), tpot_ms=a_quantity(10, 12)),
            features(classification=a_classification(output_tokens=21)),
            300,
            id="independent parts vary less together than their sum: 30 and 40 make 50",
        ),
    ],
)
def test_the_95th_percentile_of_an_answer(
    profile: Profile, request_: Features, total_ms: float
) -> None:
    assert predicted(profile, request_).total_ms == pytest.approx(total_ms)


def test_at_the_median_nothing_is_added_for_what_may_vary() -> None:
    profile = a_profile(ttft_ms=a_quantity(50, 80), tpot_ms=a_quantity(10, 12))

    assert predicted(profile, quantile=0.5).total_ms == 250


@pytest.mark.parametrize(
    ("request_", "profile", "tokens"),
    [
        pytest.param(
            features(classification=a_classification(output_tokens=40)),
            a_profile(),
            40,
            id="as judged",
        ),
        pytest.param(
            features(max_tokens=16, classification=a_classification(output_tokens=40)),
            a_profile(),
            16,
            id="no more than the caller allows",
        ),
        pytest.param(
            features(prompt_tokens=2000, classification=a_classification(output_tokens=400)),
            a_profile(context_window=2048),
            48,
            id="no more than the context window has left",
        ),
        pytest.param(
            features(prompt_tokens=3000, classification=a_classification(output_tokens=400)),
            a_profile(context_window=2048),
            1,
            id="one at least, even where the prompt does not fit",
        ),
        pytest.param(
            features(classification=a_classification(output_tokens=40)),
            a_profile(tokens_ratio=1.5),
            60,
            id="in the pair's own tokens",
        ),
    ],
)
def test_the_expected_length_of_an_answer(
    request_: Features, profile: Profile, tokens: int
) -> None:
    assert predicted(profile, request_).output_tokens == tokens


def test_a_caller_s_limit_also_bounds_how_long_an_answer_may_get() -> None:
    request = features(
        max_tokens=21, classification=a_classification(output_tokens=21, output_tokens_p95=500)
    )

    assert predicted(a_profile(ttft_ms=50, tpot_ms=10), request).total_ms == 250


def test_prompts_are_counted_in_the_pair_s_own_tokens_rounded_up() -> None:
    prediction = predicted(a_profile(tokens_ratio=1.25), features(prompt_tokens=101))

    assert prediction.prompt_tokens == 127


@pytest.mark.parametrize(
    ("load", "concurrency"),
    [
        (Load(ready_replicas=1), 1),
        (Load(ready_replicas=1, in_flight=3), 4),
        (Load(ready_replicas=2, in_flight=3), 2),
        (Load(ready_replicas=0, in_flight=3), 4),
    ],
)
def test_requests_in_flight_share_the_replicas_that_are_ready(
    load: Load, concurrency: float
) -> None:
    assert predicted(a_profile(), load=load).concurrency == concurrency


def test_the_median_counts_to_the_first_token_of_a_stream_or_to_the_end_of_a_unary_answer() -> None:
    profile = a_profile(ttft_ms=a_quantity(50, 80), tpot_ms=a_quantity(10, 12), cold_start_s=20)
    starting = Load(ready_replicas=0, starting_replicas=1)

    assert predicted(profile, features(stream=True)).first_text_p50_ms == 50
    assert predicted(profile, features(stream=False)).first_text_p50_ms == 250
    assert predicted(profile, features(stream=True), load=starting).first_text_p50_ms == 10_050


def test_requests_beyond_the_slots_wait_for_one_to_be_free() -> None:
    profile = a_profile(ttft_ms=50, tpot_ms=10, max_concurrency=8)

    full = predicted(profile, load=Load(ready_replicas=1, in_flight=7))
    over = predicted(profile, load=Load(ready_replicas=1, in_flight=11))

    assert full.wait_ms == 0
    # Eight slots, each busy for 250 ms, free one every 31.25 ms; four are needed.
    assert over.wait_ms == pytest.approx(125)
    assert over.ttft_ms == pytest.approx(175)
    assert over.total_ms == pytest.approx(375)


@pytest.mark.parametrize(
    ("load", "wait_ms"),
    [
        pytest.param(Load(ready_replicas=1), 0, id="none when one is ready"),
        pytest.param(Load(ready_replicas=0), 20_000, id="all of it when none is on its way"),
        pytest.param(
            Load(ready_replicas=0, starting_replicas=1),
            19_000,
            id="what may be left of it at the asked quantile when one is on its way",
        ),
    ],
)
def test_waiting_for_a_cold_start(load: Load, wait_ms: float) -> None:
    assert predicted(a_profile(cold_start_s=20), load=load).wait_ms == pytest.approx(wait_ms)


def test_all_latencies_of_a_published_profile_take_the_margin() -> None:
    here = a_profile(ttft_ms=50, tpot_ms=10, cold_start_s=20)
    elsewhere = a_profile(ttft_ms=50, tpot_ms=10, cold_start_s=20, origin="published")
    cold = Load(ready_replicas=0)

    measured = predicted(here, load=cold, published_margin=1.5)
    published = predicted(elsewhere, load=cold, published_margin=1.5)

    assert (measured.origin, published.origin) == ("measured", "published")
    assert (measured.wait_ms, measured.ttft_ms, measured.total_ms) == (20_000, 20_050, 20_250)
    assert (published.wait_ms, published.ttft_ms, published.total_ms) == (30_000, 30_075, 30_375)
    assert (published.cost_usd, published.accuracy) == (measured.cost_usd, measured.accuracy)


def test_cost_is_of_the_prompt_and_of_an_answer_of_median_length() -> None:
    # 0.002 USD a second when busy half the time at 1 USD per 1000 s: 1000 prompt tokens take
    # a second, 100 answer tokens take half of one.
    profile = a_profile(
        usd_per_hour=3.6,
        throughput=Throughput(
            prefill_tokens_per_s=1000, decode_tokens_per_s=(50, 100, 200), utilization=0.5
        ),
    )
    request = features(
        prompt_tokens=1000,
        classification=a_classification(output_tokens=100, output_tokens_p95=900),
    )

    assert predicted(profile, request).cost_usd == pytest.approx(0.003)


@pytest.mark.parametrize(
    ("request_", "accuracy", "lower"),
    [
        pytest.param(
            features(classification=a_classification("code")),
            0.7,
            0.6,
            id="the task's where measured",
        ),
        pytest.param(
            features(classification=a_classification("translation")),
            0.9,
            0.85,
            id="otherwise the overall",
        ),
        pytest.param(
            features(
                classification=a_classification(
                    "code", success={"pair-a": Success(mean=0.3, lower=0.2)}
                )
            ),
            0.3,
            0.2,
            id="the classifier's own where it knows the pair",
        ),
        pytest.param(
            features(
                classification=a_classification(
                    "code", success={"pair-b": Success(mean=0.3, lower=0.2)}
                )
            ),
            0.7,
            0.6,
            id="not the classifier's for another pair",
        ),
    ],
)
def test_which_accuracy_counts(request_: Features, accuracy: float, lower: float) -> None:
    profile = replace(
        a_profile(),
        accuracy={
            "overall": an_accuracy(0.9, lower=0.85),
            "code": an_accuracy(0.7, lower=0.6),
        },
    )

    prediction = predicted(profile, request_)

    assert (prediction.accuracy, prediction.accuracy_lower) == (accuracy, lower)


@given(
    profile=profiles("pair-a"),
    request=requests(),
    asked=constraints,
    in_flight=st.integers(0, 60),
    more=st.integers(0, 60),
    replicas=st.integers(1, 3),
)
def test_more_load_never_makes_an_answer_come_sooner(
    profile: Profile,
    request: Features,
    asked: Constraints,
    in_flight: int,
    more: int,
    replicas: int,
) -> None:
    price = TokenPrice.of(profile)
    quiet, busy = (
        predict(
            profile,
            price,
            replace(request, prompt_tokens=min(request.prompt_tokens, 700)),
            Load(ready_replicas=replicas, in_flight=requests_in_flight),
            asked,
            published_margin=1.25,
        )
        for requests_in_flight in (in_flight, in_flight + more)
    )

    assert busy.total_ms >= quiet.total_ms - 1e-6
    assert busy.ttft_ms >= quiet.ttft_ms - 1e-6


@given(profile=profiles("pair-a"), request=requests(), asked=constraints)
def test_the_first_token_never_comes_after_the_last(
    profile: Profile, request: Features, asked: Constraints
) -> None:
    prediction = predict(
        profile, TokenPrice.of(profile), request, IDLE, asked, published_margin=1.25
    )

    assert 0 <= prediction.wait_ms <= prediction.ttft_ms <= prediction.total_ms + 1e-6

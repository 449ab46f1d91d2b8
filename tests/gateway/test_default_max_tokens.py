"""A pair's own limit on answers, for requests that set none."""

from __future__ import annotations

from dataclasses import replace

import pytest

from serve_app.core.catalog import Snapshot
from serve_app.core.errors import EngineFailed
from serve_app.core.fleet import Pair
from serve_app.settings import parse_args
from serve_app.settings.models import RoutingSettings
from serve_app.testing import Script
from tests.api.apps import CHAT, COMPLETIONS, a_body, a_client
from tests.gateways import PAIRS, GatewayUnderTest, gateway_under_test

LIMIT = 512
FIELD = "x-quantroute-default-max-tokens"


def limited(*, window: int | None = None, limit: int | None = LIMIT) -> GatewayUnderTest:
    def with_limit(pair: Pair) -> Pair:
        return replace(pair, default_max_tokens=limit, context_window=window or pair.context_window)

    return gateway_under_test(pairs=[with_limit(pair) for pair in PAIRS])


def sent(under_test: GatewayUnderTest) -> object:
    """The limit that the engine got."""
    _, call = under_test.engine.calls[-1]
    return call.body.get("max_tokens")


def test_a_request_without_a_limit_gets_the_pairs_and_a_header_shows_it() -> None:
    under_test = limited()

    answer = a_client(under_test).post(CHAT, json=a_body())

    assert answer.headers[FIELD] == str(LIMIT)
    assert sent(under_test) == LIMIT


@pytest.mark.parametrize("field", ["max_tokens", "max_completion_tokens"])
@pytest.mark.parametrize("value", [1, 4_000])
def test_a_callers_limit_stays(field: str, value: int) -> None:
    under_test = limited(window=100_000)

    answer = a_client(under_test).post(CHAT, json=a_body(**{field: value}))

    assert answer.status_code == 200
    assert FIELD not in answer.headers
    _, call = under_test.engine.calls[-1]
    assert call.body.get(field) == value
    assert ("max_tokens" in call.body) is (field == "max_tokens")


def test_without_a_default_nothing_is_added() -> None:
    under_test = limited(limit=None)

    answer = a_client(under_test).post(CHAT, json=a_body())

    assert FIELD not in answer.headers
    assert sent(under_test) is None


def test_a_completion_keeps_the_sixteen_tokens_of_the_openai_api() -> None:
    under_test = limited()

    answer = a_client(under_test).post(COMPLETIONS, json={"model": "auto", "prompt": "Hi"})

    assert FIELD not in answer.headers
    assert sent(under_test) is None


def test_a_limit_that_might_not_fit_next_to_the_prompt_is_left_to_the_engine() -> None:
    under_test = limited(window=600)
    words = "word " * 300

    answer = a_client(under_test).post(
        CHAT, json=a_body(messages=[{"role": "user", "content": words}])
    )

    assert answer.status_code == 200
    assert FIELD not in answer.headers
    assert sent(under_test) is None


def test_a_prompt_whose_limit_may_not_fit_is_counted_exactly() -> None:
    under_test = limited(window=2_000)
    words = "word " * 1_400

    a_client(under_test).post(CHAT, json=a_body(messages=[{"role": "user", "content": words}]))

    assert under_test.tokens.counted == [words]


def test_a_least_length_raises_the_limit() -> None:
    under_test = limited()

    answer = a_client(under_test).post(CHAT, json=a_body(min_tokens=700))

    assert answer.headers[FIELD] == "700"
    assert sent(under_test) == 700


def test_route_shows_the_limit_of_every_pair() -> None:
    under_test = limited()

    decision = a_client(under_test).post("/v1/route", json=a_body()).json()

    assert [each["prediction"]["default_max_tokens"] for each in decision["ranked"]] == [LIMIT] * 2


def test_a_predicted_length_is_no_longer_than_the_limit() -> None:
    free, short = limited(limit=None), limited(limit=3)

    def predicted(under_test: GatewayUnderTest) -> int:
        decision = a_client(under_test).post("/v1/route", json=a_body()).json()
        return int(decision["ranked"][0]["prediction"]["output_tokens"])

    assert predicted(free) > 3
    assert predicted(short) == 3


def test_a_pair_that_takes_over_brings_its_own_limit() -> None:
    pairs = [replace(pair, default_max_tokens={"cheap": 100}.get(pair.id, 200)) for pair in PAIRS]
    scripts = {"cheap": Script(error=EngineFailed("cheap", "died"))}
    under_test = gateway_under_test(scripts, pairs=pairs)

    answer = a_client(under_test).post(CHAT, json=a_body())

    assert (answer.json()["model"], answer.headers[FIELD]) == ("dear", "200")
    assert [call.body["max_tokens"] for _, call in under_test.engine.calls] == [100, 200]


def test_a_pairs_limit_wins_over_the_fleets() -> None:
    args = {
        "pairs": [
            {
                "id": pair_id,
                "model": "m",
                "checkpoint": "c",
                "quantization": {"name": "bf16", "weight_bits": 16, "activations": "bf16"},
                "hardware": {"accelerator": "CPU", "count": 1, "usd_per_hour": 1},
                "context_window": 2048,
                "max_concurrency": 8,
                **own,
            }
            for pair_id, own in (("a", {}), ("b", {"default_max_tokens": 64}))
        ],
        "routing": {"reference_pair": "a", "static_fallback": "a", "default_max_tokens": LIMIT},
    }

    settings = parse_args(args)

    pairs = Snapshot.of(None, settings.routing.policy, settings.deployed).pairs

    assert {pair.id: pair.default_max_tokens for pair in pairs} == {"a": LIMIT, "b": 64}
    assert RoutingSettings(reference_pair="a", static_fallback=("a",)).default_max_tokens is None

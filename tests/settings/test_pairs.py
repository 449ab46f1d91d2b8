"""A pair is deployed with the router, in its own application, or runs at a URL."""

from __future__ import annotations

from typing import Any

import pytest

from serve_app.core.profile import PerTokenPrice
from serve_app.settings import SettingsError, parse_args, parse_pair
from serve_app.settings.plain_secrets import plain_secrets

HOSTED = {"accelerator": "hosted", "count": 1, "usd_per_hour": 0}
URL = {"url": "https://host/v1", "hardware": HOSTED}


def a_pair(id: str = "pair-a", **fields: Any) -> dict[str, Any]:
    return {
        "id": id,
        "model": "model-a",
        "quantization": {"name": "bf16", "weight_bits": 16, "activations": "bf16"},
        "hardware": {"accelerator": "CPU", "count": 1, "usd_per_hour": 1},
        "context_window": 2048,
        "max_concurrency": 8,
        **({} if "url" in fields else {"checkpoint": id}),
        **fields,
    }


def a_fleet(*pairs: dict[str, Any], **fields: Any) -> dict[str, Any]:
    first = pairs[0]["id"]
    routing = {"reference_pair": first, "static_fallback": first}
    return {"pairs": list(pairs), "routing": routing, **fields}


def test_each_pair_runs_in_one_place() -> None:
    args = parse_args(
        a_fleet(a_pair("inside"), a_pair("outside", app="own"), a_pair("hosted", **URL))
    )
    assert [pair.id for pair in args.composed] == ["inside"]
    assert args.applications == {"outside": "own"}
    assert [pair.id for pair in args.endpoints] == ["hosted"]
    assert set(args.max_replicas) == {"inside", "outside"}
    assert [pair.id for pair in args.deployed] == ["inside", "outside", "hosted"]


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"checkpoint": ""}, "pairs[0].checkpoint: "),
        ({"api_key": "${KEY}"}, "pairs[0].api_key: is for a pair with a url"),
        ({"served_model": "m"}, "pairs[0].served_model: is for a pair with a url"),
        ({"hardware": HOSTED}, "pairs[0].hardware: the accelerator hosted is for a pair with a"),
        (
            {
                "hardware": {
                    "accelerator": "CPU",
                    "count": 1,
                    "usd_per_hour": 1,
                    "usd_per_mtok": {"input": 1, "output": 2},
                }
            },
            "pairs[0].hardware: usd_per_mtok is for a pair with a url",
        ),
        ({**URL, "app": "own"}, "pairs[0].app: a pair with a url has no application"),
        ({**URL, "engine": {"dtype": "half"}}, "pairs[0].engine: a pair with a url deploys no"),
        ({**URL, "env": {"A": "b"}}, "pairs[0].env: a pair with a url deploys no engine"),
        ({**URL, "url": "ftp://host"}, "pairs[0].url: it is no address of an endpoint"),
        ({**URL, "url": "host:8000/v1"}, "pairs[0].url: it is no address of an endpoint"),
        ({**URL, "url": "http://"}, "pairs[0].url: it is no address of an endpoint"),
        ({**URL, "url": "http://host:99999"}, "pairs[0].url: it is no address"),
        ({**URL, "url": "https://host/v1?key=abc"}, "pairs[0].url: it is no address of an"),
        ({**URL, "url": "https://host/v 1"}, "pairs[0].url: it contains spaces"),
        ({**URL, "connect_timeout_s": 0}, "pairs[0].connect_timeout_s: "),
    ],
)
def test_a_field_that_does_not_go_with_the_place_is_refused(
    fields: dict[str, Any], problem: str
) -> None:
    with pytest.raises(SettingsError) as refused:
        parse_args(a_fleet(a_pair(**fields)))
    assert problem in str(refused.value)


def test_a_missing_checkpoint_is_named() -> None:
    pair = a_pair()
    del pair["checkpoint"]
    with pytest.raises(SettingsError, match=r"pairs\[0\]\.checkpoint: is missing"):
        parse_args(a_fleet(pair))


def test_one_application_holds_one_pair() -> None:
    with pytest.raises(SettingsError, match="'own' is already the app of pairs"):
        parse_args(a_fleet(a_pair("pair-a", app="own"), a_pair("pair-b", app="own")))


def test_a_password_in_a_url_is_refused_and_never_shown() -> None:
    with pytest.raises(SettingsError) as refused:
        parse_args(a_fleet(a_pair(**URL | {"url": "https://me:s3cret@host/v1"})))
    assert "put the key into api_key" in str(refused.value)
    assert "s3cret" not in str(refused.value)


def test_a_wrong_key_is_never_shown() -> None:
    with pytest.raises(SettingsError) as refused:
        parse_args(a_fleet(a_pair(**URL, api_key=123456)))
    assert "123456" not in str(refused.value)


def test_a_key_in_plain_text_is_found() -> None:
    plain, named = a_pair("a", **URL, api_key="sk-1"), a_pair("b", **URL, api_key="${KEY}")
    assert plain_secrets(parse_args(a_fleet(plain, named))) == ("pairs[0].api_key",)


def test_an_endpoint_may_charge_by_the_token() -> None:
    hardware = {**HOSTED, "usd_per_mtok": {"input": 0.15, "output": 0.6}}
    args = parse_args(a_fleet(a_pair(url="https://host/v1/", hardware=hardware)))
    assert args.endpoints[0].url == "https://host/v1"
    assert args.endpoints[0].hardware.usd_per_mtok == PerTokenPrice(input=0.15, output=0.6)


def test_a_pairs_own_application_takes_the_pairs_part_of_the_fleet() -> None:
    assert parse_pair(a_pair(app="own")).app == "own"
    with pytest.raises(SettingsError, match="url: a pair with a url is not deployed"):
        parse_pair(a_pair(**URL))
    with pytest.raises(SettingsError, match="pears: unknown setting"):
        parse_pair(a_pair(pears=1))


def test_replicas_drain_longer_than_the_longest_answer() -> None:
    own = a_pair("b", replicas={"drain_timeout_s": 5})
    args = parse_args(a_fleet(a_pair("a"), own, longest_answer_s=100))
    assert [pair.replicas.drain_timeout_s for pair in args.composed] == [130, 5]
    assert args.drain_s(args.ingress) == 130
    assert parse_pair(a_pair()).replicas.drain_s() == 630

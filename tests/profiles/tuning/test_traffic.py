"""Histograms from pages of metrics and from a server that answers as Prometheus does."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from profiles.tuning.traffic import TrafficUnreadable, read_pages, read_prometheus
from tests.profiles.tuning.pages import a_page, serving

QUERY = "/api/v1/query"


def vector(buckets: dict[str, dict[str, str]]) -> str:
    """An instant vector, as Prometheus writes it: numbers as text."""
    result = [
        {"metric": {"pair": pair, "le": le}, "value": [1700000000.5, count]}
        for pair, counts in buckets.items()
        for le, count in counts.items()
    ]
    return json.dumps({"status": "success", "data": {"resultType": "vector", "result": result}})


def test_the_pages_of_replicas_are_added_by_pair(tmp_path: Path) -> None:
    kept = tmp_path / "replica-b.txt"
    kept.write_text(a_page({"a": [5_000], "b": [40]}))

    with serving({"/metrics": a_page({"a": [100, 5_000]})}) as url:
        traffic = read_pages([f"{url}/metrics", str(kept)])

    assert {pair: histogram.seen for pair, histogram in traffic.items()} == {"a": 3, "b": 1}
    assert traffic["a"].share_above(4_096) == pytest.approx(2 / 3)


def test_prometheus_is_asked_for_the_increase_over_all_routers() -> None:
    asked: list[str] = []
    answer = vector({"a": {"1024.0": "7.2", "+Inf": "9.1"}})

    with serving({QUERY: answer}, asked=asked) as url:
        traffic = read_prometheus(url, over="2d")

    (query,) = parse_qs(urlsplit(asked[0]).query)["query"]
    assert query == "sum by (pair, le) (increase(quantroute_context_tokens_bucket[2d]))"
    assert traffic["a"].seen == pytest.approx(9.1)


def test_increases_that_cross_by_a_hair_are_still_a_histogram() -> None:
    answer = vector({"a": {"+Inf": "9.0999999", "1024.0": "7.2", "2048.0": "9.1"}})

    with serving({QUERY: answer}) as url:
        assert read_prometheus(url, over="7d")["a"].counts == (7.2, 9.1, 9.1)


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("<html>welcome</html>", "is no page of metrics"),
        ("python_info 1.0\n", "has no quantroute_context_tokens: has any request been answered"),
        (
            'quantroute_context_tokens_bucket{pair="a",le="8.0"} 3.0\n',
            "has no quantroute_context_tokens",
        ),
    ],
)
def test_a_page_without_contexts_is_told_from_one_of_a_router(
    tmp_path: Path, text: str, cause: str
) -> None:
    page = tmp_path / "page.txt"
    page.write_text(text)

    with pytest.raises(TrafficUnreadable) as unreadable:
        read_pages([str(page)])

    assert str(unreadable.value).startswith(f"{page}: ")
    assert cause in str(unreadable.value)


def test_an_address_that_does_not_have_it_is_named() -> None:
    with serving({}) as url, pytest.raises(TrafficUnreadable, match="answers 404"):
        read_pages([f"{url}/metrics"])


def test_nobody_at_an_address_is_told(tmp_path: Path) -> None:
    with serving({}) as url:
        gone = url

    with pytest.raises(TrafficUnreadable, match="does not answer"):
        read_pages([gone])
    with pytest.raises(TrafficUnreadable, match="cannot be read"):
        read_pages([str(tmp_path / "none.txt")])


@pytest.mark.parametrize(
    ("answer", "cause"),
    [
        ('{"status":"error","error":"parse error"}', "refuses the query: parse error"),
        ("hello", "does not answer as Prometheus does"),
        (vector({}), "has no quantroute_context_tokens"),
        (vector({"a": {"1024.0": "1", "+Inf": "NaN"}}), "does not answer as Prometheus does"),
    ],
)
def test_what_prometheus_has_to_say_against_it_is_passed_on(answer: str, cause: str) -> None:
    with serving({QUERY: answer}) as url, pytest.raises(TrafficUnreadable, match=cause):
        read_prometheus(url, over="7d")

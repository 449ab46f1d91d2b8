"""A profile of another machine is scaled by single requests on this one."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import httpx2
import pytest

from profiles.profiling.scale import (
    LARGEST_FACTOR,
    PROMPT_WORDS,
    ROUNDS,
    NotScaled,
    SingleRequest,
    SpeedFactors,
    measure_single_requests,
    scaled,
    speed_factors,
)
from serve_app.core.errors import EngineFailed
from serve_app.core.profile import Profile
from serve_app.core.surface import read_surface
from serve_app.testing import Script
from tests.api.apps import an_app
from tests.builders import a_profile
from tests.gateways import gateway_under_test
from tests.http_server import serving

MACHINE, DATE = "this machine", "2026-11-28"


def requests_at(profile: Profile, *, ttft: float, tpot: float) -> list[SingleRequest]:
    """What a machine shows that needs `ttft` and `tpot` times the profile's medians."""
    found = []
    for prompt_tokens in (60, 61, 62, 400, 401, 402):
        expected = read_surface(profile.latency, concurrency=1, prompt_tokens=prompt_tokens, z=0.0)
        found.append(
            SingleRequest(
                prompt_tokens=prompt_tokens,
                ttft_ms=expected.ttft_p50_ms * ttft,
                tpot_ms=expected.tpot_p50_ms * tpot,
            )
        )
    return found


def test_a_slower_machine_has_factors_above_one() -> None:
    profile = a_profile("small")

    factors = speed_factors(profile, requests_at(profile, ttft=1.9, tpot=1.4))

    assert factors.ttft == pytest.approx(1.9, rel=0.01)
    assert factors.tpot == pytest.approx(1.4, rel=0.01)


def test_work_next_to_the_requests_changes_little_while_one_of_a_length_is_undisturbed() -> None:
    profile = a_profile("small")
    requests = requests_at(profile, ttft=1.0, tpot=1.0)
    for disturbed in (0, 1, 3, 5):
        request = requests[disturbed]
        requests[disturbed] = SingleRequest(
            prompt_tokens=request.prompt_tokens,
            ttft_ms=request.ttft_ms * 50,
            tpot_ms=request.tpot_ms * 50,
        )

    factors = speed_factors(profile, requests)

    assert (factors.ttft, factors.tpot) == pytest.approx((1.0, 1.0), rel=0.05)


@pytest.mark.parametrize("factor", [LARGEST_FACTOR * 1.1, 0.9 / LARGEST_FACTOR])
def test_a_factor_that_no_machine_explains_is_refused(factor: float) -> None:
    profile = a_profile("small")

    with pytest.raises(NotScaled, match=r"small: TTFT is .*quantroute profile"):
        speed_factors(profile, requests_at(profile, ttft=factor, tpot=1.0))


def test_latency_and_throughput_are_scaled_and_the_rest_stays() -> None:
    profile = a_profile("small")

    here = scaled(profile, SpeedFactors(ttft=2.0, tpot=4.0), requests=6, machine=MACHINE, date=DATE)

    for concurrency, prompt_tokens in ((1, 64), (4, 300)):
        before, after = (
            read_surface(
                each.latency, concurrency=concurrency, prompt_tokens=prompt_tokens, z=1.645
            )
            for each in (profile, here)
        )
        assert after.ttft_ms == pytest.approx(before.ttft_ms * 2.0)
        assert after.tpot_ms == pytest.approx(before.tpot_ms * 4.0)
    assert here.throughput.prefill_tokens_per_s == profile.throughput.prefill_tokens_per_s / 2.0
    assert here.throughput.decode_tokens_per_s == tuple(
        rate / 4.0 for rate in profile.throughput.decode_tokens_per_s
    )
    assert (here.accuracy, here.memory, here.golden) == (
        profile.accuracy,
        profile.memory,
        profile.golden,
    )


def test_a_scaled_profile_is_marked_and_names_what_it_was_made_of() -> None:
    profile = a_profile("small")

    here = scaled(
        profile, SpeedFactors(ttft=1.25, tpot=0.8), requests=6, machine=MACHINE, date=DATE
    )

    assert (here.provenance.origin, here.provenance.machine) == ("scaled", MACHINE)
    assert here.provenance.date == DATE
    assert "TTFT times 1.250 and TPOT times 0.800" in here.provenance.sources["latency"]
    assert profile.provenance.date in here.provenance.sources["latency"]


@pytest.fixture
def client() -> Iterator[httpx2.Client]:
    """A router whose pair `cheap` answers in five tokens and whose pair `dear` fails."""
    scripts = {
        "cheap": Script(tokens=("a", "b", "c", "d", "e"), prompt_tokens=50),
        "dear": Script(error=EngineFailed("dear", "died")),
    }
    with (
        serving(an_app(gateway_under_test(scripts))) as url,
        httpx2.Client(base_url=url) as client,
    ):
        yield client


def test_single_requests_are_timed_through_the_router(client: httpx2.Client) -> None:
    clock = count()

    requests = measure_single_requests(client, "cheap", now=lambda: next(clock) / 10)

    assert len(requests) == ROUNDS * len(PROMPT_WORDS)
    assert {request.prompt_tokens for request in requests} == {50}
    # A tick at the start and one for each of five tokens.
    assert [request.ttft_ms for request in requests] == pytest.approx([100.0] * len(requests))
    assert [request.tpot_ms for request in requests] == pytest.approx([100.0] * len(requests))


def test_a_slow_machine_is_timed_by_one_request_of_each_length(client: httpx2.Client) -> None:
    clock = count()

    requests = measure_single_requests(client, "cheap", now=lambda: float(next(clock)))

    assert len(requests) == len(PROMPT_WORDS)


def test_a_pair_that_fails_is_named(client: httpx2.Client) -> None:
    with pytest.raises(NotScaled, match="dear: 503"):
        measure_single_requests(client, "dear")


def test_a_router_that_is_away_is_named() -> None:
    with (
        httpx2.Client(base_url="http://127.0.0.1:9") as nothing,
        pytest.raises(NotScaled, match="cheap: ConnectError"),
    ):
        measure_single_requests(nothing, "cheap")

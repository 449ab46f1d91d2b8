"""The shipped profiles are scaled to this machine by requests to the running fleet."""

from __future__ import annotations

from pathlib import Path

import httpx2
import pytest

from profiles.profiling.first_start import scale_on_first_start
from serve_app.store.file_store import FileStore, read_profiles
from tests.catalogs import write_profile
from tests.paths import SMOLLM2_PROFILES
from tests.serving.running_fleet import PAIRS, Fleet

pytestmark = [pytest.mark.ray, pytest.mark.vllm]


async def test_every_pair_is_timed_and_its_profile_scaled(fleet: Fleet, tmp_path: Path) -> None:
    shipped = read_profiles(SMOLLM2_PROFILES)
    for profile in shipped:
        write_profile(tmp_path / "shipped", profile)
    store = FileStore(tmp_path / "store")
    timed: list[str] = []

    with httpx2.Client(base_url=fleet.url) as client:
        found = await scale_on_first_start(
            store,
            FileStore(tmp_path / "shipped"),
            sorted(PAIRS),
            client=client,
            progress=timed.append,
        )

    assert found is not None
    assert (found.failed, timed) == ({}, sorted(PAIRS))
    published = (await store.load()).profiles
    for pair, factors in found.factors.items():
        here, there = published[pair], shipped.profiles[pair]
        assert here.provenance.origin == "scaled"
        assert here.latency.ttft_ms.p50[0][0] == pytest.approx(
            there.latency.ttft_ms.p50[0][0] * factors.ttft
        )
        assert here.accuracy == there.accuracy

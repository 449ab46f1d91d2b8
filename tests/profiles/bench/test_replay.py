"""Predictions put to the test, with loads that a stand-in answers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from profiles.bench.replay import (
    PairReplay,
    ReplayBench,
    ReplayPlan,
    as_document,
    profile_to_judge,
    replay,
    report,
)
from profiles.errors import MeasurementUnusable
from profiles.profiling.loadgen import Load
from profiles.profiling.point import Round
from profiles.profiling.profile_file import profile_path, write_profile
from serve_app.core.profile import Profile
from serve_app.core.surface import read_surface
from tests.catalogs import a_profile
from tests.profiles.samples import a_pair, a_spec

PLAN = ReplayPlan(concurrency=(2, 3), prompt_tokens=(100,), output_tokens=11, samples=20, seed=7)


class AsProfiled:
    """An engine that takes `slower` times what the profile says."""

    def __init__(self, profile: Profile, *, slower: float = 1.0) -> None:
        self.loads: list[Load] = []
        self._profile = profile
        self._slower = slower

    async def run(self, load: Load, result_path: Path) -> Round:
        self.loads.append(load)
        surface = read_surface(
            self._profile.latency,
            concurrency=load.concurrency,
            prompt_tokens=load.prompt_tokens,
            z=0.0,
        )
        ttft_ms, tpot_ms = surface.ttft_p50_ms * self._slower, surface.tpot_p50_ms * self._slower
        return Round(
            ttft_ms=(ttft_ms,) * 4,
            tpot_ms=(tpot_ms,) * 4,
            e2e_ms=tuple(ttft_ms + (tokens - 1) * tpot_ms for tokens in (5, 9, 11, 20)),
            output_tokens=(5, 9, 11, 20),
        )


async def replayed(profile: Profile, *, slower: float, folder: Path) -> ReplayBench:
    engine = AsProfiled(profile, slower=slower)
    places = await replay(engine, profile, PLAN, folder / "round.json")
    return ReplayBench(pairs=(PairReplay(pair=profile.pair, places=places),))


async def test_an_engine_that_does_what_its_profile_says_is_predicted_to_the_millisecond(
    tmp_path: Path,
) -> None:
    result = await replayed(a_profile(), slower=1.0, folder=tmp_path)

    assert result.error == pytest.approx(0, abs=1e-9)
    assert result.met


async def test_answers_of_any_length_are_judged_by_their_own_length(tmp_path: Path) -> None:
    other_words = replace(a_profile(), tokens_ratio=1.25)

    result = await replayed(other_words, slower=1.0, folder=tmp_path)

    assert result.error < 0.02


async def test_a_slower_engine_misses_the_target_and_the_report_says_so(tmp_path: Path) -> None:
    result = await replayed(a_profile(), slower=2.0, folder=tmp_path)

    (place, _) = result.pairs[0].places
    assert result.error == pytest.approx(0.5)
    assert (place.e2e_bias, place.ttft_error, place.tpot_error) == pytest.approx((-0.5,) * 3)
    assert "the target of 20% is MISSED" in report(result)
    assert as_document(result)["met"] is False


async def test_every_place_is_replayed_with_prompts_of_its_own_after_a_warm_up(
    tmp_path: Path,
) -> None:
    engine = AsProfiled(a_profile())

    places = await replay(engine, a_profile(), PLAN, tmp_path / "round.json")

    assert [(place.concurrency, place.prompt_tokens) for place in places] == [(2, 100), (3, 100)]
    assert len({load.seed for load in engine.loads}) == len(engine.loads) == 3


@pytest.mark.parametrize(
    ("plan", "complaint"),
    [
        (replace(PLAN, concurrency=(2, 4)), "concurrency 4 is one that the profile"),
        (replace(PLAN, prompt_tokens=(32,)), "prompt length 32 is one that the profile"),
        (replace(PLAN, concurrency=(9,)), "concurrency 9 is more than the 8 requests"),
    ],
    ids=["a profiled concurrency", "a profiled length", "more than it runs"],
)
def test_a_place_that_tests_no_prediction_is_refused(
    tmp_path: Path, plan: ReplayPlan, complaint: str
) -> None:
    write_profile(profile_path(tmp_path, a_pair()), a_profile("tiny-bf16"))

    with pytest.raises(MeasurementUnusable, match=complaint):
        profile_to_judge(a_spec(), tmp_path, plan)


def test_a_pair_without_a_profile_is_named_with_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(MeasurementUnusable, match="run `quantroute profile tiny-bf16` first"):
        profile_to_judge(a_spec(), tmp_path, PLAN)

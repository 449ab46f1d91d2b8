"""What counts as moved between two measurements of a pair."""

from __future__ import annotations

from dataclasses import replace

import pytest

from profiles.drift.change import Change, PairDrift, Tolerances
from profiles.drift.compare import compare
from serve_app.core.profile import (
    Hardware,
    LatencySurface,
    MedianError,
    Memory,
    Profile,
    Quantiles,
    TaskAccuracy,
    Throughput,
)
from tests.builders import a_profile, a_quantity, a_surface

TOLERANCES = Tolerances(
    latency=0.10,
    latency_unsure=0.20,
    throughput=0.10,
    cold_start=0.25,
    memory=0.10,
    demote=0.25,
)


def a_pair_at(
    *,
    tpot_ms: float = 10.0,
    error_ms: float | None,
    levels: tuple[int, ...] = (1,),
    lengths: tuple[int, ...] = (64,),
) -> Profile:
    """Its median TPOT is the same at every load, each sure to within `error_ms`."""
    profile = at_loads(levels, lengths, tpot_ms=tpot_ms)
    if error_ms is None:
        return profile
    cells = ((error_ms,) * len(lengths),) * len(levels)
    samples = ((30,) * len(lengths),) * len(levels)
    error = MedianError(ttft_ms=cells, tpot_ms=cells, samples=samples)
    return replace(profile, latency=replace(profile.latency, median_error=error))


def at_loads(
    levels: tuple[int, ...],
    lengths: tuple[int, ...],
    *,
    ttft_ms: float = 50.0,
    tpot_ms: float = 10.0,
) -> Profile:
    def flat(value: float) -> Quantiles:
        cells = ((value,) * len(lengths),) * len(levels)
        return Quantiles(p50=cells, p95=cells, p99=cells)

    surface = LatencySurface(
        concurrency=levels, prompt_tokens=lengths, ttft_ms=flat(ttft_ms), tpot_ms=flat(tpot_ms)
    )
    return a_profile(
        latency=surface,
        throughput=Throughput(prefill_tokens_per_s=1, decode_tokens_per_s=(1,) * len(levels)),
    )


def drift(before: Profile, after: Profile) -> PairDrift:
    return compare(before, after, TOLERANCES)


def directions(before: Profile, after: Profile) -> set[tuple[str, str]]:
    return {(change.quantity, change.direction) for change in drift(before, after).changes}


def test_the_same_measurement_has_not_moved() -> None:
    found = drift(a_profile(), a_profile())

    assert (found.changes, found.notes) == ((), ())


@pytest.mark.parametrize(
    ("tpot_ms", "error_ms", "moved"),
    [
        (12.5, 0.5, "worse"),
        (8.0, 0.5, "better"),
        (10.9, 0.1, None),
        (12.5, 1.3, None),
        (11.9, None, None),
        (12.5, None, "worse"),
    ],
    ids=[
        "slower beyond both errors",
        "faster beyond both errors",
        "sure but within the tolerance",
        "within both errors together",
        "unsure and within its tolerance",
        "unsure and beyond its tolerance",
    ],
)
def test_a_median_moves_beyond_both_its_errors_and_the_tolerance(
    tpot_ms: float, error_ms: float | None, moved: str | None
) -> None:
    before = a_pair_at(tpot_ms=10.0, error_ms=error_ms)

    changes = directions(before, a_pair_at(tpot_ms=tpot_ms, error_ms=error_ms))

    assert changes == ({("TPOT p50", moved)} if moved else set())


def test_where_only_one_measurement_is_sure_the_wider_tolerance_holds() -> None:
    before = a_pair_at(tpot_ms=10.0, error_ms=None)

    assert directions(before, a_pair_at(tpot_ms=11.5, error_ms=0.1)) == set()
    assert directions(before, a_pair_at(tpot_ms=12.5, error_ms=0.1)) == {("TPOT p50", "worse")}


def test_a_move_says_what_where_and_by_how_much() -> None:
    before, after = a_surface(), a_surface()
    slower = replace(a_quantity(10.0), p50=((10.0, 10.0), (13.8, 10.0), (10.0, 10.0)))

    (change,) = drift(
        a_profile(latency=before), a_profile(latency=replace(after, tpot_ms=slower))
    ).changes

    assert str(change) == "TPOT p50 +38% at 4 at once with 128 prompt tokens (10 -> 13.8 ms)"
    assert change.demotes


def test_a_slowdown_everywhere_shows_although_no_single_median_is_sure_of_it() -> None:
    levels, lengths = (1, 2, 4, 8), (64, 512)
    before = a_pair_at(tpot_ms=10, error_ms=2, levels=levels, lengths=lengths)

    (change,) = drift(
        before, a_pair_at(tpot_ms=13, error_ms=2, levels=levels, lengths=lengths)
    ).changes

    assert str(change) == "TPOT p50 +30% over all 8 loads (10 -> 13 ms)"
    assert change.demotes


def test_errors_at_every_load_do_not_make_all_of_them_together_move() -> None:
    levels, lengths = (1, 2, 4, 8), (64, 512)
    before = a_pair_at(tpot_ms=10, error_ms=5, levels=levels, lengths=lengths)

    after = a_pair_at(tpot_ms=12, error_ms=5, levels=levels, lengths=lengths)

    assert drift(before, after).changes == ()


def test_only_loads_that_both_measured_are_compared() -> None:
    before = at_loads((1, 4), (64, 512), ttft_ms=50)
    after = at_loads((1, 2, 4, 8), (512,), ttft_ms=100)

    places = {change.place for change in drift(before, after).changes}

    assert places == {
        "over all 2 loads",
        "at 1 at once with 512 prompt tokens",
        "at 4 at once with 512 prompt tokens",
    }


def test_other_loads_than_before_are_said_not_to_be_compared() -> None:
    before = at_loads((1, 4), (64,), ttft_ms=50)

    found = drift(before, at_loads((2, 8), (64,), ttft_ms=100))

    assert found.changes == ()
    assert found.notes == ("measured at other loads than before: latency not compared",)


def test_other_hardware_is_not_compared_in_speed() -> None:
    moved = replace(
        a_profile(tpot_ms=100.0, cold_start_s=500),
        hardware=Hardware(accelerator="A10G", count=1, usd_per_hour=1),
    )

    found = drift(a_profile(), moved)

    assert found.changes == ()
    assert "measured on 1 x A10G, before on 1 x cpu" in found.notes[0]


def test_another_engine_is_said() -> None:
    found = drift(a_profile(), replace(a_profile(), engine_version="0.33.0"))

    assert found.notes == ("engine 0.32.0 -> 0.33.0",)


GIB = 2**30
MEMORY = Memory(
    weights_bytes=1000, kv_cache_bytes=1000, peak_bytes=10 * GIB, kv_cache_tokens=10_000
)


@pytest.mark.parametrize(
    ("after", "told", "demotes"),
    [
        (
            a_profile(
                throughput=Throughput(prefill_tokens_per_s=850, decode_tokens_per_s=(50, 100, 200))
            ),
            "prefill -15% (1000 -> 850 tokens/s)",
            False,
        ),
        (
            a_profile(
                throughput=Throughput(prefill_tokens_per_s=1000, decode_tokens_per_s=(50, 100, 140))
            ),
            "highest output rate -30% (200 -> 140 tokens/s)",
            True,
        ),
        (a_profile(cold_start_s=60), "cold start +100% (30 -> 60 s)", False),
        (
            replace(a_profile(), memory=replace(MEMORY, peak_bytes=20 * GIB)),
            "peak memory +100% (10 -> 20 GiB)",
            False,
        ),
        (
            replace(a_profile(), memory=replace(MEMORY, kv_cache_tokens=2_000)),
            "KV cache -80% (1e+04 -> 2000 tokens)",
            False,
        ),
    ],
)
def test_only_what_a_request_feels_demotes(after: Profile, told: str, demotes: bool) -> None:
    before = replace(a_profile(), memory=MEMORY)
    same_memory = replace(after, memory=after.memory if after.memory.kv_cache_tokens else MEMORY)

    (change,) = drift(before, same_memory).changes

    assert (str(change), change.direction, change.demotes) == (told, "worse", demotes)


def test_a_figure_that_one_measurement_lacks_is_not_compared() -> None:
    before = replace(a_profile(), memory=replace(MEMORY, kv_cache_tokens=None))

    assert drift(before, replace(a_profile(), memory=MEMORY)).changes == ()


def with_accuracy(mean: float, lower: float, upper: float, *, items: int = 200) -> Profile:
    return replace(
        a_profile(),
        accuracy={
            "overall": TaskAccuracy(mean=mean, lower=lower, upper=upper, items=items),
        },
    )


@pytest.mark.parametrize(
    ("after", "moved"),
    [
        (with_accuracy(0.60, 0.53, 0.67), ("worse", True)),
        (with_accuracy(0.95, 0.91, 0.97), ("better", False)),
        (with_accuracy(0.75, 0.69, 0.81), None),
    ],
)
def test_accuracy_moves_when_the_interval_of_its_difference_leaves_zero(
    after: Profile, moved: tuple[str, bool] | None
) -> None:
    changes = drift(with_accuracy(0.80, 0.74, 0.85), after).changes

    assert [(change.direction, change.demotes) for change in changes] == ([moved] if moved else [])


def test_a_task_that_is_new_is_not_compared() -> None:
    after = replace(
        a_profile(),
        accuracy={**a_profile().accuracy, "code": TaskAccuracy(mean=0.1, lower=0.05, items=50)},
    )

    assert drift(a_profile(), after).changes == ()


def asked(profile: Profile, evaluation: str) -> Profile:
    return replace(profile, provenance=replace(profile.provenance, evaluation=evaluation))


def test_accuracy_on_other_questions_is_not_compared() -> None:
    before = asked(with_accuracy(0.9, 0.85, 0.95), "questions a")

    found = drift(before, asked(with_accuracy(0.1, 0.05, 0.15), "questions b"))

    assert found.changes == ()
    assert found.notes == ("evaluated on other questions than before: accuracy not compared",)


def test_the_worst_of_what_demotes_comes_first() -> None:
    changes = tuple(
        Change(
            quantity="TPOT p50",
            place="",
            before=10,
            after=after,
            unit="ms",
            direction="worse",
            demotes=after > 12,
        )
        for after in (13, 19, 11)
    )

    demoting = PairDrift(pair="a", changes=changes).demoting

    assert [change.after for change in demoting] == [19, 13]

"""What a profiling run says of what it found."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from profiles.cli.profile import profile_document, profile_line, profile_table
from profiles.profiling.profiler import Failed, FleetRun, Written
from tests.profiles.samples import a_fitted_profile, a_point


def a_run() -> FleetRun:
    """One pair at 50 ms and 20 ms alone, 90 ms and 30 ms at 8 at once, one answer of two right."""
    points = [
        a_point(concurrency=level, prompt_tokens=length, ttft_ms=ttft_ms, tpot_ms=tpot_ms)
        for level, tpot_ms, waits_ms in ((1, 20.0, (50.0, 250.0)), (8, 30.0, (90.0, 400.0)))
        for length, ttft_ms in zip((64, 512), waits_ms, strict=True)
    ]
    profile = a_fitted_profile(*points)
    return FleetRun(
        written=(Written(path=Path("data/tiny/tiny-bf16@CPU.json"), profile=profile),),
        failed=(Failed(pair="tiny-int4", cause="no such device"),),
    )


def test_a_machine_reads_paths_figures_and_failures_in_one_document() -> None:
    document = json.loads(profile_document(a_run(), Path("report.html")))

    (written,) = document["written"]
    assert written["path"] == "data/tiny/tiny-bf16@CPU.json"
    assert [place["concurrency"] for place in written["latency"]] == [1, 8]
    assert [place["ttft_p50_ms"] for place in written["latency"]] == pytest.approx(
        [50, 90], rel=0.02
    )
    assert written["accuracy"]["mean"] == 0.5
    assert 0 < written["accuracy"]["lower"] < 0.5 < written["accuracy"]["upper"] < 1
    assert document["report"] == "report.html"
    assert document["failed"] == [{"pair": "tiny-int4", "cause": "no such device"}]


def test_a_token_is_dearer_the_less_a_replica_is_busy() -> None:
    run = a_run()
    busy = run.written[0].profile
    idle = replace(busy, throughput=replace(busy.throughput, utilization=0.25))
    idle_run = replace(run, written=(replace(run.written[0], profile=idle),))

    prices = [
        json.loads(profile_document(each, None))["written"][0]["usd_per_mtok_out"]
        for each in (run, idle_run)
    ]

    assert prices[1] == pytest.approx(2 * prices[0])


def test_people_read_a_row_per_pair_in_a_narrow_terminal() -> None:
    shown = io.StringIO()

    Console(file=shown, width=80).print(profile_table(a_run()))

    row = next(line for line in shown.getvalue().splitlines() if "tiny-bf16" in line)
    assert "50, 20.2" in row
    assert "91, 30.3 (8)" in row
    assert "0.09-0.91" in row


def test_people_read_where_a_profile_is_and_what_its_engine_took() -> None:
    line = profile_line(a_run().written[0])

    assert line.startswith("tiny-bf16: data/tiny/tiny-bf16@CPU.json; first token after 30 s")
    assert line.endswith("rss")

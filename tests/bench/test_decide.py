from __future__ import annotations

from serve_app.bench.decide import report, run


def test_the_benchmark_of_decide_reports_quantiles_of_both_clocks() -> None:
    result = run(pairs=2, rounds=20)

    assert (result.pairs, result.rounds) == (2, 20)
    assert 0 < result.p50_us <= result.p99_us
    assert 0 < result.cpu_p50_us <= result.cpu_p99_us
    assert report(result).startswith("decide, 2 pairs, 20 rounds: p50 ")
